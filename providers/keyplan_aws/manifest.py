"""What AWS KMS can do: its manifest. Constant; algorithms are those of the installed botocore."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from keyplan.model.keys import KeyState, Relation
from keyplan.sdk.capabilities import (
    Attribute,
    Capabilities,
    Deletion,
    Finding,
    Mutability,
    Reading,
    Rotation,
)
from keyplan_aws.marks import MARKS
from keyplan_aws.quotas import QUOTAS, TAGS_PER_KEY
from keyplan_aws.specs import algorithms

THREADS = 16
"""Keys that are read at the same time, and operations at the same time."""

READ_LAG = timedelta(seconds=30)
"""How long AWS usually needs to show a write everywhere ("usually seconds")."""

_OBSERVED = Reading.OBSERVED
_FIXED = Attribute(_OBSERVED, Mutability.IMMUTABLE, at_create=True)
_SET = Attribute(_OBSERVED, at_create=True)
_RECORDED = Attribute(Reading.RECORDED)

ATTRIBUTES: Mapping[str, Attribute] = {
    "usage": Attribute(Reading.RECORDED, Mutability.IMMUTABLE, at_create=True),
    "algorithm": _FIXED,
    "protection": _FIXED,
    "exportable": _FIXED,
    "multi_region": _FIXED,
    "relation": _RECORDED,
    "description": _SET,
    "labels": _SET,
    "policy": _SET,
    "state": Attribute(_OBSERVED),
    "rotation": Attribute(_OBSERVED),
    "aliases": Attribute(_OBSERVED),
    "grants": Attribute(_OBSERVED),
    "primary": Attribute(_OBSERVED),
    "replicas": _RECORDED,
    "parent": _RECORDED,
    "tier": _RECORDED,
    "scope": _RECORDED,
    "owner": _RECORDED,
    "expires_at": _RECORDED,
    "deletion": _RECORDED,
}
"""`usage` is recorded because a key that wraps is, to AWS, one that encrypts. AWS certifies
nothing, so `certificate` is absent."""

CALLS: Mapping[str, str] = {
    "create_key": "CreateKey",
    "schedule_deletion": "ScheduleKeyDeletion",
    "cancel_deletion": "CancelKeyDeletion",
    "set_owner": "TagResource",
    "set_owner:none": "UntagResource",
    "change_state": "DisableKey",
    "change_state:active": "EnableKey",
    "change_state:compromised": "TagResource, DisableKey",
    "set_attribute": "UpdateKeyDescription",
    "set_attribute:rotation": "EnableKeyRotation",
    "set_attribute:rotation:none": "DisableKeyRotation",
    "put_labels": "TagResource",
    "put_labels:none": "UntagResource",
    "put_policy": "PutKeyPolicy",
    "create_grant": "CreateGrant",
    "revoke_grant": "RevokeGrant",
    "create_alias": "CreateAlias",
    "move_alias": "UpdateAlias",
    "delete_alias": "DeleteAlias",
    "rotate_key": "RotateKeyOnDemand",
    "replicate_key": "ReplicateKey",
    "change_primary": "UpdatePrimaryRegion",
}
"""The calls that write, by operation and, where it has several, by what it sets."""

ACTIVE_ONLY = frozenset(
    {"CreateGrant", "DisableKeyRotation", "EnableKeyRotation", "RotateKeyOnDemand"}
)
"""What AWS refuses for a disabled key (`DisabledException`)."""

OPERATIONS = frozenset(name for name in CALLS if ":" not in name)
"""The operations performed."""


@lru_cache(maxsize=1)
def capabilities() -> Capabilities:
    """The manifest. `rates` are AWS's default quotas; a connection keeps to its own."""
    return Capabilities(
        attributes=ATTRIBUTES,
        operations=OPERATIONS,
        algorithms=algorithms(),
        relations=frozenset({Relation.GOVERNS}),
        default_relation=Relation.GOVERNS,
        deletion=Deletion.SCHEDULED,
        min_window=timedelta(days=7),
        max_window=timedelta(days=30),
        default_window=timedelta(days=30),
        finding=Finding.TAGGED,
        rotation=Rotation.NATIVE,
        threads=THREADS,
        read_batch=10_000,
        read_lag=READ_LAG,
        rates={
            **{name: QUOTAS[CALLS[name]] for name in sorted(OPERATIONS)},
            "read": QUOTAS["ListGrants"],
        },
        calls=CALLS,
        grants_by_terms=True,
        paces_itself=True,
        active_only=ACTIVE_ONLY,
        max_labels=TAGS_PER_KEY - MARKS,
        aliases_keep_kind=True,
        states=frozenset({KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.COMPROMISED}),
    )
