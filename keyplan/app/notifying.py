"""Posting one event to one address, carefully.

Rules: https, except to this very machine; certificates are verified; no redirect is
followed, because it could lead the event and its credentials elsewhere; ten seconds for
all of it, finding the host included, however slowly it answers. The address may hold a
secret (a path, a query, a user): it is never said, only its host is.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from keyplan.errors import KeyplanError, UsageError

TIMEOUT: Final = 10.0
"""Seconds for all of it."""


class Notifier:
    """An address that events can be posted to. Raises `UsageError` for one that is not fit."""

    def __init__(self, url: str, *, agent: str = "keyplan", patience: float = TIMEOUT) -> None:
        self._parts = _checked(url)
        self._agent = agent
        self._patience = patience

    @property
    def host(self) -> str:
        """What may be said of the address."""
        return str(self._parts.hostname)

    def post(self, event: Mapping[str, Any], media_type: str) -> None:
        """Send it. Raises `KeyplanError` if nobody took it in time.

        The timeout of a socket starts anew with each byte, and names are looked up without
        any: so another thread talks, and is left behind when the time is over.
        """
        request = urllib.request.Request(  # noqa: S310  (the scheme was checked)
            _without_user(self._parts),
            data=json.dumps(event, separators=(",", ":")).encode(),
            headers={"Content-Type": media_type, "User-Agent": self._agent, **self._credentials()},
            method="POST",
        )
        outcome: SimpleQueue[str] = SimpleQueue()
        Thread(target=lambda: outcome.put(self._sent(request)), daemon=True).start()
        try:
            failure = outcome.get(timeout=self._patience)
        except Empty:
            failure = _too_late(self._patience)
        if failure:
            raise KeyplanError(f"{self.host} was not notified of the drift: {failure}")

    def _sent(self, request: urllib.request.Request) -> str:
        """Why nobody took it; empty if somebody did. What is answered does not matter."""
        try:
            with self._opener().open(request, timeout=self._patience):
                return ""
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered {error.code}"
        except Exception as error:  # noqa: BLE001  (nobody else would say it, or not the address)
            return _reason(error, self._patience)

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context()
        handlers: list[Any] = [urllib.request.HTTPSHandler(context=context), _Staying()]
        if is_this_machine(self.host):
            handlers.append(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(*handlers)

    def _credentials(self) -> dict[str, str]:
        if self._parts.username is None:
            return {}
        pair = f"{unquote(self._parts.username)}:{unquote(self._parts.password or '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: its answer is then an error with that status."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Nowhere."""


def is_this_machine(host: str) -> bool:
    """Whether a host is the loopback, by name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise UsageError("--notify is not given a URL") from None
    if not host or any(character.isspace() for character in url) or port == 0:
        raise UsageError("--notify is not given a URL", advice="Write https://HOST/PATH.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host)):
        return parts
    raise UsageError(
        "--notify needs an https URL", advice="Only this machine itself may be told without TLS."
    )


def _without_user(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


def _too_late(patience: float) -> str:
    return f"no answer within {patience:g} s"


def _reason(error: Exception, patience: float) -> str:
    """What went wrong, without the address that some messages repeat."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, TimeoutError):
        return _too_late(patience)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause if isinstance(cause, Exception) else error).__name__
