"""One of each operation."""

from __future__ import annotations

from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    AdoptKey,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    Operation,
    PutDocument,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from tests.unit.state.samples import LEDGER, LINEAGE, MASTER, ROOT

MARK = OwnerMark(LINEAGE, "t0002")
TERMS = {"principal": ["ada"], "operations": ["encrypt"], "expires_at": "2027-06-30T00:00:00Z"}
PROFILE = {"subject": "CN=release", "valid": "398d", "usages": ["code_signing"]}

EVERY: tuple[Operation, ...] = (
    CreateKey(LEDGER, MARK, "encrypt", "aes-256", MASTER, "wraps", {"labels": {"a": "b"}}, {}),
    ScheduleDeletion(LEDGER, "30d"),
    CancelDeletion(LEDGER, "30d"),
    DestroyKey(LEDGER),
    SetOwner(LEDGER, None, MARK),
    ChangeState(LEDGER, KeyState.ACTIVE, KeyState.SUSPENDED),
    SetAttribute(LEDGER, "description", None, "größer"),
    PutLabels(LEDGER, {"team": "a"}, ["cost"], {"cost": "1"}),
    RewrapKey(LEDGER, MASTER, None),
    IssueCertificate(LEDGER, ROOT, PROFILE, 2),
    PutPolicy(LEDGER, None, {"statements": [{"effect": "allow", "principals": ["ada"]}]}),
    CreateGrant(LEDGER, "batch", TERMS),
    RevokeGrant(LEDGER, "batch", TERMS),
    CreateAlias(LEDGER, "acme/ledger"),
    MoveAlias(LEDGER, "acme/ledger", ROOT),
    DeleteAlias(LEDGER, "acme/ledger"),
    RotateKey(LEDGER, 2),
    ActivateVersion(LEDGER, 2, 1),
    RetireVersion(LEDGER, 1),
    AcceptVersion(LEDGER, 1),
    DestroyVersion(LEDGER, 1),
    ReplicateKey(LEDGER, ROOT, MARK, {"description": None}),
    ChangePrimary(LEDGER, LEDGER, ROOT),
    PutDocument(LEDGER, "role", "app", None, {"rules": [1, 0.5, True]}),
    RecordAttributes(LEDGER, {"tier": "data"}, {"scope": {"environment": "prod"}}),
    AdoptKey(LEDGER, "id-3"),
    ForgetKey(LEDGER, "id-3"),
    RenameKey(LEDGER, ROOT, "id-3"),
)
