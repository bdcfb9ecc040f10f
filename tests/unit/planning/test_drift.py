"""Drift: what was changed behind keyplan's back, its class, and what the plan does about it."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RevokeGrant,
    SetAttribute,
    SetOwner,
    is_remote,
)
from keyplan.model.resources import Lifecycle, Manage, OnDrift
from keyplan.plans.changes import DriftKind, DriftResponse, Reason
from keyplan.plans.plan import PlanMode
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake import fake_plugin

A = Address("key.a")
TERMS = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
EVERYTHING = {
    "description": "d",
    "labels": {"team": "x"},
    "aliases": ["name"],
    "grants": {"batch": TERMS},
    "state": "active",
    "rotation": {"every": "90d"},
    "exportable": False,
    "policy": policy("decrypt"),
}


def declared(**more: Any) -> Any:
    return key("key.a", "root", "encrypt", **(EVERYTHING | more))


OPEN = {"administrators": ["who:admins", "who:stranger"], "statements": []}

CASES: list[tuple[str, Any, DriftKind]] = [
    ("description", SetAttribute(A, "description", "d", "e"), DriftKind.METADATA),
    ("labels:team", PutLabels(A, {"team": "y"}, [], {"team": "x"}), DriftKind.METADATA),
    ("aliases:name", DeleteAlias(A, "name"), DriftKind.AVAILABILITY),
    ("grants:batch", RevokeGrant(A, "batch", TERMS), DriftKind.ACCESS_NARROWED),
    ("state", ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED), DriftKind.AVAILABILITY),
    ("rotation", SetAttribute(A, "rotation", {"every": "90d"}, None), DriftKind.AVAILABILITY),
    ("exportable", SetAttribute(A, "exportable", False, True), DriftKind.ACCESS_WIDENED),
    ("policy", PutPolicy(A, None, OPEN), DriftKind.ACCESS_WIDENED),
]


@pytest.mark.parametrize(("path", "operation", "kind"), CASES, ids=[case[0] for case in CASES])
def test_each_attribute_is_seen_once_in_its_class_and_put_back(
    bench: Bench, path: str, operation: Any, kind: DriftKind
) -> None:
    bench.converge(declared())
    bench.behind(operation)
    plan = bench.plan(declared())
    (item,) = plan.drift
    assert (item.path, item.kind, item.response) == (path, kind, DriftResponse.REVERT)
    assert {step.reason for step in plan.steps} == {Reason.DRIFT}
    bench.perform(plan)
    again = bench.plan(declared())
    assert (again.drift, again.steps) == ((), ())


def test_foreign_labels_are_not_looked_at(bench: Bench) -> None:
    bench.converge(declared())
    bench.behind(PutLabels(A, {"other": "1"}, [], {}))
    assert bench.plan(declared()).drift == ()


@pytest.mark.parametrize(
    "operation",
    [CreateAlias(A, "theirs"), CreateGrant(A, "theirs", TERMS)],
    ids=["alias", "grant"],
)
def test_a_foreign_alias_or_grant_is_said_and_left_alone(bench: Bench, operation: Any) -> None:
    bench.converge(declared())
    bench.behind(operation)
    plan = bench.plan(declared())
    (item,) = plan.drift
    assert (item.kind, item.response) == (DriftKind.ACCESS_WIDENED, DriftResponse.LEAVE)
    assert plan.steps == ()


def test_a_policy_nobody_manages_is_still_watched(bench: Bench) -> None:
    plain = key("key.a", "root", "encrypt")
    bench.converge(plain)
    bench.behind(PutPolicy(A, None, OPEN))
    plan = bench.plan(plain)
    assert [(item.path, item.response) for item in plan.drift] == [("policy", DriftResponse.LEAVE)]
    assert plan.steps == ()


def test_what_is_not_managed_may_change(bench: Bench) -> None:
    plain = key("key.a", "root", "encrypt")
    bench.converge(plain)
    bench.behind(SetAttribute(A, "description", None, "theirs"))
    plan = bench.plan(plain)
    assert (plan.drift, plan.steps) == ((), ())


@pytest.mark.parametrize(
    ("lifecycle", "response"),
    [
        (Lifecycle(on_drift=OnDrift.REPORT), DriftResponse.REPORT),
        (Lifecycle(ignore_changes=frozenset({"description"})), DriftResponse.IGNORE),
        (Lifecycle(manage=Manage.OBSERVE), DriftResponse.OBSERVE),
    ],
    ids=["report", "ignore_changes", "observe"],
)
def test_drift_can_be_reported_and_left_alone(
    bench: Bench, lifecycle: Lifecycle, response: DriftResponse
) -> None:
    bench.converge(declared())
    calm = declared(lifecycle=lifecycle)
    bench.behind(SetAttribute(A, "description", "d", "e"))
    plan = bench.plan(calm)
    assert [item.response for item in plan.drift] == [response]
    assert not any(is_remote(step.operation) for step in plan.steps)


def test_a_declaration_that_agrees_with_the_drift_needs_no_call(bench: Bench) -> None:
    bench.converge(declared())
    bench.behind(SetAttribute(A, "description", "d", "e"))
    plan = bench.plan(declared(description="e"))
    assert [item.response for item in plan.drift] == [DriftResponse.AGREED]
    assert not any(isinstance(step.operation, SetAttribute) for step in plan.steps)


def test_refresh_only_takes_the_world_over_without_a_call(bench: Bench) -> None:
    bench.converge(declared())
    bench.behind(SetAttribute(A, "description", "d", "e"))
    plan = bench.plan(declared(), mode=PlanMode.REFRESH_ONLY)
    assert [type(step.operation) for step in plan.steps] == [RecordAttributes]
    assert plan.drift[0].response is DriftResponse.ACCEPT
    bench.perform(plan)
    assert bench.plan(declared()).drift == ()
    assert "description" not in bench.state.resources[A].recorded
    bench.behind(SetAttribute(A, "description", "e", "f"))
    assert [item.live for item in bench.plan(declared()).drift] == ["f"]


def test_refresh_only_takes_over_that_something_is_gone(bench: Bench) -> None:
    bench.converge(declared())
    bench.behind(SetAttribute(A, "rotation", {"every": "90d"}, None))
    bench.perform(bench.plan(declared(), mode=PlanMode.REFRESH_ONLY))
    assert bench.plan(declared()).drift == ()


def test_a_key_that_another_stack_took_needs_a_brake(bench: Bench) -> None:
    bench.converge(declared())
    mark = bench.live("key.a").owner
    other = type(mark)("22222222-2222-4222-8222-222222222222", "token-other")
    bench.behind(SetOwner(A, mark, other))
    plan = bench.plan(declared())
    assert [type(step.operation) for step in plan.steps] == [SetOwner]
    assert [brake.name for brake in plan.brakes] == ["takeover"]


def test_a_mark_that_somebody_removed_is_put_back_without_a_brake(bench: Bench) -> None:
    bench.converge(declared())
    bench.behind(SetOwner(A, bench.live("key.a").owner, None))
    plan = bench.plan(declared())
    assert [type(step.operation) for step in plan.steps] == [SetOwner]
    assert plan.brakes == ()
    bench.converge(declared())


def test_recorded_attributes_never_drift() -> None:
    bench = Bench(plugin=fake_plugin(recorded={"description"}))
    bench.converge(declared())
    assert bench.plan(declared()).drift == ()
