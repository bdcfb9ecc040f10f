"""Each kind of operation taken back: the world is as it was, or what stays was said before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest

from keyplan.model.inverses import Grade
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
    RemoteOperation,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
    StateOperation,
)
from keyplan.planning.rollback import residue_of
from keyplan.sdk.capabilities import Deletion
from keyplan.state.entries import Settlement
from keyplan.testing.fake import FakePlugin, fake_plugin
from keyplan.testing.fake_service import FakeKey
from tests.lifecycle.undoing import EVERYTHING, comparable, keys, rollback_of, undo
from tests.lifecycle.world import LINEAGE, Draft, World, create, key

ROOT, OTHER, A, B = key("root"), key("rootb"), key("a"), key("b")
ADMINS = {"administrators": ["fake:owner"], "statements": []}
READERS = {"administrators": ["fake:owner", "who:reader"], "statements": []}
TERMS = {"principal": ["who:batch"], "operations": ["decrypt"], "context": {}}
OURS = OwnerMark(LINEAGE, "token-a")
PROFILE = {"subject": "CN=a", "valid": "90d", "usages": ["digital_signature"]}
SUSPEND = ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED)


def _same(key: FakeKey) -> FakeKey:
    return key


def _old_versions(key: FakeKey) -> FakeKey:
    """Without the version that a rotation made, which stays."""
    return replace(key, versions=key.versions[:1])


def _uncertified(key: FakeKey) -> FakeKey:
    return key.having("certificate", None)


@dataclass(frozen=True)
class Case:
    """What there is before the run, what the run does, and what is not brought back."""

    run: Sequence[Operation | Draft]
    before: Sequence[Operation | Draft] = ()
    left: tuple[str, ...] = ()
    seen: Callable[[FakeKey], FakeKey] = _same
    made: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    plugin: Callable[[], FakePlugin] = field(default=fake_plugin)


def _signer() -> CreateKey:
    return replace(create("signer"), usage="sign", algorithm="ec-p256")


def _signed() -> CreateKey:
    plain = create("leaf")
    return replace(plain, usage="sign", algorithm="ed25519", parent=key("signer"), relation="signs")


def _immediate() -> FakePlugin:
    return fake_plugin(deletion=Deletion.IMMEDIATE)


CASES = {
    "create_key": Case([create("c", parent="root")], left=("KP-BACK-002",), made=frozenset("c")),
    "create_and_dress": Case(
        [create("c"), CreateAlias(key("c"), "acme/c"), PutPolicy(key("c"), None, READERS)],
        left=("KP-BACK-002",),
        made=frozenset("c"),
    ),
    "create_out_of_use": Case(
        [create("c"), ChangeState(key("c"), KeyState.ACTIVE, KeyState.DEACTIVATED)],
        left=("KP-BACK-002", "KP-BACK-003"),
        made=frozenset("c"),
    ),
    "schedule_deletion": Case([SUSPEND, ScheduleDeletion(A, "30d")]),
    "cancel_deletion": Case(
        [CancelDeletion(A, "30d"), ChangeState(A, KeyState.SUSPENDED, KeyState.ACTIVE)],
        before=[SUSPEND, ScheduleDeletion(A, "30d")],
        left=("KP-BACK-002",),
    ),
    "destroy_key": Case(
        [SUSPEND, DestroyKey(A)],
        left=("KP-BACK-003",),
        gone=frozenset("a"),
        plugin=_immediate,
    ),
    "set_owner": Case([SetOwner(A, OURS, None)]),
    "take_over": Case([SetOwner(A, OURS, OwnerMark(LINEAGE, "token-new"))]),
    "change_state": Case([SUSPEND]),
    "compromise": Case(
        [ChangeState(A, KeyState.ACTIVE, KeyState.COMPROMISED)],
        left=("KP-BACK-003",),
        seen=lambda key: replace(key, state=KeyState.ACTIVE),
    ),
    "set_attribute": Case([SetAttribute(A, "description", None, "new")]),
    "set_attribute_twice": Case(
        [
            SetAttribute(A, "description", None, "first"),
            SetAttribute(A, "description", "first", "second"),
        ]
    ),
    "put_labels": Case(
        [PutLabels(A, {"team": "y", "new": "1"}, ["old"], {"team": "x", "old": "0"})],
        before=[PutLabels(A, {"team": "x", "old": "0"}, [], {})],
    ),
    "rewrap_key": Case([RewrapKey(A, ROOT, OTHER)]),
    "issue_certificate": Case(
        [IssueCertificate(key("leaf"), key("signer"), PROFILE, 1)],
        before=[_signer(), Draft(_signed(), (1,))],
        left=("KP-BACK-002",),
        seen=_uncertified,
    ),
    "put_policy": Case([PutPolicy(A, ADMINS, READERS)], before=[PutPolicy(A, None, ADMINS)]),
    "create_grant": Case([CreateGrant(A, "batch", TERMS)]),
    "revoke_grant": Case(
        [RevokeGrant(A, "batch", TERMS)],
        before=[CreateGrant(A, "batch", TERMS)],
        left=("KP-BACK-002",),
    ),
    "create_alias": Case([CreateAlias(A, "acme/a")]),
    "move_alias": Case([MoveAlias(B, "acme/a", A)], before=[CreateAlias(A, "acme/a")]),
    "delete_alias": Case([DeleteAlias(A, "acme/a")], before=[CreateAlias(A, "acme/a")]),
    "rotate_key": Case(
        [RotateKey(A, 2)], left=("KP-BACK-002",), seen=_old_versions
    ),
    "activate_version": Case([ActivateVersion(A, 2, 1)], before=[RotateKey(A, 2)]),
    "retire_version": Case([RetireVersion(A, 1)], before=[RotateKey(A, 2)]),
    "accept_version": Case(
        [AcceptVersion(A, 1)], before=[RotateKey(A, 2), RetireVersion(A, 1)]
    ),
    "destroy_version": Case(
        [DestroyVersion(A, 1)],
        before=[RotateKey(A, 2), RetireVersion(A, 1)],
        left=("KP-BACK-003",),
        seen=lambda key: replace(key, versions=key.versions[1:]),
    ),
    "put_document": Case([PutDocument(A, "role", "web", None, {"ttl": 5})]),
    "record_attributes": Case(
        [
            Draft(
                RecordAttributes(A, {"tier": "service"}, {"tier": "data"}),
                settlement=Settlement(
                    record={"scope": {"tenant": "x"}},
                    manage=("description",),
                    unmanage=("tier",),
                    dependencies=(ROOT, B),
                ),
            )
        ],
        before=[
            Draft(
                RecordAttributes(A, {}, {"tier": "service"}),
                settlement=Settlement(manage=("tier",), dependencies=(ROOT,)),
            )
        ],
    ),
    "rename_key": Case([]),
    "adopt_key": Case([]),
    "forget_key": Case([]),
}  # fmt: skip


def _world(case: Case) -> World:
    world = World(case.plugin())
    start = [create("root"), create("rootb"), *(
        Draft(create(name, parent="root"), (1,)) for name in "ab"
    )]  # fmt: skip
    assert world.apply(world.plan(start)).ok
    if case.before:
        assert world.apply(world.plan(case.before), allowed=EVERYTHING).ok
    return world


def _run(name: str, world: World) -> tuple[Sequence[Operation | Draft], Sequence[Operation]]:
    """What the run does, and what must be done before it, where that needs the key's id."""
    held = world.state.resources[A]
    match name:
        case "rename_key":
            renamed = key("renamed")
            return [RenameKey(renamed, A, held.id), PutLabels(renamed, {"n": "1"}, [], {})], ()
        case "adopt_key":
            return [AdoptKey(A, held.id), SetOwner(A, OURS, None)], [ForgetKey(A, held.id)]
        case "forget_key":
            return [SetOwner(A, OURS, None), ForgetKey(A, held.id)], ()
        case _:
            return CASES[name].run, ()


@pytest.mark.parametrize("name", CASES)
def test_world_and_state_are_as_before(name: str) -> None:
    case = CASES[name]
    world = _world(case)
    run, first = _run(name, world)
    if first:
        assert world.apply(world.plan(first), allowed=EVERYTHING).ok
    before, were = world.state, keys(world)
    report = world.apply(world.plan(run), allowed=EVERYTHING)
    assert report.ok, report.results

    plan = rollback_of(world, report.run)
    assert tuple(sorted({item.rule for item in residue_of(plan)})) == case.left
    assert not any(step.irreversible for step in plan.steps)
    assert undo(world, report.run).ok

    now = keys(world)
    made = {world.state.resources[key(item)].id for item in case.made}
    assert now.keys() - were.keys() == made
    assert {world.state.resources[key(item)].id for item in case.made} <= now.keys()
    assert all(now[item].state is not KeyState.ACTIVE for item in made)
    for key_id in were.keys() & now.keys():
        assert case.seen(now[key_id]) == case.seen(were[key_id])
    lost = {key(item) for item in case.gone}
    assert before.resources.keys() - world.state.resources.keys() == lost
    for address in before.resources.keys() - lost:
        if case.seen is _same:
            assert comparable(world.state.resources[address]) == comparable(
                before.resources[address]
            )
    assert not rollback_of(world, report.run).steps


def test_every_operation_of_one_provider_is_covered() -> None:
    """Replicas live in several places, and have a test of their own."""
    kinds = {type(item.operation if isinstance(item, Draft) else item)
             for case in CASES.values() for item in case.run}  # fmt: skip
    kinds |= {RenameKey, AdoptKey, ForgetKey}
    everything = {*get_args(RemoteOperation), *get_args(StateOperation)}
    assert everything - kinds == {ReplicateKey, ChangePrimary}


def test_a_provider_that_cannot_suspend_keeps_what_was_made() -> None:
    world = World(fake_plugin(unsupported={"change_state"}))
    report = world.apply(world.plan([create("a")]), allowed=EVERYTHING)
    plan = rollback_of(world, report.run)
    assert plan.steps == ()
    assert [item.rule for item in plan.findings] == ["KP-BACK-003"]
    held = world.entries(report.run)
    assert any(getattr(item, "inverse", None) and item.inverse.grade is Grade.NONE for item in held)
