"""A parent never goes while it still protects the material of a key that stays."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.model.operations import DestroyKey, RewrapKey, ScheduleDeletion
from keyplan.plans.plan import Plan, PlanMode
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import Bench, destroyable, key
from keyplan.testing.fake import fake_plugin

ROOT = key("key.root", "root", "wrap")
MASTER = key("key.m", "master", "wrap", "key.root")
GONE = {"key.m": "destroy"}


@pytest.fixture
def family(bench: Bench) -> Bench:
    bench.converge(ROOT, MASTER, key("key.s", parent="key.m"))
    return bench


def rules(plan: Plan) -> set[str]:
    return {finding.rule for finding in plan.findings}


@pytest.mark.parametrize(
    "child",
    [key("key.s"), key("key.s", parent="key.root", relation="governs")],
    ids=["the parent's line is gone", "another relation is declared"],
)
def test_a_declaration_alone_moves_no_material(family: Bench, child: Any) -> None:
    assert "KP-HIER-022" in rules(family.plan(ROOT, child, removed=GONE))


def test_a_relation_that_protects_cannot_be_declared_away(family: Bench) -> None:
    child = key("key.s", parent="key.m", relation="governs")
    assert rules(family.plan(ROOT, MASTER, child)) == {"KP-PLAN-001"}


def test_a_rewrap_that_is_not_in_the_plan_frees_no_parent(family: Bench) -> None:
    child = key("key.s", parent="key.root")
    assert "KP-HIER-022" in rules(family.plan(ROOT, child, removed=GONE, targets=("key.m",)))
    whole = family.plan(ROOT, child, removed=GONE)
    assert not whole.errored
    order = [type(step.operation) for step in whole.steps]
    assert order.index(RewrapKey) < order.index(ScheduleDeletion)


@pytest.mark.parametrize("mode", ["forget", "suspend"])
def test_a_forgotten_child_still_needs_its_parent(family: Bench, mode: str) -> None:
    plan = family.plan(ROOT, removed={**GONE, "key.s": mode})
    assert rules(plan) == {"KP-HIER-022"}


def test_a_child_on_its_way_out_holds_its_parent_without_blocking_it() -> None:
    bench = Bench(plugin=fake_plugin(deletion=Deletion.IMMEDIATE))
    terms = {"deletion": destroyable()}
    root = key("key.root", "root", "wrap", **terms)
    child = key("key.s", parent="key.root", **terms)
    bench.converge(root, child)
    bench.perform(bench.plan(root, child, mode=PlanMode.DESTROY))
    again = bench.plan(root, child, mode=PlanMode.DESTROY)
    assert (again.findings, again.steps) == ((), ())
    assert not any(isinstance(step.operation, DestroyKey) for step in again.steps)


def test_a_parent_is_not_suspended_and_forgotten_under_its_child(family: Bench) -> None:
    child = key("key.s", parent="key.root")
    gone = {"key.m": "suspend"}
    assert rules(family.plan(ROOT, child, removed=gone, targets=("key.m",))) == {"KP-HIER-022"}
    assert not family.plan(ROOT, child, removed=gone).errored


def test_a_parent_that_does_not_work_makes_no_child(bench: Bench) -> None:
    suspended = key("key.root", "root", "wrap", state="suspended")
    bench.converge(ROOT)
    bench.converge(suspended)
    child = key("key.s", parent="key.root")
    assert rules(bench.plan(suspended, child)) == {"KP-PLAN-014"}
    assert rules(bench.plan(ROOT, child)) == {"KP-PLAN-014", "KP-PLAN-020"}
    bench.converge(key("key.root", "root", "wrap", state="active"), child)
