"""What the emulator can do: its manifest, permissions, and defaults.

Constant, and made without importing the cryptographic library: an algorithm that the
installed build lacks is refused when a key is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from keyplan.model.keys import ALGORITHMS, Family, Relation, Usage
from keyplan.sdk.capabilities import (
    Attribute,
    Capabilities,
    Deletion,
    Finding,
    Mutability,
    Reading,
    Rotation,
)
from keyplan.sdk.provider import Permission

_OBSERVED = Reading.OBSERVED
_FIXED = Attribute(_OBSERVED, Mutability.IMMUTABLE, at_create=True)
_SET = Attribute(_OBSERVED, at_create=True)
_RECORDED = Attribute(Reading.RECORDED)

ATTRIBUTES: Mapping[str, Attribute] = {
    "usage": _FIXED,
    "algorithm": _FIXED,
    "relation": _FIXED,
    "protection": _FIXED,
    "parent": _SET,
    "state": _SET,
    "description": _SET,
    "labels": _SET,
    "policy": _SET,
    "rotation": _SET,
    "expires_at": _SET,
    "exportable": Attribute(_OBSERVED, Mutability.ONE_WAY, at_create=True),
    "aliases": Attribute(_OBSERVED),
    "grants": Attribute(_OBSERVED),
    "certificate": Attribute(_OBSERVED),
    "tier": _RECORDED,
    "scope": _RECORDED,
    "owner": _RECORDED,
    "deletion": _RECORDED,
}
"""Multi-Region keys, replicas and primaries are absent: there is one place."""

CALLS: Mapping[str, str] = {
    "create_key": "generate key in the HSM",
    "schedule_deletion": "schedule deletion in the HSM",
    "cancel_deletion": "cancel deletion in the HSM",
    "set_owner": "mark key",
    "change_state": "set key state",
    "set_attribute": "set attribute",
    "put_labels": "set labels",
    "rewrap_key": "wrap key anew",
    "issue_certificate": "sign certificate in the HSM",
    "put_policy": "set key policy",
    "create_grant": "create grant",
    "revoke_grant": "revoke grant",
    "create_alias": "create alias",
    "move_alias": "move alias",
    "delete_alias": "delete alias",
    "rotate_key": "generate key version in the HSM",
    "activate_version": "activate key version",
    "retire_version": "retire key version",
    "accept_version": "accept key version",
    "destroy_version": "destroy key version",
}
"""The operations performed, with the HSM's own names for them."""


@lru_cache(maxsize=1)
def algorithms() -> Mapping[str, frozenset[Usage]]:
    """What each algorithm can be used for here: not for key agreement or encapsulation."""
    return {
        name: algorithm.usages - {Usage.AGREE}
        for name, algorithm in ALGORITHMS.items()
        if algorithm.family not in (Family.SM2, Family.ML_KEM)
    }


@lru_cache(maxsize=1)
def capabilities() -> Capabilities:
    """The manifest."""
    return Capabilities(
        attributes=ATTRIBUTES,
        operations=frozenset(CALLS),
        algorithms=algorithms(),
        relations=frozenset(Relation),
        default_relation=Relation.WRAPS,
        deletion=Deletion.SCHEDULED,
        min_window=timedelta(),
        max_window=None,
        default_window=timedelta(days=30),
        finding=Finding.NATIVE,
        rotation=Rotation.PLANNED,
        threads=8,
        read_batch=2000,
        calls=CALLS,
    )


def permissions() -> tuple[Permission, ...]:
    """What each command needs of the store."""
    return (
        Permission("read the store file", ("plan", "drift", "apply"), "key metadata is not sealed"),
        Permission(
            "write the store's directory", ("apply",), "SQLite keeps its write-ahead log there"
        ),
        Permission(
            "PIN or unlock file", ("apply",), "material is unwrapped, and the audit chain sealed"
        ),
        Permission(
            "the neutral operation on the key",
            ("apply",),
            "where `identity` is set, key policies decide; without it the security officer acts",
        ),
    )
