"""An S3 on a free port of this machine: moto's, one request at a time, with faults on order.

S3 decides one conditional write at a time for each object; moto's threads do not, so the
requests are put in a row here. A fault meets the next requests that it is for.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock, Thread
from typing import Any

from keyplan_state.s3 import S3Settings
from keyplan_state.s3_client import connect
from keyplan_state.s3_objects import Objects


@dataclass
class Fault:
    """What happens to the next `count` requests of a method whose path has `part`.

    `request lost` and `answer lost` cut the connection before and after the effect; `500`
    `503` are answered before, `500 after` after; `403` denies. `then` is called first, and is
    all that happens where `kind` is empty.
    """

    kind: str
    method: str = "PUT"
    part: str = ""
    count: int = 1
    then: Callable[[], None] | None = None


@dataclass
class Cut:
    """The network is cut for good at the `nth` PUT, which arrives still, or not."""

    nth: int
    last_arrives: bool
    puts: int = 0

    def passes(self, method: str) -> bool:
        """Whether the request is one before."""
        if self.puts < self.nth and method == "PUT":
            self.puts += 1
            return self.puts < self.nth
        return self.puts < self.nth

    def arrives(self) -> bool:
        """Whether it is that one, and has its effect."""
        arrives, self.last_arrives = self.last_arrives, False
        return arrives


_ERRORS = {
    "500": ("500 Internal Server Error", "InternalError", "We failed."),
    "500 after": ("500 Internal Server Error", "InternalError", "We failed."),
    "503": ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    "409": ("409 Conflict", "ConditionalRequestConflict", "A conflicting operation occurred."),
    "403": (
        "403 Forbidden",
        "AccessDenied",
        "User: arn:aws:iam::1:user/ci is not authorized to perform: kms:GenerateDataKey on: x",
    ),
    "expired": ("400 Bad Request", "ExpiredToken", "The provided token secret-token expired."),
}


class S3Server:
    """Start it once; a bucket for each test keeps them apart."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415  (seconds)
            DomainDispatcherApplication,
            create_backend_app,
        )
        from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *args: Any) -> None:
                pass

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = Lock()
        self.faults: list[Fault] = []
        self.ignores_conditions = False
        self.cut: Cut | None = None
        self.requests: list[tuple[str, str]] = []
        self._server = make_server("127.0.0.1", 0, self._answer, True, request_handler=Quiet)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """No more requests."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def puts(self, part: str = "") -> list[str]:
        """Paths that were written since `requests` was cleared."""
        return [path for method, path in self.requests if method == "PUT" and part in path]

    @cached_property
    def clients(self) -> tuple[Any, Any]:
        """To read and to write with; made once, since that is slow."""
        return connect(S3Settings(bucket="any", key="x", region="us-east-1",
                                  endpoint_url=self.url))  # fmt: skip

    def new_bucket(self) -> str:
        """Its name."""
        name = f"b{uuid.uuid4().hex[:20]}"
        self.clients[1].create_bucket(Bucket=name)
        return name

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        if self.cut is not None and not self.cut.passes(method):
            if self.cut.arrives():
                with self._one_at_a_time:
                    list(self._moto(environ, lambda *_: None))
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        fault = self._fault(method, path)
        if fault is not None and fault.then is not None:
            fault.then()
        kind = fault.kind if fault is not None else ""
        if self.ignores_conditions:
            environ = {k: v for k, v in environ.items() if not k.startswith("HTTP_IF_")}
        if kind in {"", "answer lost", "500 after"}:
            with self._one_at_a_time:
                found = list(self._moto(environ, (lambda *_: None) if kind else start))
            if not kind:
                return found
        if kind in _ERRORS:
            return _refusal(start, *_ERRORS[kind])
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.count and fault.method == method and fault.part in path:
                fault.count -= 1
                return fault
        return None


def _refusal(start: Any, status: str, code: str, message: str) -> list[bytes]:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("x-amz-request-id", "REQ-123"),
                   ("Content-Length", str(len(body))), ("Connection", "close")])  # fmt: skip
    return [body]


class S3Place:
    """A bucket of its own, and a key in it."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.settings = S3Settings(
            bucket=server.new_bucket(),
            key="keyplan/payments",
            region="us-east-1",
            endpoint_url=server.url,
        )

    @property
    def block(self) -> str:
        """What a stack says to keep its state here."""
        found = self.settings
        return (
            f"keyplan:\n  state:\n    s3: {{bucket: {found.bucket}, key: {found.key},"
            f" region: us-east-1, endpoint_url: '{found.endpoint_url}'}}\n\n"
        )

    def objects(self, *, sleep: Callable[[float], None] = lambda _: None) -> Objects:
        """As another process opens it."""
        reader, writer = self.server.clients
        settings = self.settings
        return Objects(reader, writer, bucket=settings.bucket, prefix=settings.key, sleep=sleep)
