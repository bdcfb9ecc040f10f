"""Key material: made, loaded, and told apart by algorithm.

Rules: symmetric material is its raw octets, a key pair its unencrypted PKCS #8 DER
(RFC 5958); both exist in clear only inside this process and are stored wrapped.
Randomness is the operating system's.
"""

from __future__ import annotations

import os
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from keyplan.errors import RejectedError
from keyplan.model.keys import Algorithm, Family

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ec-p256": ec.SECP256R1,
    "ec-p384": ec.SECP384R1,
    "ec-p521": ec.SECP521R1,
    "ec-secp256k1": ec.SECP256K1,
}


def generate(algorithm: Algorithm) -> bytes:
    """New material. Raises `RejectedError` if the cryptographic library lacks the algorithm."""
    if algorithm.symmetric:
        return os.urandom(symmetric_size(algorithm))
    try:
        private = _generate_pair(algorithm)
    except (UnsupportedAlgorithm, ImportError):
        raise RejectedError(
            f"this machine's cryptographic library cannot make {algorithm.name} keys",
            advice="Install the newest `cryptography` wheel, or choose another algorithm.",
        ) from None
    encoded: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return encoded


def _generate_pair(algorithm: Algorithm) -> Any:
    match algorithm.family:
        case Family.RSA:
            return rsa.generate_private_key(65537, int(algorithm.name.removeprefix("rsa-")))
        case Family.EC:
            return ec.generate_private_key(_CURVES[algorithm.name]())
        case Family.EDWARDS:
            return ed25519.Ed25519PrivateKey.generate()
        case Family.ML_DSA:
            from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415  (newer than our floor)
                mldsa,
            )

            kinds: dict[str, Any] = {
                "ml-dsa-44": mldsa.MLDSA44PrivateKey,
                "ml-dsa-65": mldsa.MLDSA65PrivateKey,
                "ml-dsa-87": mldsa.MLDSA87PrivateKey,
            }
            return kinds[algorithm.name].generate()
        case _:
            raise UnsupportedAlgorithm(algorithm.name)


def symmetric_size(algorithm: Algorithm) -> int:
    """The octets of a symmetric key: an HMAC key is as long as its digest (SP 800-107r1 §5.3.2)."""
    bits = algorithm.name.removeprefix("hmac-sha").removeprefix("aes-")
    return int(bits) // 8


def private_key(material: bytes) -> Any:
    """The key pair of PKCS #8 material; its integrity was checked when it was unwrapped."""
    return load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)


def rsa_private_key(material: bytes) -> rsa.RSAPrivateKey:
    """The same, of an RSA key."""
    return cast("rsa.RSAPrivateKey", private_key(material))


def public_pem(material: bytes) -> str:
    """The public key of a pair as SubjectPublicKeyInfo in PEM (RFC 7468)."""
    public = private_key(material).public_key()
    encoded: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def signature_digest(
    algorithm: Algorithm,
) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash to sign, as strong as the key; `None` where the algorithm hashes by itself."""
    if algorithm.family in (Family.EDWARDS, Family.ML_DSA):
        return None
    match algorithm.strength:
        case 192:
            return hashes.SHA384()
        case 256:
            return hashes.SHA512()
        case _:
            return hashes.SHA256()
