"""Encryption with symmetric keys, and codes: real, so that tests see old material decrypt."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.aws_double import errors
from tests.aws_double.operations import Request, free, on_key, use
from tests.aws_double.records import Key
from tests.aws_double.specs import SYMMETRIC
from tests.aws_double.world import World

_INVALID = errors.ServiceError("InvalidCiphertextException", "")


@on_key("Encrypt", by_alias=True)
def encrypt(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """A ciphertext that names its key and the version of its material."""
    _check(key, request, SYMMETRIC)
    blob = _seal(key, request.given["Plaintext"], request.given.get("EncryptionContext"))
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": SYMMETRIC}


@free("Decrypt")
def decrypt(world: World, request: Request) -> dict[str, Any]:
    """The plaintext, by any version of the material of the key that the ciphertext names."""
    given = request.given
    key = _of_blob(world, request, given["CiphertextBlob"], given.get("KeyId"))
    plain = _open(key, given["CiphertextBlob"], given.get("EncryptionContext"))
    return {"Plaintext": plain, "KeyId": key.arn, "EncryptionAlgorithm": SYMMETRIC}


@free("ReEncrypt")
def re_encrypt(world: World, request: Request) -> dict[str, Any]:
    """The same plaintext under another key."""
    given = request.given
    source = _of_blob(world, request, given["CiphertextBlob"], given.get("SourceKeyId"))
    target = use(world, request, given["DestinationKeyId"], by_alias=True)
    _check(target, request, SYMMETRIC)
    plain = _open(source, given["CiphertextBlob"], given.get("SourceEncryptionContext"))
    blob = _seal(target, plain, given.get("DestinationEncryptionContext"))
    return {"CiphertextBlob": blob, "SourceKeyId": source.arn, "KeyId": target.arn}


def _data_key(request: Request, key: Key) -> dict[str, Any]:
    _check(key, request, SYMMETRIC)
    given = request.given
    size = {"AES_128": 16, "AES_256": 32}.get(given.get("KeySpec", ""), given.get("NumberOfBytes"))
    if size is None:
        raise errors.validation("Please specify either number of bytes or key spec.")
    plain = secrets.token_bytes(size)
    blob = _seal(key, plain, given.get("EncryptionContext"))
    return {"CiphertextBlob": blob, "Plaintext": plain, "KeyId": key.arn}


@on_key("GenerateDataKey", by_alias=True)
def generate_data_key(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """A data key, plain and wrapped."""
    return _data_key(request, key)


@on_key("GenerateDataKeyWithoutPlaintext", by_alias=True)
def generate_data_key_without_plaintext(
    _world: World, request: Request, key: Key
) -> dict[str, Any]:
    """A data key, wrapped only."""
    out = _data_key(request, key)
    del out["Plaintext"]
    return out


@on_key("GenerateMac", by_alias=True)
def generate_mac(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """A code over a message."""
    algorithm = _check(key, request, request.given["MacAlgorithm"], "GENERATE_VERIFY_MAC")
    mac = _mac(key, request.given["Message"])
    return {"Mac": mac, "MacAlgorithm": algorithm, "KeyId": key.arn}


@on_key("VerifyMac", by_alias=True)
def verify_mac(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """Whether the code is that of the message; AWS answers an error if it is not."""
    algorithm = _check(key, request, request.given["MacAlgorithm"], "GENERATE_VERIFY_MAC")
    if not hmac.compare_digest(_mac(key, request.given["Message"]), request.given["Mac"]):
        raise errors.ServiceError("KMSInvalidMacException", "")
    return {"MacValid": True, "MacAlgorithm": algorithm, "KeyId": key.arn}


def _mac(key: Key, message: bytes) -> bytes:
    assert key.shared.current is not None
    digest = f"sha{key.shared.spec.removeprefix('HMAC_')}"
    return hmac.digest(key.shared.current.octets, message, digest)


def _check(key: Key, request: Request, algorithm: str, usage: str = "ENCRYPT_DECRYPT") -> str:
    """Refuse other usages and specs, and end dry runs."""
    if key.shared.usage != usage:
        raise errors.ServiceError(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.shared.usage} which is not valid for "
            f"{request.operation}.",
        )
    if algorithm not in (SYMMETRIC, key.shared.spec.replace("HMAC_", "HMAC_SHA_")):
        raise errors.validation(f"Algorithm {algorithm} and key spec are incompatible.")
    if usage == "ENCRYPT_DECRYPT" and key.shared.spec != SYMMETRIC:
        raise errors.unsupported(f"the double does not encrypt with {key.shared.spec}")
    if request.given.get("DryRun"):
        raise errors.dry_run()
    return algorithm


def _seal(key: Key, plain: bytes, context: dict[str, str] | None) -> bytes:
    material = key.shared.current
    assert material is not None, "the state of the key was checked"
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(material.octets).encrypt(nonce, plain, _bound(context))
    return b"\0".join((key.id.encode(), material.id.encode(), nonce + sealed))


def _open(key: Key, blob: bytes, context: dict[str, str] | None) -> bytes:
    _, version, sealed = blob.split(b"\0", 2)
    for material in key.shared.materials:
        if material.id.encode() == version and material.octets:
            try:
                return AESGCM(material.octets).decrypt(sealed[:12], sealed[12:], _bound(context))
            except InvalidTag:
                break
    raise _INVALID


def _of_blob(world: World, request: Request, blob: bytes, named: str | None) -> Key:
    parts = blob.split(b"\0", 2)
    if len(parts) != 3:
        raise _INVALID
    key = use(world, request, parts[0].decode())
    if named is not None and use(world, request, named, by_alias=True).id != key.id:
        raise errors.ServiceError(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )
    _check(key, request, SYMMETRIC)
    return key


def _bound(context: dict[str, str] | None) -> bytes:
    return json.dumps(context or {}, sort_keys=True).encode()
