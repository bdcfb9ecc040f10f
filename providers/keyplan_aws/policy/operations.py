"""Neutral operations and the KMS actions that they stand for.

Rules: an operation is allowed with all of its actions; reading a policy back, an allow of
any of them shows the operation and a deny counts only if it takes them all, so that
nobody is ever shown with less access than they have. AWS has no wrapping of its own:
`wrap` and `unwrap` are encryption, and read back as `encrypt` and `decrypt`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from keyplan_aws.policy.patterns import covers, has_wildcard


def _kms(*names: str) -> tuple[str, ...]:
    return tuple(f"kms:{name}" for name in names)


ACTIONS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "encrypt": _kms("Encrypt"),
        "decrypt": _kms("Decrypt"),
        "reencrypt": _kms("ReEncryptFrom", "ReEncryptTo"),
        "generate_data_key": _kms(
            "GenerateDataKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
        ),
        "sign": _kms("Sign"),
        "verify": _kms("Verify"),
        "generate_mac": _kms("GenerateMac"),
        "verify_mac": _kms("VerifyMac"),
        "wrap": _kms("Encrypt"),
        "unwrap": _kms("Decrypt"),
        "agree": _kms("DeriveSharedSecret"),
        "encapsulate": _kms("Encapsulate"),
        "decapsulate": _kms("Decapsulate"),
        "get_public_key": _kms("GetPublicKey"),
        "describe": _kms(
            "DescribeKey",
            "GetKeyPolicy",
            "GetKeyRotationStatus",
            "ListGrants",
            "ListKeyPolicies",
            "ListKeyRotations",
            "ListResourceTags",
        ),
        "rotate": _kms("DisableKeyRotation", "EnableKeyRotation", "RotateKeyOnDemand"),
        "enable": _kms("EnableKey"),
        "disable": _kms("DisableKey"),
        "set_policy": _kms("PutKeyPolicy"),
        "grant": _kms("CreateGrant", "RevokeGrant"),
        "alias": _kms("CreateAlias", "DeleteAlias", "UpdateAlias"),
        "label": _kms("TagResource", "UntagResource", "UpdateKeyDescription"),
        "import_material": _kms(
            "DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial"
        ),
        "replicate": _kms("ReplicateKey", "SynchronizeMultiRegionKey", "UpdatePrimaryRegion"),
        "schedule_deletion": _kms("ScheduleKeyDeletion"),
        "cancel_deletion": _kms("CancelKeyDeletion"),
    }
)
"""`derive` and `export` are missing: KMS does neither."""

_ALSO: Mapping[str, tuple[str, ...]] = MappingProxyType({"describe": _kms("GetKeyLastUsage")})
"""Actions that show an operation, and that keyplan does not write: not every Region has them."""

READ_BACK = tuple(name for name in ACTIONS_OF if name not in ("wrap", "unwrap"))

REPAIR = _kms(
    "CancelKeyDeletion",
    "DescribeKey",
    "GetKeyPolicy",
    "ListGrants",
    "ListKeyPolicies",
    "ListResourceTags",
    "PutKeyPolicy",
)
"""What the account keeps under `recovery`: to see the key, and to set its policy right."""

FOR_SERVICES = _kms("CreateGrant", "ListGrants", "RevokeGrant")
"""What RDS, EBS and the like need beside the use of a key, for resources of their own."""

SET_POLICY = "kms:putkeypolicy"

_WITH_CONTEXT = frozenset(
    _kms(
        "CreateGrant",
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    )
)


def carries_context(action: str, *, symmetric: bool) -> bool:
    """Whether a request for the action can have an encryption context."""
    return symmetric and action in _WITH_CONTEXT


def allowed_by(patterns: Collection[str], *, excluded: bool = False) -> list[str]:
    """Operations of which any action is matched, or with `excluded` any is not."""
    matched = _matched(patterns)
    return [
        name
        for name in READ_BACK
        if any(
            (action in matched) is not excluded
            for action in (*ACTIONS_OF[name], *_ALSO.get(name, ()))
        )
    ]


def denied_by(patterns: Collection[str], *, excluded: bool = False) -> list[str]:
    """Operations whose actions are all matched, or with `excluded` none of them."""
    matched = _matched(patterns)
    return [
        name
        for name in READ_BACK
        if all((action in matched) is not excluded for action in ACTIONS_OF[name])
    ]


def _matched(patterns: Collection[str]) -> set[str]:
    """The actions that any of the patterns stands for."""
    wide = [pattern for pattern in patterns if has_wildcard(pattern)]
    return {
        action
        for action, lower in _LOWER.items()
        if lower in patterns or any(covers(pattern, lower) for pattern in wide)
    }


_LOWER = {
    action: action.lower()
    for table in (ACTIONS_OF, _ALSO)
    for part in table.values()
    for action in part
}


def neutral(aws_operation: str) -> str:
    """The neutral operation behind an operation of a grant (`GenerateDataKeyPair`); or itself."""
    action = f"kms:{aws_operation}"
    return next((name for name in READ_BACK if action in ACTIONS_OF[name]), aws_operation)
