"""What somebody changed since a run stands in the way of its rollback, and is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from keyplan.errors import BlockedPlanError, JournalError, StalePlanError
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateGrant,
    ForgetKey,
    MoveAlias,
    Operation,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    RevokeGrant,
    RewrapKey,
    SetAttribute,
)
from keyplan.planning.rollback import head_of
from keyplan.plans.findings import BrakeName
from keyplan.plans.plan import Plan
from keyplan.testing.fake_service import FakeKey
from tests.lifecycle.undoing import EVERYTHING, NATURAL, keys, rollback_of, undo
from tests.lifecycle.world import LINEAGE, Draft, World, create, key

A, B, C = key("a"), key("b"), key("c")


def _world(*run: Operation | Draft) -> World:
    """Three keys, and `run-2` that does this."""
    world = World()
    children = [Draft(create(name, parent="root"), (1,)) for name in "ab"]
    assert world.apply(world.plan([create("root"), *children])).ok
    report = world.apply(world.plan(run), allowed=EVERYTHING)
    assert report.ok, report.results
    return world


def _id(world: World, name: str = "a") -> str:
    return world.state.resources[key(name)].id


def _in_the_way(plan: Plan) -> list[str]:
    return [finding.summary for finding in plan.findings if finding.rule == "KP-BACK-001"]


EDITS = {
    "label": lambda item: item.having("labels", {"team": "z"}),
    "description": lambda item: item.having("description", "by hand"),
    "deletion": lambda item: replace(
        item, state=KeyState.SUSPENDED, deletion_at=item.versions[0].created_at + timedelta(90)
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_change_made_by_hand_is_named_and_kept(what: str) -> None:
    world = _world(PutLabels(A, {"team": "x"}, [], {}), SetAttribute(A, "description", None, "d"))
    world.service.edit(_id(world), EDITS[what])
    before = keys(world)
    plan = rollback_of(world, "run-2")
    assert any(what in summary and "key.a" in summary for summary in _in_the_way(plan))
    with pytest.raises(BlockedPlanError):
        world.apply(plan, allowed=EVERYTHING)
    assert keys(world) == before


def test_what_the_run_did_not_touch_may_change() -> None:
    world = _world(PutLabels(A, {"team": "x"}, [], {}))

    def edit(item: FakeKey) -> FakeKey:
        return item.having("description", "by hand").having("labels", {"team": "x", "own": "1"})

    world.service.edit(_id(world), edit)
    assert undo(world, "run-2").ok
    left = world.service.get(_id(world))
    assert left is not None
    assert left.attributes["labels"] == {"own": "1"}
    assert left.attributes["description"] == "by hand"


def test_what_was_put_back_by_hand_is_not_done_again() -> None:
    world = _world(PutLabels(A, {"team": "x"}, [], {}), CreateAlias(A, "acme/a"))
    world.service.edit(_id(world), lambda item: replace(item, aliases=()))
    plan = rollback_of(world, "run-2")
    assert [step.operation.name for step in plan.steps] == ["put_labels"]
    assert undo(world, "run-2").ok


def test_a_chain_that_was_half_taken_back_goes_on_from_there() -> None:
    old = {"principal": ["who:a"], "operations": ["decrypt"], "context": {}}
    new = {**old, "operations": ["encrypt"]}
    world = World()
    assert world.apply(world.plan([create("a"), CreateGrant(A, "g", old)])).ok
    run = [RevokeGrant(A, "g", old), CreateGrant(A, "g", new)]
    assert world.apply(world.plan(run)).ok
    world.service.edit(_id(world), lambda item: item.having("grants", {}))
    plan = rollback_of(world, "run-2")
    assert [step.operation.name for step in plan.steps] == ["create_grant"]
    assert undo(world, "run-2").ok
    left = world.service.get(_id(world))
    assert left is not None
    assert left.attributes["grants"] == {"g": old}


def test_a_key_that_is_gone_or_forgotten_is_named() -> None:
    world = _world(PutLabels(A, {"team": "x"}, [], {}))
    world.service.vanish(_id(world))
    assert "not there any more" in _in_the_way(rollback_of(world, "run-2"))[0]
    world = _world(PutLabels(A, {"team": "x"}, [], {}))
    assert world.apply(world.plan([ForgetKey(A, _id(world))])).ok
    assert "not there any more" in _in_the_way(rollback_of(world, "run-2"))[0]


def test_a_key_that_was_made_and_is_gone_is_no_obstacle() -> None:
    alias = Draft(CreateAlias(C, "acme/c"), (1,))
    world = _world(create("c", parent="root"), alias, PutLabels(A, {"team": "x"}, [], {}))
    world.service.vanish(_id(world, "c"))
    assert undo(world, "run-2").ok


def test_an_address_that_another_key_took_is_named() -> None:
    world = _world()
    identity = _id(world)
    assert world.apply(world.plan([RenameKey(C, A, identity)])).ok
    run = next(log for log in reversed(world.store().closed_logs()))
    again = replace(create("a"), owner=OwnerMark(LINEAGE, "token-again"))
    assert world.apply(world.plan([again])).ok
    assert "another key is in its place" in _in_the_way(rollback_of(world, run))[0]


def test_recorded_attributes_that_a_later_run_wrote_are_kept() -> None:
    world = _world(RecordAttributes(A, {}, {"tier": "service"}))
    later = [RecordAttributes(A, {"tier": "service"}, {"tier": "data"})]
    assert world.apply(world.plan(later)).ok
    assert _in_the_way(rollback_of(world, "run-2")) == ["tier of key.a was changed since run run-2"]
    assert undo(world, "run-3").ok
    assert undo(world, "run-2").ok
    assert "tier" not in world.state.resources[A].attributes


def test_a_key_that_came_to_rest_on_a_made_one_blocks() -> None:
    world = _world(create("rootc"))
    rewrap = [
        RewrapKey(A, key("root"), key("rootc")),
        RecordAttributes(A, {"parent": "key.root"}, {"parent": "key.rootc"}),
    ]
    record = Draft(RecordAttributes(A, {}, {"relation": "wraps"}))
    assert world.apply(world.plan([*rewrap, record])).ok
    plan = rollback_of(world, "run-2")
    assert [item.address for item in plan.findings if item.rule == "KP-BACK-004"] == [A]
    assert undo(world, "run-3").ok
    assert undo(world, "run-2").ok


def test_aliases_are_taken_from_made_keys_before_they_rest() -> None:
    world = _world(CreateAlias(A, "acme/a"))
    run = [create("c"), Draft(MoveAlias(C, "acme/a", A), (1,))]
    report = world.apply(world.plan(run))
    assert undo(world, report.run).ok
    left = world.service.get(_id(world))
    assert left is not None
    assert left.aliases == ("acme/a",)


def test_a_looser_policy_never_returns_to_a_made_key() -> None:
    strict = {"administrators": ["fake:owner"], "statements": []}
    world = _world(create("c"), Draft(PutPolicy(C, None, strict), (1,)))
    assert undo(world, "run-2").ok
    left = world.service.get(_id(world, "c"))
    assert left is not None
    assert left.attributes["policy"] == strict
    assert left.state is KeyState.SUSPENDED


def test_brakes_hold_as_in_any_plan() -> None:
    world = _world(
        Draft(create("rootc")), Draft(RecordAttributes(key("rootc"), {}, {"tier": "root"}), (1,))
    )
    plan = rollback_of(world, "run-2")
    assert [brake.name for brake in plan.brakes] == [BrakeName.ROOT]
    with pytest.raises(BlockedPlanError):
        world.apply(plan)
    assert world.apply(plan, allowed=NATURAL).ok


def test_a_policy_that_locks_everybody_out_is_not_put_back() -> None:
    nobody = {"administrators": [], "statements": []}
    open_ = {"administrators": ["fake:owner"], "statements": []}
    world = _world()
    world.service.edit(_id(world), lambda item: item.having("policy", nobody))
    assert world.apply(world.plan([PutPolicy(A, nobody, open_)])).ok
    run = world.store().closed_logs()[-1]
    assert [item.rule for item in rollback_of(world, run).findings] == ["KP-LOCK-001"]


def test_a_live_key_that_moves_after_planning_stops_the_rollback() -> None:
    world = _world(ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED))
    plan = rollback_of(world, "run-2")
    world.service.edit(_id(world), lambda item: item.having("description", "late"))
    with pytest.raises(StalePlanError):
        world.apply(plan, allowed=NATURAL)
    assert world.service.get(_id(world)).state is KeyState.SUSPENDED  # type: ignore[union-attr]


def test_a_journal_without_a_head_is_refused() -> None:
    with pytest.raises(JournalError):
        head_of("run-9", ())
