"""Keys brought into every state, and every operation called on one: for the state table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.aws_double import KmsDouble
from tests.aws_double.records import Grant

HOME, ELSEWHERE, THIRD = "us-east-1", "eu-west-1", "ap-south-1"

GRANTEE = "arn:aws:iam::111122223333:role/app"

_SIGNS = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
_CODES = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
KINDS = {
    "Sign": _SIGNS,
    "Verify": _SIGNS,
    "GetPublicKey": _SIGNS,
    "GenerateMac": _CODES,
    "VerifyMac": _CODES,
}
"""The kind of key that an operation needs; symmetric where nothing is said."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A key in some state, with what the operations need besides it."""

    double: KmsDouble
    arn: str
    other: str
    """Another key of the same kind, enabled."""
    alias: str
    blobs: dict[str, bytes]

    @property
    def client(self) -> Any:
        """The client of the key's Region."""
        return self.double.client("kms", self.arn.split(":")[3])


def import_material(client: Any, key_id: str, octets: bytes = b"m" * 32, **more: Any) -> Any:
    """Import key material, wrapped as AWS wants it."""
    parameters = client.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    public = serialization.load_der_public_key(parameters["PublicKey"])
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return client.import_key_material(
        KeyId=key_id,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=public.encrypt(octets, scheme),
        **{"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"} | more,
    )


@contextlib.contextmanager
def in_state(
    double: KmsDouble, state: str, operation: str, *, imported: bool = False
) -> Iterator[Subject]:
    """A key in the state, of the kind that the operation needs. Time stands still in it."""
    client = double.client("kms", HOME)
    multi = state in ("PendingReplicaDeletion", "Creating", "Updating") or operation in (
        "ReplicateKey",
        "UpdatePrimaryRegion",
    )
    kind = KINDS.get(operation, {}) | {"MultiRegion": multi}
    if state == "Unavailable":
        double.world.stores["cks-1"] = "AWS_CLOUDHSM"
        kind |= {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1", "MultiRegion": False}
    elif imported or state == "PendingImport":
        kind |= {"Origin": "EXTERNAL"}
    arn = client.create_key(**kind)["KeyMetadata"]["Arn"]
    if imported and state != "PendingImport":
        import_material(client, arn)
    blobs = _blobs(client, arn, operation, state)
    if multi and state not in ("Creating", "PendingImport"):
        client.replicate_key(KeyId=arn, ReplicaRegion=ELSEWHERE)
    double.world.transition = timedelta(days=1)
    try:
        arn = _bring(double, client, arn, state)
        yield _subject(double, arn, kind, blobs)
    finally:
        double.world.transition = timedelta(0)


def _bring(double: KmsDouble, client: Any, arn: str, state: str) -> str:
    match state:
        case "Disabled":
            client.disable_key(KeyId=arn)
        case "PendingDeletion":
            with contextlib.suppress(KeyError):
                replica = double.world.key(arn.replace(HOME, ELSEWHERE))
                del double.world.keys(replica.account, ELSEWHERE)[replica.id]
            client.schedule_key_deletion(KeyId=arn)
        case "PendingReplicaDeletion":
            client.schedule_key_deletion(KeyId=arn)
        case "Unavailable":
            double.world.key(arn).unavailable = True
        case "Creating":
            out = client.replicate_key(KeyId=arn, ReplicaRegion=ELSEWHERE)
            arn = out["ReplicaKeyMetadata"]["Arn"]
        case "Updating":
            client.update_primary_region(KeyId=arn, PrimaryRegion=ELSEWHERE)
    assert double.world.key(arn).state == state
    return arn


def _blobs(client: Any, arn: str, operation: str, state: str) -> dict[str, bytes]:
    """A ciphertext, a signature, a code that the key has made, where it can."""
    usable = state not in ("Unavailable", "PendingImport")
    if operation in ("Decrypt", "ReEncrypt"):
        if usable:
            return {"blob": client.encrypt(KeyId=arn, Plaintext=b"text")["CiphertextBlob"]}
        return {"blob": b"\0".join((arn.rpartition("/")[2].encode(), b"version", b"x" * 28))}
    if operation == "Verify" and usable:
        signed = client.sign(KeyId=arn, Message=b"text", SigningAlgorithm="ECDSA_SHA_256")
        return {"signature": signed["Signature"]}
    if operation == "VerifyMac" and usable:
        made = client.generate_mac(KeyId=arn, Message=b"text", MacAlgorithm="HMAC_SHA_256")
        return {"mac": made["Mac"]}
    return {}


def _subject(double: KmsDouble, arn: str, kind: dict[str, Any], blobs: dict[str, bytes]) -> Subject:
    key = double.world.key(arn)
    client = double.client("kms", key.region)
    same = {name: kind[name] for name in ("KeySpec", "KeyUsage") if name in kind}
    other = client.create_key(**same)["KeyMetadata"]["Arn"]
    alias = f"alias/{key.id}-{next(double.world.serial)}"
    client.create_alias(AliasName=alias, TargetKeyId=other)
    terms = {"GranteePrincipal": GRANTEE, "Operations": ["DescribeKey"]}
    key.grants["g" * 64] = Grant("g" * 64, None, key.created, terms, "issuer", [])
    return Subject(double, arn, other, alias, blobs)


def perform(subject: Subject, operation: str) -> tuple[str, str]:
    """Call the operation on the key; the code and the text of the error, empty if none."""
    try:
        if operation in ("GetParametersForImport", "ImportKeyMaterial"):
            _import(subject, operation)
        else:
            name = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)
            getattr(subject.client, name.removeprefix("_"))(**_arguments(subject, operation))
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""


def _import(subject: Subject, operation: str) -> None:
    """Import with a token from before, so that only the call at hand meets the state."""
    if operation == "GetParametersForImport":
        subject.client.get_parameters_for_import(
            KeyId=subject.arn, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        return
    fresh = subject.double.client("kms", HOME).create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    parameters = subject.double.client("kms", HOME).get_parameters_for_import(
        KeyId=fresh, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    public = serialization.load_der_public_key(parameters["PublicKey"])
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    own, other = (arn.rpartition("/")[2].encode() for arn in (subject.arn, fresh))
    subject.client.import_key_material(
        KeyId=subject.arn,
        ImportToken=parameters["ImportToken"].replace(other, own),
        EncryptedKeyMaterial=public.encrypt(b"m" * 32, scheme),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )


def _arguments(subject: Subject, operation: str) -> dict[str, Any]:
    key, fixed = {"KeyId": subject.arn}, _FIXED.get(operation)
    if fixed is not None:
        return key | fixed
    match operation:
        case "CreateAlias":
            return {"TargetKeyId": subject.arn, "AliasName": f"{subject.alias}-new"}
        case "UpdateAlias":
            return {"TargetKeyId": subject.arn, "AliasName": subject.alias}
        case "DeleteAlias":
            held = subject.double.world.aliases("111122223333", subject.client.meta.region_name)
            held[subject.alias].key_id = subject.arn.rpartition("/")[2]
            return {"AliasName": subject.alias}
        case "Decrypt":
            return {"CiphertextBlob": subject.blobs["blob"]}
        case "ReEncrypt":
            return {"CiphertextBlob": subject.blobs["blob"], "DestinationKeyId": subject.other}
        case "VerifyMac":
            return key | _FIXED["GenerateMac"] | {"Mac": subject.blobs.get("mac", b"m" * 32)}
        case "Verify":
            return key | _FIXED["Sign"] | {"Signature": subject.blobs["signature"]}
        case "PutKeyPolicy":
            return key | {"Policy": subject.client.get_key_policy(**key)["Policy"]}
        case _:
            return key


_FIXED: dict[str, dict[str, Any]] = {
    "CreateGrant": {"GranteePrincipal": GRANTEE, "Operations": ["DescribeKey"]},
    "RetireGrant": {"GrantId": "g" * 64},
    "RevokeGrant": {"GrantId": "g" * 64},
    "Encrypt": {"Plaintext": b"text"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateMac": {"Message": b"text", "MacAlgorithm": "HMAC_SHA_256"},
    "Sign": {"Message": b"text", "SigningAlgorithm": "ECDSA_SHA_256"},
    "ReplicateKey": {"ReplicaRegion": THIRD},
    "UpdatePrimaryRegion": {"PrimaryRegion": ELSEWHERE},
    "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateKeyDescription": {"Description": "new"},
}
