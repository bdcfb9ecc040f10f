"""Key pairs: signatures and public keys, on the curves of NIST and with RSA."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from tests.aws_double import errors
from tests.aws_double.cipher import generate_data_key_without_plaintext
from tests.aws_double.operations import Request, on_key
from tests.aws_double.records import Key
from tests.aws_double.specs import algorithms
from tests.aws_double.world import World

_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ECC_NIST_P256": (ec.SECP256R1(), hashes.SHA256()),
    "ECC_NIST_P384": (ec.SECP384R1(), hashes.SHA384()),
    "ECC_NIST_P521": (ec.SECP521R1(), hashes.SHA512()),
}


def _private(key: Key) -> ec.EllipticCurvePrivateKey:
    """The private key: always the same one of the same material, and never an RSA key."""
    material, spec = key.shared.current, key.shared.spec
    if material is None or spec not in _CURVES:
        raise errors.unsupported(f"the double does not compute with {spec}")
    number = int.from_bytes(hashlib.sha512(material.octets).digest(), "big") >> 300
    return ec.derive_private_key(number + 1, _CURVES[spec][0])


def _check(key: Key, request: Request) -> hashes.HashAlgorithm:
    if key.shared.usage != "SIGN_VERIFY":
        raise errors.ServiceError(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.shared.usage} which is not valid for "
            f"{request.operation}.",
        )
    if request.given["SigningAlgorithm"] not in key.metadata([key])["SigningAlgorithms"]:
        raise errors.validation("Algorithm and key spec are incompatible.")
    if request.given.get("DryRun"):
        raise errors.dry_run()
    return _CURVES[key.shared.spec][1] if key.shared.spec in _CURVES else hashes.SHA256()


@on_key("Sign", by_alias=True)
def sign(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """A signature over a message or its digest."""
    scheme = ec.ECDSA(_digest(_check(key, request), request))
    signature = _private(key).sign(request.given["Message"], scheme)
    return {"KeyId": key.arn, "Signature": signature} | _used(request)


@on_key("Verify", by_alias=True)
def verify(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """Whether the signature is the key's; AWS answers an error if it is not."""
    given = request.given
    scheme = ec.ECDSA(_digest(_check(key, request), request))
    try:
        _private(key).public_key().verify(given["Signature"], given["Message"], scheme)
    except InvalidSignature:
        raise errors.ServiceError("KMSInvalidSignatureException", "") from None
    return {"KeyId": key.arn, "SignatureValid": True} | _used(request)


@on_key("GetPublicKey", by_alias=True)
def get_public_key(_world: World, _request: Request, key: Key) -> dict[str, Any]:
    """The public half. RSA keys show one that signs nothing."""
    shared = key.shared
    if shared.usage == "GENERATE_VERIFY_MAC" or shared.spec == "SYMMETRIC_DEFAULT":
        raise errors.unsupported(f"{key.arn} has no public key: it is {shared.spec}.")
    public = _rsa(shared.spec) if shared.spec.startswith("RSA_") else _private(key).public_key()
    octets = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fields = {"KeyId": key.arn, "PublicKey": octets, "KeySpec": shared.spec}
    listed = algorithms(shared.spec, shared.usage)
    return fields | {"CustomerMasterKeySpec": shared.spec, "KeyUsage": shared.usage} | listed


def _rsa(spec: str) -> rsa.RSAPublicKey:
    """A public key of the right size. No one knows its private half: it is a mere number."""
    size = int(spec.removeprefix("RSA_"))
    return rsa.RSAPublicNumbers(65537, (1 << size) - 1).public_key()


def _digest(digest: hashes.HashAlgorithm, request: Request) -> Any:
    return Prehashed(digest) if request.given.get("MessageType") == "DIGEST" else digest


def _used(request: Request) -> dict[str, str]:
    return {"SigningAlgorithm": request.given["SigningAlgorithm"]}


@on_key("GenerateDataKeyPairWithoutPlaintext", by_alias=True)
def generate_data_key_pair_without_plaintext(
    world: World, request: Request, key: Key
) -> dict[str, Any]:
    """A key pair whose private half is wrapped."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if request.given["KeyPairSpec"] != "ECC_NIST_P256":
        raise errors.unsupported("the double makes data key pairs of ECC_NIST_P256 only")
    sized = Request(
        request.operation, request.region, request.caller, request.given | {"KeySpec": "AES_256"}
    )
    wrapped = generate_data_key_without_plaintext(world, sized, key)["CiphertextBlob"]
    return {
        "KeyId": key.arn,
        "KeyPairSpec": "ECC_NIST_P256",
        "PublicKey": public,
        "PrivateKeyCiphertextBlob": wrapped,
    }


@on_key("GenerateDataKeyPair", by_alias=True)
def generate_data_key_pair(world: World, request: Request, key: Key) -> dict[str, Any]:
    """The same. The double does not give out private keys."""
    return generate_data_key_pair_without_plaintext(world, request, key)
