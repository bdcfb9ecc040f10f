"""A key that was only observed belongs to others: it is forgotten, and never written to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    ChangeState,
    ForgetKey,
    MoveAlias,
    ScheduleDeletion,
    SetOwner,
    is_remote,
)
from keyplan.model.resources import DesiredKey, Lifecycle, Manage
from keyplan.plans.plan import Plan, PlanMode
from keyplan.testing.bench import Bench, destroyable, key

A = Address("key.a")
OBSERVED = Lifecycle(manage=Manage.OBSERVE)


def declared(lifecycle: Lifecycle = OBSERVED, **attributes: Any) -> DesiredKey:
    """A key that nothing protects."""
    return key("key.a", "root", lifecycle=lifecycle, deletion=destroyable(), **attributes)


def rules(plan: Plan) -> list[str]:
    return [finding.rule for finding in plan.findings]


def remote(plan: Plan) -> list[object]:
    return [step.operation for step in plan.steps if is_remote(step.operation)]


@pytest.fixture(params=[None, OwnerMark("another", "t")], ids=["nobody's", "another stack's"])
def watched(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """A world in which key.a is others' and observed."""
    found = bench.plugin.service().plant(aliases=["theirs"])
    bench.plugin.service().edit(found, lambda old: replace(old, owner=request.param))
    bench.perform(bench.plan(declared(), imported={"key.a": found}))
    return bench


@pytest.mark.parametrize("mode", [PlanMode.NORMAL, PlanMode.DESTROY])
@pytest.mark.parametrize("removed", [None, {"key.a": "forget"}])
def test_it_is_forgotten_and_nothing_else(
    watched: Bench, mode: PlanMode, removed: dict[str, str] | None
) -> None:
    before = watched.live("key.a")
    plan = watched.plan(removed=removed, mode=mode)
    assert [type(step.operation) for step in plan.steps] == [ForgetKey]
    assert plan.changes[0].notes == ("it was only observed, so it stays as it is",)
    watched.perform(plan)
    assert A not in watched.state.resources
    assert watched.session.read([before.id])[before.id] == before


@pytest.mark.parametrize("mode", ["suspend", "destroy"])
def test_to_end_it_takes_managing_it_first(watched: Bench, mode: str) -> None:
    plan = watched.plan(removed={"key.a": mode})
    assert (rules(plan), plan.steps) == (["KP-PLAN-024"], ())
    assert "declare it without `lifecycle: {manage: observe}`" in plan.findings[0].advice
    watched.converge(declared(Lifecycle()))
    ended = watched.plan(removed={"key.a": mode})
    assert not ended.errored
    assert any(isinstance(item, ChangeState) for item in remote(ended))


def test_a_key_that_is_handed_over_is_observed_from_then_on(bench: Bench) -> None:
    bench.converge(declared(Lifecycle(), labels={"team": "a"}))
    plan = bench.plan(declared())
    assert plan.has_changes
    assert remote(plan) == []
    bench.perform(plan)
    assert not bench.plan(declared()).has_changes
    assert [type(step.operation) for step in bench.plan().steps] == [ForgetKey]
    back = bench.plan(declared(Lifecycle(), labels={"team": "a"}))
    bench.perform(back)
    assert any(isinstance(item, ScheduleDeletion) for item in remote(bench.plan()))


def test_its_alias_is_not_taken_from_it(watched: Bench) -> None:
    other = key("key.b", "root", aliases=["theirs"])
    plan = watched.plan(declared(), other)
    assert "KP-PLAN-005" in rules(plan)
    assert not any(isinstance(item, MoveAlias) for item in remote(plan))
    taken = watched.plan(declared(Lifecycle()), other)
    assert any(isinstance(item, MoveAlias) for item in remote(taken))


def without_a_mark(bench: Bench) -> None:
    """key.a is managed, and was never marked: its labels could not be read."""
    bench.converge(declared(Lifecycle()))
    bench.plugin.service().edit(bench.live("key.a").id, lambda old: replace(old, owner=None))
    resource = replace(bench.state.resources[A], owner=None)
    bench.state = replace(bench.state, resources={A: resource})


@pytest.mark.parametrize("mode", [PlanMode.NORMAL, PlanMode.DESTROY])
def test_what_was_never_marked_is_ended_only_by_name(bench: Bench, mode: PlanMode) -> None:
    without_a_mark(bench)
    plan = bench.plan(mode=mode)
    assert (rules(plan), plan.steps) == (["KP-PLAN-024"], ())
    named = bench.plan(removed={"key.a": "destroy"}, mode=mode)
    assert any(isinstance(item, ScheduleDeletion) for item in remote(named))


@pytest.mark.parametrize("removed", [None, {"key.a": "destroy"}, {"key.a": "suspend"}])
def test_what_another_stack_marked_since_needs_a_brake(
    bench: Bench, removed: dict[str, str] | None
) -> None:
    bench.converge(declared(Lifecycle()))
    mark = OwnerMark("another", "t")
    bench.plugin.service().edit(bench.live("key.a").id, lambda old: replace(old, owner=mark))
    plan = bench.plan(removed=removed)
    assert any(isinstance(item, SetOwner) for item in remote(plan))
    assert "takeover" in [brake.name for brake in plan.brakes]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"usage": "sign", "algorithm": "rsa-2048"}, {"usage", "algorithm"}),
        ({"algorithm": "aes-128"}, {"algorithm"}),
    ],
)
def test_a_key_that_is_not_what_is_declared_is_not_observed(
    bench: Bench, other: dict[str, str], named: set[str]
) -> None:
    found = bench.plugin.service().plant()
    wrong = key("key.a", "root", **{"usage": "encrypt", **other}, lifecycle=OBSERVED)
    plan = bench.plan(wrong, imported={"key.a": found})
    assert (set(rules(plan)), plan.steps) == ({"KP-PLAN-001"}, ())
    assert all(f"its {name} is " in " ".join(f.summary for f in plan.findings) for name in named)
    right = key("key.a", "root", "encrypt", lifecycle=OBSERVED)
    bench.perform(bench.plan(right, imported={"key.a": found}))
    assert set(rules(bench.plan(wrong))) == {"KP-PLAN-001"}
