"""What opens a key ring: a passphrase through Argon2id, or the 32 octets of a key file.

Rules: parameters are stored with the ring and bounded, since whoever can write to the store
can write them; a key is derived once for each salt, one at a time in a process; nothing
here shows a secret.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from keyplan.errors import KeyplanError, StoreError
from keyplan.model.secrets import ONE_ARGON2, Secret, SecretReference
from keyplan.state.sealing import KEY_SIZE

MIN_PASSPHRASE = 12

ARGON2ID: Mapping[str, Any] = {"name": "argon2id", "passes": 3, "lanes": 4, "memory_kib": 65_536}
"""RFC 9106 §4, second recommended option: about 0.15 s."""

SCRYPT: Mapping[str, Any] = {"name": "scrypt", "n": 2**17, "r": 8, "p": 1}
"""RFC 7914, where the library lacks Argon2: about 0.35 s."""

KEY_FILE: Mapping[str, Any] = {"name": "key-file"}

_BOUNDS = {
    "argon2id": {"passes": (1, 16), "lanes": (1, 16), "memory_kib": (8_192, 1_048_576)},
    "scrypt": {"n": (2**14, 2**20), "r": (8, 16), "p": (1, 4)},
    "key-file": {},
}


@dataclass(frozen=True, slots=True)
class Opener:
    """A passphrase or a key file, read when it is first needed. Exactly one is set."""

    passphrase: SecretReference | None = None
    key_file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    _derived: dict[tuple[str, bytes], bytes] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"the passphrase ({self.passphrase})" if self.passphrase else f"{self.key_file}"

    def new(self, salt: bytes) -> tuple[Mapping[str, Any], bytes]:
        """How a new ring is locked, and the key. Raises `StoreError` for a weak passphrase."""
        if self.key_file is not None:
            return KEY_FILE, self.key(KEY_FILE, salt)
        if len(self._secret().reveal()) < MIN_PASSPHRASE:
            raise StoreError(
                f"the passphrase is too short: a state wants {MIN_PASSPHRASE} characters or more",
                target=str(self),
                advice="Choose a longer one; 20 random characters resist guessing off-line.",
            )
        try:
            return ARGON2ID, self.key(ARGON2ID, salt)
        except UnsupportedAlgorithm:
            return SCRYPT, self.key(SCRYPT, salt)

    def fits(self, kdf: Mapping[str, Any]) -> bool:
        """Whether a ring is locked with this sort of secret at all."""
        return bool(kdf.get("name") == KEY_FILE["name"]) == (self.key_file is not None)

    def key(self, kdf: Mapping[str, Any], salt: bytes) -> bytes:
        """The key for this salt. Raises `StoreError` for parameters out of bounds."""
        _check(kdf)
        known = (str(sorted(kdf.items())), salt)
        if known not in self._derived:
            self._derived[known] = _derive(self._secret(), kdf, salt)
        return self._derived[known]

    def _secret(self) -> Secret:
        if self.key_file is not None:
            return _read_key_file(self.key_file)
        assert self.passphrase is not None  # noqa: S101  (one of the two is set)
        given = self.environment.get(self.passphrase.env) if self.passphrase.env else None
        if given:
            return Secret(os.fsencode(given))
        try:
            return self.passphrase.resolve()
        except KeyplanError as error:
            raise StoreError(
                f"the passphrase of the state is not there: {error.what}", advice=error.advice
            ) from None


def _check(kdf: Mapping[str, Any]) -> None:
    bounds = _BOUNDS.get(str(kdf.get("name")))
    if bounds is not None and kdf.keys() == {"name", *bounds}:
        values = [(kdf[name], *limits) for name, limits in bounds.items()]
        if all(type(value) is int and low <= value <= high for value, low, high in values):
            return
    raise StoreError(
        "the key ring of the state is locked in a way that this keyplan does not accept",
        why="It was edited, or written by a newer keyplan.",
        advice="Use the keyplan that wrote it, or put the key ring back from a backup.",
    )


def _derive(secret: Secret, kdf: Mapping[str, Any], salt: bytes) -> bytes:
    match kdf["name"]:
        case "argon2id":
            argon2 = Argon2id(
                salt=salt,
                length=KEY_SIZE,
                iterations=kdf["passes"],
                lanes=kdf["lanes"],
                memory_cost=kdf["memory_kib"],
            )
            with ONE_ARGON2:
                return argon2.derive(secret.reveal())
        case "scrypt":
            scrypt = Scrypt(salt=salt, length=KEY_SIZE, n=kdf["n"], r=kdf["r"], p=kdf["p"])
            return scrypt.derive(secret.reveal())
        case _:
            info = b"keyplan sealed key file"
            return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=info).derive(
                secret.reveal()
            )


def _read_key_file(path: Path) -> Secret:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            content = file.read(KEY_SIZE + 1) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise StoreError(
            f"the key file cannot be read: {error.strerror}",
            target=str(path),
            advice="Put back the key file that the state was sealed with.",
        ) from None
    if status.st_mode & 0o077:
        raise StoreError(
            f"others may read or change the key file (mode {stat.S_IMODE(status.st_mode):04o})",
            target=str(path),
            why="Whoever has it can read the state and forge one.",
            advice=f"If nobody did: chmod 600 {path}. Otherwise seal under a new one.",
        )
    if len(content) != KEY_SIZE:
        raise StoreError(
            f"the key file is not one: it must be exactly {KEY_SIZE} bytes",
            target=str(path),
            advice="Put it back, or make a new one (umask 077; openssl rand -out FILE 32).",
        )
    return Secret(content)
