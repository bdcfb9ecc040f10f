"""Names that AWS compares without regard to case, and their usual spelling.

Rules: canonical policies hold names of actions and condition keys in lower case, so that
no table decides about equality; these tables are for display, for the text that is sent,
and for telling a mistyped name from a real one. Made from AWS's service reference.
"""

from __future__ import annotations

from types import MappingProxyType

from keyplan_aws.policy.patterns import covers, has_wildcard

ACTIONS = (
    "CancelKeyDeletion", "ConnectCustomKeyStore", "CreateAlias", "CreateCustomKeyStore",
    "CreateGrant", "CreateKey", "Decapsulate", "Decrypt", "DeleteAlias", "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial", "DeriveSharedSecret", "DescribeCustomKeyStores", "DescribeKey",
    "DisableKey", "DisableKeyRotation", "DisconnectCustomKeyStore", "EnableKey",
    "EnableKeyRotation", "Encapsulate", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GenerateMac",
    "GenerateRandom", "GetKeyLastUsage", "GetKeyPolicy", "GetKeyRotationStatus",
    "GetParametersForImport", "GetPublicKey", "ImportKeyMaterial", "ListAliases", "ListGrants",
    "ListKeyPolicies", "ListKeyRotations", "ListKeys", "ListResourceTags", "ListRetirableGrants",
    "PutKeyPolicy", "ReEncryptFrom", "ReEncryptTo", "ReplicateKey", "RetireGrant", "RevokeGrant",
    "RotateKeyOnDemand", "ScheduleKeyDeletion", "Sign", "SynchronizeMultiRegionKey",
    "TagResource", "UntagResource", "UpdateAlias", "UpdateCustomKeyStore",
    "UpdateKeyDescription", "UpdatePrimaryRegion", "Verify", "VerifyMac",
)  # fmt: skip

KEYS = (
    "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4", "aws:Ec2InstanceSourceVpc", "aws:EpochTime",
    "aws:FederatedProvider", "aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList", "aws:PrincipalType", "aws:RequestedRegion",
    "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SecureTransport",
    "aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity", "aws:SourceIp",
    "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc", "aws:SourceVpcArn",
    "aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime", "aws:UserAgent", "aws:ViaAWSService",
    "aws:VpcSourceIp", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths", "aws:referer",
    "aws:userid", "aws:username", "kms:BypassPolicyLockoutSafetyCheck", "kms:CallerAccount",
    "kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage", "kms:DataKeyPairSpec",
    "kms:EncapsulationAlgorithm", "kms:EncryptionAlgorithm", "kms:EncryptionContextKeys",
    "kms:ExpirationModel", "kms:GrantConstraintSourceArn", "kms:GrantConstraintType",
    "kms:GrantIsForAWSResource", "kms:GrantOperations", "kms:GranteePrincipal",
    "kms:GranteeServicePrincipal", "kms:KeyAgreementAlgorithm", "kms:KeyOrigin", "kms:KeySpec",
    "kms:KeyUsage", "kms:MacAlgorithm", "kms:MessageType", "kms:MultiRegion",
    "kms:MultiRegionKeyType", "kms:PrimaryRegion", "kms:ReEncryptOnSameKey",
    "kms:ReplicaRegion", "kms:RequestAlias", "kms:ResourceAliases", "kms:RetiringPrincipal",
    "kms:RetiringServicePrincipal", "kms:RotationPeriodInDays",
    "kms:ScheduleKeyDeletionPendingWindowInDays", "kms:SigningAlgorithm",
    "kms:TrailingDaysWithoutKeyUsage", "kms:ValidTo", "kms:ViaService", "kms:WrappingAlgorithm",
    "kms:WrappingKeySpec",
)  # fmt: skip

KEY_PREFIXES = (
    "aws:PrincipalTag/", "aws:RequestTag/", "aws:ResourceTag/", "kms:EncryptionContext:",
    "kms:RecipientAttestation:",
)  # fmt: skip
"""Condition keys that carry a name of their own after the prefix."""

MULTIVALUED = frozenset(
    {
        "aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist",
        "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:tagkeys", "aws:vpceorgpaths",
        "kms:encryptioncontextkeys", "kms:grantoperations", "kms:resourcealiases",
    }
)  # fmt: skip
"""Keys whose requests hold a set, so that `ForAllValues` and `ForAnyValue` mean something."""

_ACTIONS = MappingProxyType({f"kms:{name}".lower(): f"kms:{name}" for name in ACTIONS})
_KEYS = MappingProxyType({name.lower(): name for name in KEYS})


def is_action(name: str) -> bool:
    """Whether an action, or a pattern with wildcards, stands for one that is known."""
    lower = name.lower()
    return lower in _ACTIONS or (
        has_wildcard(lower) and any(covers(lower, known) for known in _ACTIONS)
    )


def is_key(name: str) -> bool:
    """Whether a condition key is known."""
    lower = name.lower()
    return lower in _KEYS or any(lower.startswith(prefix.lower()) for prefix in KEY_PREFIXES)


def spell_action(name: str) -> str:
    """An action as AWS writes it; of a pattern, the part before its first wildcard."""
    lower = name.lower()
    if lower in _ACTIONS:
        return _ACTIONS[lower]
    stem = lower.split("*")[0].split("?")[0]
    known = next((item for item in _ACTIONS if stem and item.startswith(stem)), "")
    return _ACTIONS[known][: len(stem)] + lower[len(stem) :] if known else name


def spell_key(name: str) -> str:
    """A condition key as AWS writes it; the name after a prefix stays as it is."""
    lower = name.lower()
    for prefix in KEY_PREFIXES:
        if lower.startswith(prefix.lower()):
            return prefix + name[len(prefix) :]
    return _KEYS.get(lower, name)
