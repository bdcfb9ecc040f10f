"""The envelope around what the data plane returns: which key and version made it.

Layout: `KPH1`, one octet of kind, the key's 8 octets, the version in 4 (big endian),
then the body. The header is authenticated together with the context, so that a blob
cannot be passed off as another key's, version's or kind's.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from keyplan.errors import RejectedError
from keyplan.model.canonical import canonical_json

_MAGIC = b"KPH1"
_HEADER = struct.Struct(">4sB8sI")


class Kind(IntEnum):
    """What the body is."""

    AES_GCM = 1
    RSA_OAEP = 2
    WRAPPED = 3


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob taken apart."""

    kind: Kind
    version: int
    body: bytes


def header(kind: Kind, key_id: str, version: int) -> bytes:
    """The first 17 octets."""
    return _HEADER.pack(_MAGIC, kind, bytes.fromhex(key_id.removeprefix("hk-")), version)


def bound(head: bytes, context: Mapping[str, str]) -> bytes:
    """What authenticates a body: its header and the context's canonical JSON."""
    return head + canonical_json(dict(context)).encode()


def parse(blob: bytes, key_id: str, kinds: tuple[Kind, ...]) -> Blob:
    """Take a blob apart. Raises `RejectedError` if it is not one of this key's and these kinds."""
    if len(blob) < _HEADER.size or not blob.startswith(_MAGIC):
        raise RejectedError(
            "this was not made by the HSM emulator", advice="Pass on exactly what it returned."
        )
    _, kind, key_octets, version = _HEADER.unpack_from(blob)
    made_by = f"hk-{key_octets.hex()}"
    if made_by != key_id:
        raise RejectedError("this was made by another key", target=key_id, advice=f"Use {made_by}.")
    if kind not in kinds:
        raise RejectedError(
            "this was made by another operation",
            target=key_id,
            why="What `encrypt` made `decrypt` opens, what `wrap` made `unwrap` does.",
        )
    return Blob(Kind(kind), version, blob[_HEADER.size :])
