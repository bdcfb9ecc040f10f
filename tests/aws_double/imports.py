"""Imported key material: keys that begin without any, and may lose it."""

from __future__ import annotations

import functools
import hashlib
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.aws_double.errors import ServiceError, invalid_state, unsupported, validation
from tests.aws_double.operations import Request, on_key
from tests.aws_double.records import Key, Material
from tests.aws_double.world import World


@functools.cache
def _wrapping() -> rsa.RSAPrivateKey:
    """The key that material is wrapped with: one for all, because making one takes long."""
    return rsa.generate_private_key(65537, 2048)


@on_key("GetParametersForImport")
def get_parameters_for_import(world: World, request: Request, key: Key) -> dict[str, Any]:
    """A public key to wrap material with, and a token for it, both for a day."""
    if request.given["WrappingAlgorithm"] != "RSAES_OAEP_SHA_256":
        raise unsupported("the double wraps with RSAES_OAEP_SHA_256 only")
    until = world.clock() + timedelta(days=1)
    public = _wrapping().public_key()
    return {
        "KeyId": key.arn,
        "ImportToken": f"{key.id} {until.timestamp()}".encode(),
        "PublicKey": public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "ParametersValidTo": until,
    }


@on_key("ImportKeyMaterial")
def import_key_material(world: World, request: Request, key: Key) -> dict[str, Any]:
    """Take material: the first, the same again, or new material for the next rotation."""
    given = request.given
    octets = _unwrapped(world, key, given)
    expires = given.get("ValidTo")
    expiring = given.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES"
    if expiring != (expires is not None):
        raise validation("ExpirationModel and ValidTo do not fit each other.")
    if expires is not None and not world.clock() < expires <= world.clock() + timedelta(days=365):
        raise validation("ValidTo must be in the future, at most 365 days ahead.")
    material = _place(world, key, _id_of(key, octets), given)
    material.octets, material.expires, material.imported = octets, expires, True
    material.description = given.get("KeyMaterialDescription", material.description)
    if expires is not None:
        world.wake_at(expires)
    return {"KeyId": key.arn, "KeyMaterialId": material.id}


def _unwrapped(world: World, key: Key, given: dict[str, Any]) -> bytes:
    name, _, until = given["ImportToken"].decode("ascii", "replace").partition(" ")
    if name != key.id or not until:
        raise ServiceError("InvalidImportTokenException", "")
    if world.clock().timestamp() >= float(until):
        raise ServiceError("ExpiredImportTokenException", "")
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    try:
        return _wrapping().decrypt(given["EncryptedKeyMaterial"], scheme)
    except ValueError:
        raise ServiceError("InvalidCiphertextException", "") from None


def _place(world: World, key: Key, identity: str, given: dict[str, Any]) -> Material:
    """Where the material goes: where the same one was, or behind all others."""
    held = key.shared.materials
    fresh = world.new_material(b"")
    fresh.id = identity
    if not held:
        held.append(fresh)
        return fresh
    for material in held:
        if material.id == identity:
            return material
    if given.get("ImportType") != "NEW_KEY_MATERIAL":
        raise ServiceError(
            "IncorrectKeyMaterialException",
            "The key material in the request is not the key material of this KMS key.",
        )
    if any(material.pending for material in held):
        raise invalid_state(key.arn, "holding key material that is pending rotation")
    fresh.pending = True
    held.append(fresh)
    return fresh


@on_key("DeleteImportedKeyMaterial")
def delete_imported_key_material(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """Forget the material; the key waits for it again. Without any, nothing happens."""
    wanted = request.given.get("KeyMaterialId")
    for material in key.shared.materials:
        if wanted == material.id or (wanted is None and material is key.shared.current):
            material.octets = b""
            return {"KeyId": key.arn, "KeyMaterialId": material.id}
    return {"KeyId": key.arn}


def _id_of(key: Key, octets: bytes) -> str:
    """The id is that of the material in this key: it does not depend on when it comes."""
    return hashlib.sha256(key.id.encode() + octets).hexdigest()
