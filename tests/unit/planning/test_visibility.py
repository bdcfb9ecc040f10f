"""What may not be read is said and never guessed; what a service manages is left to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.operations import PutPolicy, SetAttribute
from keyplan.model.resources import Lifecycle, Manage
from keyplan.plans.plan import Plan
from keyplan.testing.bench import Bench, key, policy

A, B = Address("key.a"), Address("key.b")


def some(name: str = "key.a", **attributes: Any) -> Any:
    return key(name, "root", "wrap", **attributes)


def said(plan: Plan) -> list[tuple[str, str, str]]:
    return [(item.rule, item.level.value, item.summary) for item in plan.findings]


def test_what_cannot_be_read_is_said_once_for_all_keys(bench: Bench) -> None:
    keys = [some(f"key.k{number}", description="x") for number in range(3)]
    bench.converge(*keys)
    bench.plugin.service().forbidden |= {"policy", "grants"}
    plan = bench.plan(*keys)
    assert said(plan) == [
        ("KP-PLAN-015", "note", "grants of 3 keys on fake cannot be read"),
        ("KP-PLAN-015", "note", "policy of 3 keys on fake cannot be read: fake:read"),
    ]
    assert (plan.steps, plan.drift) == ((), ())


def test_what_cannot_be_read_is_compared_with_what_was_applied(bench: Bench) -> None:
    bench.converge(some(policy=policy("decrypt"), description="a"))
    bench.plugin.service().forbidden |= {"policy", "description"}
    bench.behind(SetAttribute(A, "description", "a", "by somebody"))
    unchanged = bench.plan(some(policy=policy("decrypt"), description="a"))
    assert (unchanged.steps, unchanged.drift) == ((), ())
    changed = some(policy=policy("decrypt", "encrypt"), description="a")
    plan = bench.plan(changed)
    (step,) = plan.steps
    assert isinstance(step.operation, PutPolicy)
    assert step.operation.before == bench.state.resources[A].attributes["policy"]
    assert [(row.operations, row.wider) for row in plan.access] == [(("encrypt",), True)]
    bench.perform(plan)
    assert bench.plan(changed).steps == ()


def test_a_key_that_is_made_unseen_converges(bench: Bench) -> None:
    bench.plugin.service().forbidden |= {"policy", "labels", "aliases"}
    bench.converge(some(policy=policy("decrypt"), labels={"a": "b"}, aliases=["x"]))


@pytest.mark.parametrize("name", ["policy", "description"])
def test_what_was_never_seen_is_not_overwritten(bench: Bench, name: str) -> None:
    identifier = bench.plugin.service().plant(usage="wrap")
    bench.plugin.service().forbidden.add(name)
    value = policy("decrypt") if name == "policy" else "mine"
    plan = bench.plan(some(**{name: value}), imported={"key.a": identifier})
    assert ("KP-PLAN-015", "error") in [entry[:2] for entry in said(plan)]
    assert plan.errored


def test_a_key_pending_deletion_hides_what_it_likes(bench: Bench) -> None:
    terms = {"protection": False, "soak": "0d", "window": "30d"}
    bench.converge(some(deletion=terms))
    bench.perform(bench.plan())
    bench.plugin.service().forbidden.add("rotation")
    assert said(bench.plan()) == []


# -- keys of the service ---------------------------------------------------------------------


def managed_by_the_service(bench: Bench) -> str:
    identifier = bench.plugin.service().plant(usage="wrap")
    bench.plugin.service().edit(identifier, lambda old: old.having("manager", "aws"))
    return identifier


def observed() -> Any:
    return replace(some(), lifecycle=Lifecycle(Manage.OBSERVE))


def test_a_key_of_the_service_can_be_observed_and_let_go(bench: Bench) -> None:
    identifier = managed_by_the_service(bench)
    bench.perform(bench.plan(observed(), imported={"key.a": identifier}))
    assert bench.plan(observed()).steps == ()
    bench.plugin.service().forget_calls()
    plan = bench.plan(removed={"key.a": "destroy"})
    assert [step.operation.name for step in plan.steps] == ["forget_key"]
    bench.perform(plan)
    writes = {"read", "scan", "find", "find_alias"}
    assert {call.name for call in bench.plugin.service().calls} <= writes


def test_a_key_of_the_service_is_never_managed(bench: Bench) -> None:
    identifier = managed_by_the_service(bench)
    plan = bench.plan(some(), imported={"key.a": identifier})
    assert [entry[:2] for entry in said(plan)] == [("KP-PLAN-017", "error")]
    bench.perform(bench.plan(observed(), imported={"key.a": identifier}))
    assert [entry[0] for entry in said(bench.plan(some(description="x")))] == ["KP-PLAN-017"]


def test_a_suspended_key_that_nothing_will_enable_is_said(bench: Bench) -> None:
    bench.converge(some(state="suspended"), some("key.b", state="suspended"))
    bench.perform(bench.plan(some(), some("key.b", state="suspended")))
    alone = bench.plan(some(), some("key.b", state="suspended"))
    assert said(alone) == [
        ("KP-PLAN-020", "warning", "key.a is suspended, and nobody can use it"),
    ]
    both = bench.plan(some(), some("key.b"))
    assert said(both) == [
        ("KP-PLAN-020", "warning", "key.a and 1 more are suspended, and nobody can use them"),
    ]
    assert said(bench.plan(some(state="active"), some("key.b", state="suspended"))) == []
