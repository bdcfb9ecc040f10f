"""How the store is locked: a sealing key, wrapped under what a PIN or an unlock file gives.

The sealing key is random and never changes. It is wrapped (RFC 5649) under the unlock
key, which is Argon2id of the PIN (RFC 9106; scrypt, RFC 7914, where the library lacks
it) or HKDF of the 32 octets in the unlock file. From the sealing key come the key that
wraps root keys and the key that seals the audit chain.

Rules: a wrong PIN fails the integrity check of the wrap, so nothing else is stored to
test it against; a PIN or key appears in no text, error or `repr`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from keyplan.errors import RejectedError, UnauthenticatedError
from keyplan.model.secrets import ONE_ARGON2, Secret
from keyplan_hsm.wrapping import Purpose, hkdf, unwrap, wrap

KEY_SIZE = 32
SALT_SIZE = 16
MIN_PIN = 4

ARGON2ID: dict[str, int] = {"iterations": 3, "lanes": 4, "memory_kib": 65_536}
"""RFC 9106 §4, second recommended option: about 0.15 s."""

SCRYPT: dict[str, int] = {"n": 2**17, "r": 8, "p": 1}
"""OWASP's first choice for scrypt: about 0.35 s."""


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """What an unlocked store holds in memory."""

    wrapping: bytes = field(repr=False)
    auditing: bytes = field(repr=False)


def seal(secret: Secret, kind: str) -> tuple[dict[str, Any], StoreKeys]:
    """Make a sealing key. `kind` is `pin` or `file`; returns the lock to store, and the keys."""
    if kind == "pin":
        check_pin(secret)
    salt, sealing_key = os.urandom(SALT_SIZE), os.urandom(KEY_SIZE)
    lock: dict[str, Any] = {"kind": kind, "salt": salt.hex()}
    unlock_key, lock["kdf"] = _new_unlock_key(secret, kind, salt)
    lock["wrapped"] = wrap(unlock_key, sealing_key).hex()
    return lock, _keys(sealing_key)


def unseal(lock: dict[str, Any], secret: Secret) -> StoreKeys:
    """Open a lock. Raises `UnauthenticatedError` if the PIN or unlock file is not the right one."""
    unlock_key = _unlock_key(secret, bytes.fromhex(lock["salt"]), lock["kdf"])
    try:
        return _keys(unwrap(unlock_key, bytes.fromhex(lock["wrapped"])))
    except ValueError:
        if lock["kind"] == "pin":
            raise UnauthenticatedError(
                "the PIN of the HSM is wrong",
                why="The store was sealed under another one; nothing was read or changed.",
                advice="Check what the `pin` of the provider block, or --pin-file, points to.",
            ) from None
        raise UnauthenticatedError(
            "the unlock file does not belong to this HSM",
            why="It was made for another store, or the store was replaced.",
            advice="Put the unlock file back that was made together with the store.",
        ) from None


def _keys(sealing_key: bytes) -> StoreKeys:
    return StoreKeys(
        wrapping=hkdf(sealing_key, info=Purpose.SEAL_ROOT.value, length=KEY_SIZE),
        auditing=hkdf(sealing_key, info=Purpose.SEAL_AUDIT.value, length=KEY_SIZE),
    )


def check_pin(secret: Secret) -> None:
    """Raise `RejectedError` for a PIN that is too short to seal anything with."""
    if len(secret.reveal()) < MIN_PIN:
        raise RejectedError(
            f"the PIN is too short: an HSM wants {MIN_PIN} characters or more",
            advice="Choose a longer one; 20 random characters resist guessing off-line.",
        )


def _new_unlock_key(secret: Secret, kind: str, salt: bytes) -> tuple[bytes, dict[str, Any]]:
    if kind == "file":
        kdf: dict[str, Any] = {"name": "hkdf-sha256"}
        return _unlock_key(secret, salt, kdf), kdf
    try:
        kdf = {"name": "argon2id", **ARGON2ID}
        return _unlock_key(secret, salt, kdf), kdf
    except UnsupportedAlgorithm:
        kdf = {"name": "scrypt", **SCRYPT}
        return _unlock_key(secret, salt, kdf), kdf


def _unlock_key(secret: Secret, salt: bytes, kdf: dict[str, Any]) -> bytes:
    match kdf["name"]:
        case "argon2id":
            argon2 = Argon2id(
                salt=salt,
                length=KEY_SIZE,
                iterations=kdf["iterations"],
                lanes=kdf["lanes"],
                memory_cost=kdf["memory_kib"],
            )
            with ONE_ARGON2:
                return argon2.derive(secret.reveal())
        case "scrypt":
            return Scrypt(salt=salt, length=KEY_SIZE, n=kdf["n"], r=kdf["r"], p=kdf["p"]).derive(
                secret.reveal()
            )
        case "hkdf-sha256":
            return hkdf(secret.reveal(), info=Purpose.UNLOCK.value, length=KEY_SIZE, salt=salt)
        case name:
            raise RejectedError(
                f"the HSM's store is locked in a way this version does not know: {name}",
                advice="Use the version of keyplan that made it, or a newer one.",
            )
