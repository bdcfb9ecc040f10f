"""In which state of a key which operation goes, and what AWS answers otherwise.

Written from AWS's table of key states; `key_states.md` is that table, and the tests hold
the two against each other, cell by cell.
"""

from __future__ import annotations

from tests.aws_double import errors
from tests.aws_double.records import Key

READS = frozenset(
    [
        "DescribeKey",
        "GetKeyPolicy",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListResourceTags",
        "ListKeyRotations",
        "GetKeyRotationStatus",
        "GetKeyLastUsage",
    ]
)
"""Operations that change nothing, in every state."""

_ALWAYS = READS | {"PutKeyPolicy", "DeleteAlias", "RetireGrant", "RevokeGrant"}

CRYPTOGRAPHIC = frozenset(
    [
        "Encrypt",
        "Decrypt",
        "ReEncrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateMac",
        "VerifyMac",
        "Sign",
        "Verify",
        "GetPublicKey",
        "DeriveSharedSecret",
        "Encapsulate",
        "Decapsulate",
    ]
)
"""Operations that compute with the key, and `GetPublicKey`."""

_ROTATION = frozenset({"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"})
_NEED_ENABLED = CRYPTOGRAPHIC | _ROTATION | {"CreateGrant", "ReplicateKey", "UpdatePrimaryRegion"}
_NEED_MATERIAL = _NEED_ENABLED - _ROTATION | {"EnableKey", "DisableKey"}
_NEED_CREATED = _NEED_ENABLED | {
    "EnableKey",
    "DisableKey",
    "DeleteImportedKeyMaterial",
    "GetParametersForImport",
    "ImportKeyMaterial",
}
_NOT_WHILE_UPDATING = frozenset(
    [
        "EnableKey",
        "DisableKey",
        "ReplicateKey",
        "ScheduleKeyDeletion",
        "DeleteImportedKeyMaterial",
        "GetParametersForImport",
    ]
)
_WHILE_PENDING_DELETION = _ALWAYS | {"CancelKeyDeletion", "DeleteImportedKeyMaterial"}
_IMPORT = frozenset({"GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"})

_WORDS = {
    "PendingDeletion": "pending deletion",
    "PendingReplicaDeletion": "pending replica deletion",
    "PendingImport": "pending import",
    "Unavailable": "unavailable",
    "Creating": "creating",
    "Updating": "updating",
}


def check(key: Key, operation: str) -> None:
    """Refuse an operation that the key's state does not allow, in AWS's words."""
    state = key.state
    if operation == "CancelKeyDeletion":
        if state not in ("PendingDeletion", "PendingReplicaDeletion"):
            raise errors.invalid_state(key.arn, "not pending deletion")
        return
    _check_origin(key, operation)
    if operation in _refused_in(state):
        if state == "Disabled":
            raise errors.disabled(key.arn)
        raise errors.invalid_state(key.arn, _WORDS[state])


def _refused_in(state: str) -> frozenset[str]:
    """The operations that fail in a state, for keys whose origin allows them."""
    match state:
        case "Disabled":
            return _NEED_ENABLED
        case "PendingDeletion" | "PendingReplicaDeletion":
            return _EVERY - _WHILE_PENDING_DELETION
        case "PendingImport":
            return _NEED_MATERIAL
        case "Unavailable":
            return CRYPTOGRAPHIC
        case "Creating":
            return _NEED_CREATED
        case "Updating":
            return _NOT_WHILE_UPDATING
        case _:
            return frozenset()


_EVERY = (
    _NEED_CREATED
    | _ALWAYS
    | frozenset(
        [
            "TagResource",
            "UntagResource",
            "CreateAlias",
            "UpdateAlias",
            "UpdateKeyDescription",
            "ScheduleKeyDeletion",
        ]
    )
)


def _check_origin(key: Key, operation: str) -> None:
    """What keys with material of other origin do not have, whatever their state."""
    origin = key.shared.origin
    if operation in _IMPORT and origin != "EXTERNAL":
        raise errors.external_origin(key.arn, origin)
    if origin == "AWS_KMS":
        return
    if operation in ("EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus"):
        raise errors.external_origin(key.arn, origin)
    if operation == "RotateKeyOnDemand" and origin != "EXTERNAL":
        raise errors.external_origin(key.arn, origin)
