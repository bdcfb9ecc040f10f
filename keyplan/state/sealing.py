"""Authenticated encryption of what a store keeps: states, journal lines, and the keys for them.

Every sealed thing has a data key of its own, HKDF-SHA256 (RFC 5869) of a root key and a
random salt, and is AES-256-GCM (SP 800-38D) under it with a random 96-bit nonce: however
many there are, no key meets a nonce twice. What it is, where it belongs and which serial it
has is authenticated with it (`Identity`, the name and number of a journal line).

Root keys are random and sit in a key ring (`keyplan.state.keyring`). Rules: cryptography
comes from the library of that name; a sealed thing that was cut off, changed or moved is
refused before a byte of it is used; no error shows key or content.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyplan.errors import JournalError, NewerStateError, StateError

KEY_SIZE = 32
SALT_SIZE = 16
NONCE_SIZE = 12
TAG_SIZE = 16
FORMAT = 1

MARK = b'{"keyplan_sealed":'
"""How a sealed state begins."""

_SEALED_LINE = re.compile(
    rb'\{"keyplan_sealed":1,"key":"(?P<key>[0-9a-f]{16})","box":"(?P<box>[A-Za-z0-9+/=]+)"\}'
)
_STATE = b"keyplan sealed state"
_LINE = b"keyplan sealed journal line"
RESTORE = "Nothing was changed. What can be brought back, and how: keyplan state verify"

RootKeys = Mapping[str, bytes]
"""Root keys by name."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which state a sealed one is: readable by all, changed by none.

    Content that is no state has no serial.
    """

    lineage: str = ""
    serial: int | None = None


def identify(content: bytes) -> Identity:
    """Which state these bytes are."""
    try:
        document = json.loads(content)
        lineage, serial = document["lineage"], document["serial"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Identity()
    if type(lineage) is not str or type(serial) is not int:
        return Identity()
    return Identity(lineage, serial)


def box(root: bytes, purpose: bytes, content: bytes, about: bytes) -> bytes:
    """Salt, nonce, ciphertext and tag; `about` is authenticated and not in it."""
    salt, nonce = os.urandom(SALT_SIZE), os.urandom(NONCE_SIZE)
    sealed = AESGCM(_data_key(root, purpose, salt)).encrypt(nonce, content, about)
    return salt + nonce + sealed


def unbox(root: bytes, purpose: bytes, sealed: bytes, about: bytes) -> bytes | None:
    """The content, or `None` if anything about it was changed."""
    if len(sealed) < SALT_SIZE + NONCE_SIZE + TAG_SIZE:
        return None
    salt, rest = sealed[:SALT_SIZE], sealed[SALT_SIZE:]
    try:
        return AESGCM(_data_key(root, purpose, salt)).decrypt(
            rest[:NONCE_SIZE], rest[NONCE_SIZE:], about
        )
    except InvalidTag:
        return None


def _data_key(root: bytes, purpose: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=purpose).derive(root)


# -- states ------------------------------------------------------------------------------


def is_sealed(content: bytes) -> bool:
    """Whether these bytes say that they are a sealed state."""
    return content.startswith(MARK)


def seal_state(content: bytes, key: str, root: bytes) -> bytes:
    """A line that says what it is, and the box."""
    found = identify(content)
    head = {
        "keyplan_sealed": FORMAT,
        "key": key,
        "lineage": found.lineage,
        "serial": found.serial,
        "size": len(content) + SALT_SIZE + NONCE_SIZE + TAG_SIZE,
    }
    line = json.dumps(head, separators=(",", ":")).encode() + b"\n"
    return line + box(root, _STATE, content, line)


def unseal_state(sealed: bytes, roots: RootKeys) -> tuple[bytes, Identity]:
    """The state and which it is. Raises `StateError`: cut off, edited, or another key's."""
    line, _, body = sealed.partition(b"\n")
    head = _head(line)
    if len(body) != head["size"]:
        cut = len(body) < head["size"]
        raise StateError(
            "the sealed state is cut off" if cut else "the sealed state has bytes added to it",
            why=f"It has {len(body):,} bytes of the {head['size']:,} that were written.",
            advice=RESTORE,
        )
    root = roots.get(head["key"])
    if root is None:
        raise UnknownKeyError(
            "the state is sealed under a key that this key ring does not have",
            why="It comes from another stack or from before the key ring was replaced, or the"
            " key ring in the store is older than the state.",
            advice="If a change of the passphrase or key file was interrupted, the new one opens"
            f" it: name that in `keyplan.state.sealed`. Otherwise: {RESTORE}",
        )
    content = unbox(root, _STATE, body, line + b"\n")
    if content is None:
        raise StateError(
            "the sealed state was edited",
            why="It is not what was sealed: a byte of it, or of its first line, is another.",
            advice=RESTORE,
        )
    return content, Identity(head["lineage"], head["serial"])


class UnknownKeyError(StateError):
    """Sealed under a root key that is not in the key ring."""


def _head(line: bytes) -> dict[str, Any]:
    kinds = {"keyplan_sealed": int, "key": str, "lineage": str, "size": int}
    try:
        head = json.loads(line)
        version, serial = head["keyplan_sealed"], head["serial"]
        strict = all(type(head[name]) is kind for name, kind in kinds.items())
    except (ValueError, KeyError, TypeError, RecursionError):
        strict, version, serial = False, FORMAT, None
    if strict and version > FORMAT:
        raise NewerStateError(
            "the state was sealed by a newer keyplan",
            why=f"Its envelope has format {version}; this keyplan knows {FORMAT}.",
            advice="Use that keyplan, or a newer one.",
        )
    if not strict or (serial is not None and type(serial) is not int):
        raise StateError("the first line of the sealed state was edited or cut off", advice=RESTORE)
    return dict(head)


# -- journals ----------------------------------------------------------------------------


def seal_line(line: bytes, log: str, number: int, key: str, root: bytes) -> bytes:
    """One line of a journal as another line. Numbers count from 1."""
    sealed = base64.b64encode(box(root, _LINE, line, _about(log, number)))
    return b'{"keyplan_sealed":%d,"key":"%s","box":"%s"}' % (FORMAT, key.encode(), sealed)


def unseal_line(sealed: bytes, log: str, number: int, roots: RootKeys) -> bytes:
    """The line. Raises `JournalError` if it was edited, or is not that line of that journal."""
    found = _SEALED_LINE.fullmatch(sealed)
    body = None if found is None else decoded(found["box"])
    if found is None or body is None:
        raise _broken(log, number, "it is not a sealed line")
    root = roots.get(found["key"].decode())
    if root is None:
        raise _broken(log, number, "it is sealed under a key that this key ring does not have")
    line = unbox(root, _LINE, body, _about(log, number))
    if line is None:
        raise _broken(log, number, "it was edited, or moved here from another place")
    return line


def decoded(text: bytes) -> bytes | None:
    """Base64 as we write it; `None` for any other spelling of the same bytes."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return content if base64.b64encode(content) == text else None


def _about(log: str, number: int) -> bytes:
    return json.dumps([log, number]).encode()


def _broken(log: str, number: int, problem: str) -> JournalError:
    return JournalError(
        f"line {number} of the sealed journal is not as it was written: {problem}",
        target=log,
        advice="Restore the journal from a backup. Do not apply before that: what it recorded"
        " may have been done.",
    )
