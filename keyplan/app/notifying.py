"""Posting one event to one address, carefully.

Rules: https, except to this very machine; certificates are verified; no redirect is
followed, because it could lead the event and its credentials elsewhere; ten seconds. The
address may hold a secret (a path, a query, a user): it is never said, only its host is.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from keyplan.errors import KeyplanError, UsageError

TIMEOUT: Final = 10.0
"""Seconds to connect, and to wait for an answer."""


class Notifier:
    """An address that events can be posted to. Raises `UsageError` for one that is not fit."""

    def __init__(self, url: str, *, agent: str = "keyplan") -> None:
        self._parts = _checked(url)
        self._agent = agent

    @property
    def host(self) -> str:
        """What may be said of the address."""
        return str(self._parts.hostname)

    def post(self, event: Mapping[str, Any], media_type: str) -> None:
        """Send it. Raises `KeyplanError` if nobody took it."""
        request = urllib.request.Request(  # noqa: S310  (the scheme was checked)
            _without_user(self._parts),
            data=json.dumps(event, separators=(",", ":")).encode(),
            headers={"Content-Type": media_type, "User-Agent": self._agent, **self._credentials()},
            method="POST",
        )
        try:
            with self._opener().open(request, timeout=TIMEOUT):
                pass  # taken; what is answered does not matter
        except urllib.error.HTTPError as error:
            error.close()
            raise self._failed(f"it answered {error.code}") from None
        except (OSError, ValueError, HTTPException) as error:
            raise self._failed(_reason(error)) from None

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

    def _failed(self, why: str) -> KeyplanError:
        return KeyplanError(f"{self.host} was not notified of the drift: {why}")


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


def _reason(error: Exception) -> str:
    """What went wrong, without the address that some messages repeat."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause).__name__
