"""Key derivation and key wrapping: the standards, thinly over `cryptography`.

Sources: HKDF RFC 5869; key derivation in counter mode with CMAC, SP 800-108r1 §4.1;
AES key wrap with padding RFC 5649; RSA AES key wrap, PKCS #11 v3.1 §6.1.13
(CKM_RSA_AES_KEY_WRAP: an ephemeral AES key under RSA-OAEP, the target under that key).

Rules: every use of a key derives a key of its own (`Purpose`), so that what one use
made can never be opened by another: an application's `unwrap` does not open a child
key that the same parent wraps. Arguments and results are secret: never log them.
"""

from __future__ import annotations

import os
from enum import Enum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class Purpose(Enum):
    """What a key is derived for: the label of every derivation, distinct per use."""

    SEAL_ROOT = b"keyplan-hsm/1/seal-root"
    SEAL_AUDIT = b"keyplan-hsm/1/seal-audit"
    UNLOCK = b"keyplan-hsm/1/unlock"
    WRAP_CHILD = b"keyplan-hsm/1/wrap-child"
    DERIVE_CHILD = b"keyplan-hsm/1/derive-child"
    WRAP_DATA = b"keyplan-hsm/1/wrap-data"
    DERIVE_DATA = b"keyplan-hsm/1/derive-data"

    def bind(self, context: bytes) -> bytes:
        """Label, a zero octet, context: the order of SP 800-108r1 §4, as the info of RFC 5869."""
        return self.value + b"\0" + context


def hkdf(
    key: bytes, *, info: bytes, length: int, salt: bytes | None = None, digest: str = "sha256"
) -> bytes:
    """RFC 5869: extract, then expand to `length` octets."""
    return HKDF(algorithm=_DIGESTS[digest](), length=length, salt=salt, info=info).derive(key)


def kbkdf_cmac(key: bytes, *, label: bytes, context: bytes, length: int) -> bytes:
    """SP 800-108r1 §4.1 in counter mode, AES-CMAC as the PRF, a 32-bit counter before the rest."""
    return KBKDFCMAC(
        algorithm=algorithms.AES,
        mode=Mode.CounterMode,
        length=length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=context,
        fixed=None,
    ).derive(key)


def wrap(kek: bytes, material: bytes) -> bytes:
    """RFC 5649: `material` (1 octet or more) under an AES key; deterministic, authenticated."""
    return aes_key_wrap_with_padding(kek, material)


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """The inverse of `wrap`; raises `ValueError` if the key or the blob is another."""
    try:
        return aes_key_unwrap_with_padding(kek, wrapped)
    except InvalidUnwrap:
        raise ValueError("the integrity check of RFC 5649 failed") from None


def rsa_wrap(recipient: rsa.RSAPublicKey, material: bytes, label: bytes | None = None) -> bytes:
    """CKM_RSA_AES_KEY_WRAP with OAEP SHA-256: the wrapped AES-256 key, then the wrapped target."""
    ephemeral = os.urandom(32)
    return recipient.encrypt(ephemeral, oaep(label)) + wrap(ephemeral, material)


def rsa_unwrap(private: rsa.RSAPrivateKey, wrapped: bytes, label: bytes | None = None) -> bytes:
    """The inverse of `rsa_wrap`; raises `ValueError`."""
    size = private.key_size // 8
    return unwrap(private.decrypt(wrapped[:size], oaep(label)), wrapped[size:])


def oaep(label: bytes | None) -> padding.OAEP:
    """RSAES-OAEP with SHA-256 throughout (RFC 8017 §7.1)."""
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
