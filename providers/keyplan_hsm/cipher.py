"""What each algorithm does with data: the primitives behind the data plane.

Sources: AES-GCM SP 800-38D (random 96-bit IVs, so at most 2^32 invocations a key,
§8.3); RSA-OAEP and PSS RFC 8017; ECDSA FIPS 186-5; Ed25519 RFC 8032; ML-DSA FIPS 204;
HMAC FIPS 198-1.

Rules: pure functions over material; a failed check is one `ValueError` that does not
say what failed.
"""

from __future__ import annotations

import hmac
import os
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyplan.model.keys import Algorithm, Family
from keyplan_hsm.material import private_key, rsa_private_key, signature_digest
from keyplan_hsm.wrapping import Purpose, hkdf, oaep, rsa_unwrap, rsa_wrap, unwrap, wrap

IV_SIZE = 12
GCM_INVOCATIONS = 2**32


def gcm_encrypt(material: bytes, plaintext: bytes, bound: bytes) -> bytes:
    """A random IV, then the ciphertext and its tag."""
    iv = os.urandom(IV_SIZE)
    return iv + AESGCM(material).encrypt(iv, plaintext, bound)


def gcm_decrypt(material: bytes, body: bytes, bound: bytes) -> bytes:
    """The inverse; raises `ValueError`."""
    try:
        return AESGCM(material).decrypt(body[:IV_SIZE], body[IV_SIZE:], bound)
    except InvalidTag:
        raise ValueError("decryption failed") from None


def rsa_encrypt(material: bytes, plaintext: bytes, bound: bytes) -> bytes:
    """RSAES-OAEP; raises `ValueError` if the plaintext is too long for the key."""
    return rsa_private_key(material).public_key().encrypt(plaintext, oaep(bound))


def rsa_decrypt(material: bytes, body: bytes, bound: bytes) -> bytes:
    """The inverse; raises `ValueError`."""
    return rsa_private_key(material).decrypt(body, oaep(bound))


def wrap_data(algorithm: Algorithm, material: bytes, data: bytes, bound: bytes) -> bytes:
    """Key wrapping of an application's own key, apart from how child keys are wrapped."""
    info = Purpose.WRAP_DATA.bind(bound)
    if algorithm.family is Family.RSA:
        return rsa_wrap(rsa_private_key(material).public_key(), data, info)
    return wrap(hkdf(material, info=info, length=len(material)), data)


def unwrap_data(algorithm: Algorithm, material: bytes, body: bytes, bound: bytes) -> bytes:
    """The inverse; raises `ValueError`."""
    info = Purpose.WRAP_DATA.bind(bound)
    if algorithm.family is Family.RSA:
        return rsa_unwrap(rsa_private_key(material), body, info)
    return unwrap(hkdf(material, info=info, length=len(material)), body)


def sign(algorithm: Algorithm, material: bytes, message: bytes) -> bytes:
    """PSS with a salt as long as the digest, DER-encoded ECDSA, Ed25519 or ML-DSA."""
    signer = private_key(material)
    signature: bytes = signer.sign(message, *_scheme(algorithm))
    return signature


def verify(algorithm: Algorithm, material: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key pair made the signature."""
    try:
        private_key(material).public_key().verify(signature, message, *_scheme(algorithm))
    except (InvalidSignature, ValueError):
        return False
    return True


def _scheme(algorithm: Algorithm) -> tuple[Any, ...]:
    digest = signature_digest(algorithm) or hashes.SHA256()
    match algorithm.family:
        case Family.RSA:
            return (padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
        case Family.EC:
            return (ec.ECDSA(digest),)
        case _:
            return ()


def mac(algorithm: Algorithm, material: bytes, message: bytes) -> bytes:
    """HMAC with the digest that the algorithm names."""
    return hmac.digest(material, message, algorithm.name.removeprefix("hmac-"))


def verify_mac(algorithm: Algorithm, material: bytes, message: bytes, tag: bytes) -> bool:
    """Whether the key made the tag, in constant time."""
    return hmac.compare_digest(mac(algorithm, material, message), tag)
