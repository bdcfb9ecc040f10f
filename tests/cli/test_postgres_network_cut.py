"""The network to PostgreSQL is cut in the middle of an apply, for good; then it is back."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from keyplan_hsm import inspection
from tests.cli.conftest import STACK, Result, Run

PIECES = (8, 16, 24, 30, 36, 42)
"""After how many pieces that went to the server the network is cut."""


class Wire:
    """A relay on this machine; `left` pieces go through to the server, and then nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._closing = threading.Event()
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.left: int | None = None
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self.left == 0:
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for args in ((client, server, self._pass), (server, client, lambda: True)):
                self._threads.append(threading.Thread(target=self._relay, args=args))
                self._threads[-1].start()

    def _relay(
        self, source: socket.socket, sink: socket.socket, passes: Callable[[], bool]
    ) -> None:
        with source, suppress(OSError):
            while (piece := source.recv(65_536)) and passes():
                sink.sendall(piece)
        _shut(sink)

    def _pass(self) -> bool:
        with self._lock:
            if self.left is None:
                return True
            if self.left > 0:
                self.left -= 1
                return True
        self._cut()
        return False

    def _cut(self) -> None:
        for end in self._open:
            _shut(end)

    def close(self) -> None:
        """Take nobody any more, and let go of everybody."""
        self._closing.set()
        self._threads[0].join()
        self._listener.close()
        self._cut()
        for thread in self._threads:
            thread.join()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(postgres_url: str) -> Iterator[Wire]:
    found = urlsplit(postgres_url)
    assert found.hostname is not None
    assert found.port is not None
    wire = Wire(found.hostname, found.port)
    yield wire
    wire.close()


@pytest.fixture
def perform(stack: Path, keyplan: Run, wire: Wire, postgres_url: str) -> Run:
    block = "keyplan:\n  state:\n    postgres: {url: {env: STATE_URL}, stack: payments}\n\n"
    (stack / "keyplan.yaml").write_text(block + STACK)
    url = re.sub(r":\d+/", f":{wire.port}/", postgres_url)

    def perform(*argv: str) -> Result:
        return keyplan(*argv, env={"STATE_URL": url})

    return perform


@pytest.mark.parametrize("pieces", PIECES)
def test_cut_in_the_middle_of_an_apply(stack: Path, perform: Run, wire: Wire, pieces: int) -> None:
    wire.left = pieces
    stopped = perform("apply", "--auto-approve")
    said = " ".join((stopped.out + stopped.err).split())
    cut = wire.left == 0
    wire.left = None
    if cut:
        assert stopped.code == 1, said
        assert "the database cannot be reached" in said
    busy = perform("resume")
    if unlock := re.search(r"keyplan (state unlock \S+)", " ".join(busy.err.split())):
        assert perform(*unlock[1].rstrip(".").split(), "--auto-approve").code == 0
        busy = perform("resume")
    assert "Traceback" not in busy.err
    again = perform("apply", "--auto-approve")
    assert again.code == 0, again.err
    assert "No changes." in perform("plan").out
    assert perform("state", "verify").code == 0
    keys = inspection.keys(stack / ".keyplan" / "hsm.db", as_json=True)
    assert keys.count('"id"') == 2
    assert cut, f"{pieces} pieces are more than a run has"
