"""A small client of a YAML language server: opens files, collects diagnostics, asks for words."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TIMEOUT = 30.0


class LanguageServer:
    """A running server, over its standard streams."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._answers: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._diagnostics: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": self._folder.as_uri(),
                "capabilities": {"workspace": {"configuration": True}, "textDocument": {}},
            },
        )
        self._tell("initialized", {})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(TIMEOUT)

    def complaints(self, name: str, text: str) -> list[str]:
        """What the server says of a file in the folder that has this text."""
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while True:
            found = self._diagnostics.get(timeout=TIMEOUT)
            if found["uri"] == uri:
                return [
                    f"{item['range']['start']['line'] + 1}: {item['message']}"
                    for item in found["diagnostics"]
                ]

    def words(self, name: str, line: int, column: int) -> set[str]:
        """What the server offers at a place, lines and columns from 1."""
        where = {"line": line - 1, "character": column - 1}
        document = {"uri": (self._folder / name).as_uri()}
        found = self._ask("textDocument/completion", {"textDocument": document, "position": where})
        return {item["label"] for item in found["items"]}

    def _listen(self) -> None:
        stream = self._process.stdout
        while stream is not None and not stream.closed:
            length = 0
            while header := stream.readline().strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not length:
                return
            self._received(json.loads(stream.read(length)))

    def _received(self, message: Mapping[str, Any]) -> None:
        if "method" not in message:
            self._answers.put(message)
        elif message["method"] == "textDocument/publishDiagnostics":
            self._diagnostics.put(message["params"])
        elif "id" in message:
            settings = {"validate": True, "completion": True, "schemaStore": {"enable": False}}
            asked = message["params"].get("items", []) if message.get("params") else []
            result = [settings if item.get("section") == "yaml" else {} for item in asked]
            self._send({"id": message["id"], "result": result or None})

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            answer = self._answers.get(timeout=TIMEOUT)
            if answer.get("id") == self._number:
                return answer["result"]

    def _tell(self, method: str, params: Mapping[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = self._process.stdin
        assert stream is not None
        stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        stream.flush()
