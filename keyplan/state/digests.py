"""The digest that a state carries of itself, so that an edit by hand is recognised.

Rules: it is the SHA-256 of the file's bytes with sixty-four zeros in the place of the digest.
It finds accidents and edits. It is no signature: who can write the file can write the digest;
`sealed` states are authenticated.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

BLANK = "0" * 64
"""What stands in the place of the digest while it is computed."""


def signed(content: bytes) -> bytes:
    """The content with its digest in the place of `BLANK`."""
    return content.replace(_field(BLANK), _field(sha256(content).hexdigest()), 1)


def is_signed(content: bytes, said: str) -> bool:
    """Whether the digest that the content names is its own."""
    blank = content.replace(_field(said), _field(BLANK), 1)
    return hmac.compare_digest(sha256(blank).hexdigest(), said)


def _field(digest: str) -> bytes:
    return f'"digest": "{digest}"'.encode()
