from __future__ import annotations

from datetime import timedelta

import pytest

from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    AdoptKey,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
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
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.state import effects
from tests.unit.state import samples
from tests.unit.state.samples import INSTANT, LEDGER, LINEAGE, MASTER, ROOT, create, resource

MARK = OwnerMark(LINEAGE, "t0001")
OTHER = OwnerMark(LINEAGE, "t0002")
TERMS = {"operations": ["encrypt"]}
PROFILE = {"subject": "CN=release", "valid": "398d", "usages": ["code_signing"]}

BEFORE = resource(
    ROOT,
    attributes={
        "state": "active",
        "description": "old",
        "labels": {"team": "a", "cost": "1"},
        "aliases": ["b"],
        "grants": {"batch": TERMS},
        "parent": "key.ledger",
        "policy": None,
        "tier": "root",
    },
    recorded=frozenset({"tier"}),
    owner=MARK,
)

ATTRIBUTES = [
    (SetAttribute(ROOT, "description", "old", "new"), {"description": "new"}),
    (SetAttribute(ROOT, "description", "old", None), {"description": None}),
    (ChangeState(ROOT, KeyState.ACTIVE, KeyState.SUSPENDED), {"state": "suspended"}),
    (ScheduleDeletion(ROOT, "30d"), {"state": "suspended"}),
    (CancelDeletion(ROOT, "30d"), {"state": "suspended"}),
    (
        PutLabels(ROOT, {"team": "b", "env": "prod"}, ["cost"], {"team": "a", "cost": "1"}),
        {"labels": {"team": "b", "env": "prod"}},
    ),
    (RewrapKey(ROOT, LEDGER, MASTER), {"parent": 'key.master["prod"]'}),
    (RewrapKey(ROOT, LEDGER, None), {"parent": None}),
    (IssueCertificate(ROOT, LEDGER, PROFILE, 1), {"certificate": PROFILE}),
    (PutPolicy(ROOT, None, {"statements": []}), {"policy": {"statements": []}}),
    (CreateGrant(ROOT, "cron", TERMS), {"grants": {"batch": TERMS, "cron": TERMS}}),
    (RevokeGrant(ROOT, "batch", TERMS), {"grants": {}}),
    (CreateAlias(ROOT, "a"), {"aliases": ["a", "b"]}),
    (MoveAlias(ROOT, "c", LEDGER), {"aliases": ["b", "c"]}),
    (DeleteAlias(ROOT, "b"), {"aliases": []}),
    (ChangePrimary(ROOT, ROOT, LEDGER), {}),
    (PutDocument(ROOT, "role", "app", None, {"x": 1}), {"documents": {"role/app": {"x": 1}}}),
    (PutDocument(ROOT, "role", "app", {"x": 1}, None), {"documents": {}}),
    (RecordAttributes(ROOT, {}, {"scope": {"env": "prod"}}), {"scope": {"env": "prod"}}),
]


def plain(operation: Operation):
    return effects.symbolic(BEFORE, operation, at=INSTANT)


@pytest.mark.parametrize(("operation", "changed"), ATTRIBUTES, ids=lambda value: str(value)[:50])
def test_operation_changes_these_attributes_only(operation: Operation, changed: dict) -> None:
    after = plain(operation)
    assert after.attributes == {**BEFORE.attributes, **changed}
    assert (after.id, after.owner, after.versions) == (BEFORE.id, BEFORE.owner, BEFORE.versions)


def test_created_key_has_what_was_asked_for() -> None:
    made = create(parent=MASTER, relation="wraps", attributes={"description": "x"})
    after = effects.symbolic(resource(attributes={}), made, at=INSTANT)
    assert after.attributes == {
        "usage": "wrap",
        "algorithm": "aes-256",
        "state": "active",
        "parent": 'key.master["prod"]',
        "relation": "wraps",
        "description": "x",
    }
    assert after.owner == made.owner


def test_replica_has_what_was_asked_for() -> None:
    made = ReplicateKey(LEDGER, ROOT, OTHER, {"description": "x"})
    after = effects.symbolic(resource(attributes={}), made, at=INSTANT)
    assert after.attributes == {"state": "active", "description": "x"}
    assert after.owner == OTHER


def test_owner_moves_and_goes() -> None:
    assert plain(SetOwner(ROOT, MARK, OTHER)).owner == OTHER
    assert plain(SetOwner(ROOT, MARK, None)).owner is None


def test_versions_follow_rotation_and_retirement() -> None:
    made = INSTANT - timedelta(days=90)
    key = resource(versions=(KeyVersion(1, made, KeyState.ACTIVE),))

    def states(*operations: Operation) -> list[tuple[int, str]]:
        after = key
        for operation in operations:
            after = effects.symbolic(after, operation, at=INSTANT)
        return [(version.number, version.state.value) for version in after.versions]

    rotate = RotateKey(ROOT, 2)
    assert states(rotate) == [(1, "deactivated"), (2, "active")]
    assert states(rotate, rotate) == [(1, "deactivated"), (2, "active")]
    assert states(rotate, ActivateVersion(ROOT, 2, 1)) == [(1, "active"), (2, "deactivated")]
    assert states(rotate, RetireVersion(ROOT, 1)) == [(1, "suspended"), (2, "active")]
    accepted = states(rotate, RetireVersion(ROOT, 1), AcceptVersion(ROOT, 1))
    assert accepted == [(1, "deactivated"), (2, "active")]
    assert states(rotate, DestroyVersion(ROOT, 1)) == [(1, "destroyed"), (2, "active")]
    dated = effects.symbolic(key, rotate, at=INSTANT).versions
    assert [version.created_at for version in dated] == [made, INSTANT]


def test_recorded_names_are_kept_apart() -> None:
    after = plain(RecordAttributes(ROOT, {"tier": "root"}, {"scope": {"env": "prod"}}))
    assert after.recorded == {"scope"}
    assert "tier" not in after.attributes
    after = plain(RecordAttributes(ROOT, {"tier": "root"}, {"tier": None}))
    assert after.recorded == frozenset()
    assert "tier" not in after.attributes


def test_dropping_a_recorded_name_never_drops_an_observed_one() -> None:
    after = effects.recorded(BEFORE, {"description": None, "tier": None})
    assert after.attributes["description"] == "old"
    assert "tier" not in after.attributes


@pytest.mark.parametrize("operation", [AdoptKey(ROOT, "i"), ForgetKey(ROOT, "i"), DestroyKey(ROOT)])
def test_existence_is_not_an_attribute(operation: Operation) -> None:
    assert plain(operation) == BEFORE


def test_nothing_passed_in_is_changed() -> None:
    pristine = resource(ROOT, attributes=dict(BEFORE.attributes), owner=MARK)
    labels = dict(BEFORE.attributes["labels"])
    for operation, _ in ATTRIBUTES:
        plain(operation)
    assert BEFORE.attributes == pristine.attributes
    assert BEFORE.attributes["labels"] == labels


def test_read_back_replaces_what_was_observed_and_keeps_what_was_recorded() -> None:
    key = resource(
        attributes={"state": "active", "usage": "wrap", "description": "gone", "tier": "root"},
        recorded=frozenset({"usage", "tier"}),
        owner=MARK,
    )
    seen = samples.observation(
        attributes={"state": "suspended", "usage": "encrypt", "arn": "arn:1"},
        owner=OTHER,
        versions=(
            KeyVersion(2, INSTANT, KeyState.ACTIVE),
            KeyVersion(1, INSTANT, KeyState.DEACTIVATED),
        ),
    )
    after = effects.observed(key, seen)
    assert after.attributes == {
        "state": "suspended",
        "usage": "wrap",
        "arn": "arn:1",
        "tier": "root",
    }
    assert after.owner == OTHER
    assert [version.number for version in after.versions] == [1, 2]
    assert after.recorded == key.recorded


def test_what_could_not_be_read_stays_as_it_was_known() -> None:
    key = resource(attributes={"state": "active", "policy": {"a": 1}})
    seen = samples.observation(unreadable=frozenset({"policy", "labels"}))
    assert effects.observed(key, seen).attributes == {"state": "active", "policy": {"a": 1}}


MANAGED = resource(
    attributes={
        "state": "active",
        "description": "d",
        "labels": {"team": "x", "gone": "y"},
        "aliases": ["a", "b"],
        "policy": {"v": 1},
    },
    managed=frozenset({"state", "labels:team", "labels:gone", "aliases:a", "aliases:b"}),
    owner=MARK,
)
THEIRS = samples.observation(
    attributes={
        "state": "suspended",
        "description": "theirs",
        "labels": {"team": "theirs", "other": "z"},
        "aliases": ["b", "theirs"],
        "policy": {"v": 2},
    },
    owner=OTHER,
)


def test_what_is_managed_stays_as_applied_whatever_somebody_made_of_it() -> None:
    after = effects.keeping(MANAGED, effects.observed(MANAGED, THEIRS), set())
    assert after.attributes == {
        "state": "active",
        "description": "theirs",
        "labels": {"team": "x", "gone": "y", "other": "z"},
        "aliases": ["a", "b", "theirs"],
        "policy": {"v": 2},
    }
    assert after.owner == MARK


def test_what_a_run_set_is_read_back() -> None:
    touched = {"state", "labels:team", "labels:gone", "aliases:a", "mark"}
    after = effects.keeping(MANAGED, effects.observed(MANAGED, THEIRS), touched)
    assert after.attributes["state"] == "suspended"
    assert after.attributes["labels"] == {"team": "theirs", "other": "z"}
    assert after.attributes["aliases"] == ["b", "theirs"]
    assert after.owner == OTHER
