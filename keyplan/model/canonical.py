"""One spelling for each value, so that equality is equality of text and digests agree.

Rules: canonical JSON has sorted keys, no white space, UTF-8, no NaN; the same value
gives the same bytes on every machine and Python. `canonical` is idempotent.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from keyplan.model.values import Reference, Unknown, Value

UNKNOWN_KEY = "$unknown"


def _encode(value: object) -> Any:
    if isinstance(value, Unknown):
        return {
            UNKNOWN_KEY: [
                part if isinstance(part, str) else {"ref": str(part)} for part in value.parts
            ]
        }
    if isinstance(value, Reference):
        return {"ref": str(value)}
    raise TypeError(f"not a value: {type(value).__name__}")


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_encode
)


def canonical_json(value: Value) -> str:
    """The value as canonical JSON text; an `Unknown` becomes `{"$unknown": [...]}`."""
    return _ENCODER.encode(value)


def digest(value: Value) -> str:
    """SHA-256 of the canonical JSON, in lower-case hexadecimal (64 characters)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def short(checksum: str) -> str:
    """A checksum as people compare it: its first eight digits in two groups, `9c41 07d2`."""
    return f"{checksum[:4]} {checksum[4:8]}"
