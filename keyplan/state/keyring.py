"""The key ring of a sealed store: its root keys, locked with a passphrase or a key file.

A ring is kept in a log of the store, `keyring-0001`; its last whole line counts. Changing
the passphrase writes the next ring, then empties the ones before it: at every moment one of
the two opens everything, and afterwards the old one opens nothing any more.

A ring also lists what was in the store unsealed when it was made, by digest. Rules:
anything else that is not sealed is refused.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keyplan.errors import StoreError
from keyplan.state.runs import KEYRING
from keyplan.state.sealing import FORMAT, KEY_SIZE, SALT_SIZE, box, decoded, unbox
from keyplan.state.unlocking import Opener

PREFIX = KEYRING

_PURPOSE = b"keyplan sealed key ring"


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was there before: digests of states by version, sizes and digests of journals."""

    states: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ring:
    """Root keys by name, the one that seals now, and how the ring is locked.

    `retired`: the store went back to plain states, which are therefore no surprise.
    """

    number: int
    kdf: Mapping[str, Any]
    salt: bytes
    current: str
    roots: Mapping[str, bytes] = field(repr=False)
    unsealed: Unsealed = field(default_factory=Unsealed)
    retired: bool = False

    @property
    def log(self) -> str:
        """The log that keeps it."""
        return f"{PREFIX}{self.number:04d}"

    @property
    def root(self) -> bytes:
        """The key that seals now."""
        return self.roots[self.current]

    def with_new_root(self) -> Ring:
        """The same ring with one more key, which seals from now on."""
        name = os.urandom(8).hex()
        return replace(self, current=name, roots={**self.roots, name: os.urandom(KEY_SIZE)})

    def with_log(self, log: str, size: int, digest: str) -> Ring:
        """The same ring after an unsealed journal was cut back."""
        logs = {**self.unsealed.logs, log: (size, digest)}
        return replace(self, unsealed=replace(self.unsealed, logs=logs))


def new_ring(opener: Opener, number: int, unsealed: Unsealed) -> Ring:
    """A ring with one new key."""
    salt = os.urandom(SALT_SIZE)
    kdf, _ = opener.new(salt)
    return Ring(number, kdf, salt, "", {}, unsealed).with_new_root()


def relocked(ring: Ring, opener: Opener, number: int) -> Ring:
    """The same keys for another passphrase or key file."""
    salt = os.urandom(SALT_SIZE)
    kdf, _ = opener.new(salt)
    return replace(ring, number=number, kdf=kdf, salt=salt)


def encode_ring(ring: Ring, opener: Opener) -> bytes:
    """One line."""
    head = {"keyplan_sealed": FORMAT, "kdf": dict(ring.kdf), "salt": ring.salt.hex()}
    secret = {
        "current": ring.current,
        "roots": {name: root.hex() for name, root in ring.roots.items()},
        "states": dict(ring.unsealed.states),
        "logs": {name: list(found) for name, found in ring.unsealed.logs.items()},
        "retired": ring.retired,
    }
    sealed = box(
        opener.key(ring.kdf, ring.salt),
        _PURPOSE,
        json.dumps(secret).encode(),
        _about(ring.log, head),
    )
    return json.dumps({**head, "box": base64.b64encode(sealed).decode()}).encode()


def last_line(content: bytes) -> bytes:
    """The last whole line of a ring's log; empty if there is none."""
    lines = content.split(b"\n")
    return lines[-2] if len(lines) > 1 else b""


def open_ring(line: bytes, number: int, opener: Opener) -> Ring | None:
    """The ring, or `None` if this passphrase or key file does not open it.

    Raises `StoreError` if it is not one: the ring itself was damaged.
    """
    log = f"{PREFIX}{number:04d}"
    try:
        found = json.loads(line)
        canonical = json.dumps(found).encode() == line
        sealed = decoded(found.pop("box").encode()) if canonical else None
        salt, kdf = bytes.fromhex(found["salt"]), dict(found["kdf"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sealed = None
    if sealed is None:
        raise StoreError(
            "the key ring of the sealed state was edited or cut off",
            target=log,
            advice="Put it back from a backup of the store. Without it nothing there can be read.",
        ) from None
    if not opener.fits(kdf):
        return None
    content = unbox(opener.key(kdf, salt), _PURPOSE, sealed, _about(log, found))
    if content is None:
        return None
    secret = json.loads(content)
    return Ring(
        number,
        kdf,
        salt,
        secret["current"],
        {name: bytes.fromhex(root) for name, root in secret["roots"].items()},
        Unsealed(
            secret["states"],
            {name: (size, digest) for name, (size, digest) in secret["logs"].items()},
        ),
        secret["retired"],
    )


def _about(log: str, head: Mapping[str, Any]) -> bytes:
    return json.dumps([log, head], sort_keys=True).encode()
