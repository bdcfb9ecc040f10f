"""moto behind one address of this machine, for `keyplan mock aws`.

Rules: it listens on 127.0.0.1 only; one request at a time, because moto's threads race;
nothing of it is used by the provider.
"""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from keyplan.errors import UsageError
from keyplan_aws.mock_fixes import mend_moto

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"

SERVED: Final = ("kms", "sts", "iam", "s3", "resourcegroupstaggingapi")


class _Quiet(WSGIRequestHandler):
    """Connections that stay open, and no line for each request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the second half of an answer waits 40 ms

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  (werkzeug's)
        """Say nothing."""


class _Moto(DomainDispatcherApplication):
    """moto, which lists its own folders for each request to find the service of a host."""

    def __init__(self) -> None:
        super().__init__(_backend)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """The service, looked for once for each host."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


class MockServer:
    """Listens from its construction on; `serve` answers until a signal says to end."""

    def __init__(self, port: int) -> None:
        mend_moto()
        self._moto = _Moto()
        self._one_at_a_time = Lock()
        with _bound(port) as listening:
            self._server = make_server(
                HOST, port, self._answer, threaded=True, request_handler=_Quiet,
                fd=listening.fileno(),
            )  # fmt: skip
        self.url = f"http://{HOST}:{self._server.port}"

    def environment(self) -> str:
        """Lines for a shell: with these set, every AWS SDK uses this server."""
        return "\n".join(
            (
                f"export AWS_ENDPOINT_URL={self.url}",
                "export AWS_ACCESS_KEY_ID=test",
                "export AWS_SECRET_ACCESS_KEY=test",
                f"export AWS_DEFAULT_REGION={REGION}",
            )
        )

    def serve(self, ready: Callable[[], None]) -> None:
        """Answer until SIGINT or SIGTERM. `ready` is called as soon as both are heeded."""
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        Thread(target=self._server.serve_forever, daemon=True).start()
        ready()
        signal.sigwait(ends)
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._one_at_a_time:
            return list(self._moto(environ, start))


def _bound(port: int) -> socket.socket:
    """A socket that listens. Raises `UsageError` if the port is not to be had."""
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        raise UsageError(
            f"port {port} is in use" if in_use else f"port {port} cannot be listened on",
            why="" if in_use else str(error),
            advice="Perhaps another `keyplan mock aws` still runs. --port takes another port, "
            "and --port 0 a free one.",
        ) from error


def _backend(service: Any) -> Any:
    """moto's application for a service; for one that is not served, an answer that says so."""
    if service in SERVED:
        return create_backend_app(service)

    def refuse(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("501 Not Implemented", [("Content-Type", "text/plain")])
        return [f"keyplan mock aws serves {', '.join(SERVED)}, not {service}\n".encode()]

    return refuse
