"""HTTP on 127.0.0.1, one thread per connection, with connections that stay open."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.aws_double.wire import Outgoing


class Service(Protocol):
    """What answers."""

    def serve(self, path: str, headers: dict[str, str], body: bytes) -> Outgoing | None:
        """Answer a request; `None` closes the connection without one."""


class Server:
    """Listens from its construction on, answers from `start` to `stop`."""

    def __init__(self, service: Service) -> None:
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.service = service
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="kms-double"
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End, with all connections and threads."""
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128
    service: Service

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing to say: a client that hangs up is no news. Other errors go to the client."""

    def hang_up(self) -> None:
        """Close the connections that clients hold open."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            outgoing = self.server.service.serve(self.path, dict(self.headers.items()), body)
        except Exception as error:  # noqa: BLE001  (a bug of the double: the test must see it)
            outgoing = Outgoing(501, f"the double failed: {error!r}".encode(), {})
        if outgoing is None:
            self.close_connection = True
            return
        self.send_response_only(outgoing.status)
        for name, value in outgoing.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(outgoing.body)))
        self.end_headers()
        self.wfile.write(outgoing.body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the double keeps its own log."""
