"""One call of each operation on a key, without regard to whether it makes sense there.

For what must be refused: operations that a manifest does not name, and keys that are
not there.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    IssueCertificate,
    MoveAlias,
    PutDocument,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)


def calls(target: Address, other: Address, owner: OwnerMark) -> Mapping[str, RemoteOperation]:
    """Every operation by name, aimed at `target`; `other` stands for parents and sources."""
    every: tuple[RemoteOperation, ...] = (
        CreateKey(target, owner, "encrypt", "aes-256", None, None, {}),
        ScheduleDeletion(target, "30d"),
        CancelDeletion(target, "30d"),
        DestroyKey(target),
        SetOwner(target, None, owner),
        ChangeState(target, KeyState.ACTIVE, KeyState.SUSPENDED),
        SetAttribute(target, "description", None, "trial"),
        PutLabels(target, {"team": "trial"}, [], {}),
        RewrapKey(target, None, other),
        IssueCertificate(target, other, {"subject": "CN=trial", "valid": "90d", "usages": []}, 1),
        PutPolicy(target, None, {}),
        CreateGrant(target, "batch", {"principal": ["trial"], "operations": ["encrypt"]}),
        RevokeGrant(target, "batch", {"principal": ["trial"], "operations": ["encrypt"]}),
        CreateAlias(target, f"keyplan/trial-{owner.token[:10]}"),
        MoveAlias(target, f"keyplan/trial-{owner.token[:10]}", other),
        DeleteAlias(target, f"keyplan/trial-{owner.token[:10]}"),
        RotateKey(target, 2),
        ActivateVersion(target, 2, 1),
        RetireVersion(target, 1),
        AcceptVersion(target, 1),
        DestroyVersion(target, 1),
        ReplicateKey(target, other, owner, {}),
        ChangePrimary(target, target, other),
        PutDocument(target, "note", "trial", None, {}),
    )
    return {operation.name: operation for operation in every}
