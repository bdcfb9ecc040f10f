"""`moved` changes addresses only; `import` takes a key over as it is, then compares it."""

from __future__ import annotations

from typing import Any

from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AdoptKey,
    CreateKey,
    PutLabels,
    RecordAttributes,
    RenameKey,
    SetOwner,
)
from keyplan.model.resources import Lifecycle, Manage
from keyplan.plans.changes import Action
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.testing.bench import Bench, key

ROOT = key("key.root", "root", "wrap")
OLD, NEW = key("key.old", parent="key.root"), key("key.new", parent="key.root")


def kinds(plan: Any) -> list[type]:
    return [type(step.operation) for step in plan.steps]


def test_a_move_changes_the_state_and_no_key(bench: Bench) -> None:
    bench.converge(ROOT, OLD)
    identifier = bench.state.resources[Address("key.old")].id
    plan = bench.plan(ROOT, NEW, moved={"key.old": "key.new"})
    assert kinds(plan) == [RenameKey]
    assert (plan.changes[0].action, plan.changes[0].previous) == (Action.NO_OP, "key.old")
    assert not plan.counts.any
    assert plan.has_changes
    bench.perform(plan)
    assert bench.state.resources[Address("key.new")].id == identifier
    assert Address("key.old") not in bench.state.resources
    assert not bench.plan(ROOT, NEW, moved={"key.old": "key.new"}).has_changes


def test_children_follow_a_parent_that_moves(bench: Bench) -> None:
    bench.converge(ROOT, key("key.leaf", parent="key.root"))
    top, leaf = key("key.top", "root", "wrap"), key("key.leaf", parent="key.top")
    plan = bench.plan(top, leaf, moved={"key.root": "key.top"})
    assert kinds(plan) == [RenameKey]
    bench.perform(plan)
    assert not bench.plan(top, leaf).has_changes


def test_a_moved_key_may_change_in_the_same_apply(bench: Bench) -> None:
    bench.converge(ROOT, OLD)
    labelled = key("key.new", parent="key.root", labels={"a": "b"})
    plan = bench.plan(ROOT, labelled, moved={"key.old": "key.new"})
    assert kinds(plan) == [RenameKey, PutLabels]
    assert read_plan(write_plan(plan)) == plan
    bench.perform(plan)
    assert not bench.plan(ROOT, labelled).has_changes


def test_moves_can_be_chained(bench: Bench) -> None:
    bench.converge(ROOT, OLD)
    plan = bench.plan(ROOT, NEW, moved={"key.old": "key.middle", "key.middle": "key.new"})
    assert [step.operation for step in plan.steps] == [
        RenameKey(Address("key.new"), Address("key.old"), bench.live("key.old").id)
    ]
    bench.perform(plan)


def test_a_move_onto_a_taken_address_is_an_error(bench: Bench) -> None:
    bench.converge(ROOT, OLD, NEW)
    plan = bench.plan(ROOT, NEW, moved={"key.old": "key.new"})
    assert "KP-PLAN-008" in [finding.rule for finding in plan.findings]


def test_an_imported_key_is_marked_and_compared(bench: Bench) -> None:
    found = bench.plugin.service().plant(aliases=["theirs"])
    declared = key("key.found", "root", "encrypt", labels={"team": "a"})
    plan = bench.plan(declared, imported={"key.found": found})
    assert kinds(plan) == [AdoptKey, SetOwner, PutLabels, RecordAttributes]
    assert (plan.counts.imported, plan.counts.add, plan.brakes) == (1, 0, ())
    bench.perform(plan)
    live = bench.live("key.found")
    assert live.id == found
    assert live.owner is not None
    assert live.attributes["aliases"] == ["theirs"]
    assert not bench.plan(declared, imported={"key.found": found}).has_changes


def test_an_imported_key_of_another_stack_needs_a_brake(bench: Bench) -> None:
    found = bench.plugin.service().plant()
    bench.plugin.service().edit(
        found, lambda old: type(old)(**{**_fields(old), "owner": OwnerMark("other", "t")})
    )
    plan = bench.plan(key("key.found", "root", "encrypt"), imported={"key.found": found})
    assert [brake.name for brake in plan.brakes] == ["takeover"]


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_an_observed_key_is_adopted_without_a_mark(bench: Bench) -> None:
    found = bench.plugin.service().plant()
    watching = key("key.found", "root", "encrypt", lifecycle=Lifecycle(manage=Manage.OBSERVE))
    plan = bench.plan(watching, imported={"key.found": found})
    assert kinds(plan) == [AdoptKey, RecordAttributes]
    bench.perform(plan)
    assert bench.live("key.found").owner is None
    assert not bench.plan(watching, imported={"key.found": found}).has_changes


def test_an_id_that_does_not_exist_is_an_error_not_a_new_key(bench: Bench) -> None:
    plan = bench.plan(key("key.found", "root", "encrypt"), imported={"key.found": "nothing"})
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-009"]
    assert not any(isinstance(step.operation, CreateKey) for step in plan.steps)


def test_one_key_has_one_address(bench: Bench) -> None:
    bench.converge(ROOT)
    twin = key("key.twin", "root", "wrap")
    plan = bench.plan(ROOT, twin, imported={"key.twin": bench.live("key.root").id})
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-010"]


def test_what_cannot_change_cannot_be_imported_as_something_else(bench: Bench) -> None:
    found = bench.plugin.service().plant()
    other = key("key.found", "root", "mac", algorithm="hmac-sha256")
    plan = bench.plan(other, imported={"key.found": found})
    assert {finding.rule for finding in plan.findings} == {"KP-PLAN-001"}
    assert plan.steps == ()
