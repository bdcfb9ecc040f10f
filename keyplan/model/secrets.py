"""Where a secret is, never what it is.

Rules: configuration, plan, state, journal and log carry a `SecretReference`; only a
provider resolves one, at the moment it needs it, into a `Secret` whose text no
`repr`, `str` or traceback shows.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from keyplan.errors import UnauthenticatedError

ONE_ARGON2 = Lock()
"""OpenSSL lends all Argon2 calls of a process one pool of threads, as large as one of them
asked for. Two calls at once each take a part of it and wait for the rest for ever: whoever
derives a key with Argon2 holds this."""


class Secret:
    """Bytes that do not print. Compare in constant time with `matches`."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """The bytes; call it in the argument list of what needs them, keep no copy."""
        return self._content

    def matches(self, other: bytes) -> bool:
        """Constant-time equality."""
        return hmac.compare_digest(self._content, other)

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True, slots=True)
class SecretReference:
    """`{env: NAME}` or `{file: PATH}`; exactly one of the two is set."""

    env: str = ""
    file: str = ""

    def resolve(self) -> Secret:
        """Read it now. One trailing newline of a file is not part of the secret.

        Raises `UnauthenticatedError` that names the place, never the content.
        """
        if self.env:
            text = os.environ.get(self.env)
            if not text:
                raise UnauthenticatedError(
                    f"the environment variable {self.env} is not set",
                    advice=f"Set {self.env} to the secret it should hold, and run again.",
                )
            return Secret(os.fsencode(text))
        try:
            content = Path(self.file).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its path has a null byte"
            raise UnauthenticatedError(
                f"the secret file {self.file} cannot be read: {reason}",
                advice="Check the path and its permissions (0600, owned by you).",
            ) from None
        return Secret(content.removesuffix(b"\n").removesuffix(b"\r"))

    def __str__(self) -> str:
        return f"env {self.env}" if self.env else f"file {self.file}"
