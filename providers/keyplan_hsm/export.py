"""Key material for a recipient outside: always wrapped, under their public key."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keyplan.errors import RejectedError
from keyplan_hsm.wrapping import rsa_wrap

MIN_RECIPIENT_BITS = 3072
"""128 bits of security (SP 800-57 Part 1 rev. 5 Table 2): what leaves must not get weaker."""


def wrap_for_recipient(recipient: bytes, material: bytes) -> bytes:
    """CKM_RSA_AES_KEY_WRAP to a public key in PEM. Raises `RejectedError` for any other key."""
    try:
        public = load_pem_public_key(recipient)
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < MIN_RECIPIENT_BITS:
        raise RejectedError(
            "the recipient's key is not an RSA public key in PEM of 3072 bits or more",
            why="Keys leave wrapped by RSA AES key wrap, at 128 bits of security or more.",
            advice="Give the recipient's public key, such as `openssl pkey -pubout` prints.",
        )
    return rsa_wrap(public, material)
