"""One key that cannot be read, or whose policy cannot be, in a stack of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from keyplan.access.atoms import ANYONE
from keyplan.diagnostics import Severity
from keyplan.errors import BlockedPlanError
from keyplan.model.address import Address
from keyplan.model.operations import PutPolicy, SetAttribute
from keyplan.planning.planner import make_plan
from keyplan.plans.options import PlanOptions
from tests.aws_double import Identity
from tests.aws_double.any_policy import taking_any_policy
from tests.lifecycle.aws_world import AwsWorld, aws_world, document, key
from tests.lifecycle.undoing import EVERYTHING, context, rollback_of

STRANGER = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:role/stranger"},
    "Action": "kms:*",
    "Resource": "*",
}
NEW = json.dumps({"Statement": [{**STRANGER, "Scope": "tenant"}]})
"""A policy with an element that nobody knows yet."""


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


@pytest.fixture
def world(shared: AwsWorld) -> Iterator[AwsWorld]:
    shared.anew()
    yield shared
    shared.disconnect()


def stack(a: str = "one", b: str = "one", **more: Any) -> Any:
    """Two keys with descriptions; `more` is about the second."""
    envelope = {"policies": ["policy.envelope"]}
    return document(
        {"a": key(**envelope, description=a), "b": key(**{**envelope, **more}, description=b)}
    )


def _hide(world: AwsWorld) -> None:
    """Somebody takes key.b away from us."""
    world.kms().put_key_policy(
        KeyId=world.arn("key.b"),
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [STRANGER]}),
        BypassPolicyLockoutSafetyCheck=True,
    )


@pytest.mark.parametrize("b", ["one", "two"])
def test_a_hidden_key_is_an_error_for_itself_and_the_others_are_planned(
    world: AwsWorld, b: str
) -> None:
    world.settled(stack())
    _hide(world)
    plan = world.planned(stack(a="two", b=b))
    assert SetAttribute in {type(step.operation) for step in plan.steps if step.address == "key.a"}
    (said,) = [item for item in plan.findings if item.level is Severity.ERROR]
    assert (said.rule, said.address) == ("KP-PLAN-015", "key.b")
    assert "kms:DescribeKey" in said.summary
    with pytest.raises(BlockedPlanError):
        world.apply(plan, allowed=EVERYTHING)
    assert world.key("key.a").description == "one"


def test_the_other_keys_can_be_applied_alone(world: AwsWorld) -> None:
    world.settled(stack())
    _hide(world)
    plan = make_plan(
        world.graph(stack(a="two", b="two")),
        world.snapshot,
        world.sessions,
        options=PlanOptions(targets=(Address("key.a"),)),
        context=context(world),
    )
    assert not plan.errored
    assert world.apply(plan, allowed=EVERYTHING).ok
    assert world.key("key.a").description == "two"
    assert world.key("key.b").description == "one"


def test_nothing_is_hidden_from_who_may_read_again(world: AwsWorld) -> None:
    world.settled(stack())
    world.double.faults.deny("DescribeKey")
    assert {item.address for item in world.planned(stack()).findings} == {"key.a", "key.b"}
    world.double.faults.clear()
    world.settled(stack())


# -- a policy that cannot be read --------------------------------------------------------


@pytest.fixture
def strange(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> AwsWorld:
    """Somebody gave key.b a policy that keyplan cannot read."""
    taking_any_policy(monkeypatch, Identity().account)
    world.settled(stack())
    world.kms().put_key_policy(KeyId=world.arn("key.b"), Policy=NEW)
    return world


def _policy(world: AwsWorld) -> str:
    answer = world.kms().get_key_policy(KeyId=world.arn("key.b"), PolicyName="default")
    return str(answer["Policy"])


def test_it_is_replaced_as_a_visible_change_that_keeps_its_text(strange: AwsWorld) -> None:
    plan = strange.planned(stack(a="two"))
    assert [(item.address, item.path) for item in plan.drift] == [("key.b", "policy")]
    (put,) = [step for step in plan.steps if isinstance(step.operation, PutPolicy)]
    assert isinstance(put.operation, PutPolicy)
    assert put.operation.before == {"Unreadable": NEW}
    assert ANYONE in {change.principal for change in plan.access}, "who may have lost something"
    assert "KP-LOCK-006" in {item.rule for item in plan.findings}, "that it does not come back"
    assert not plan.errored
    report = strange.apply(plan, allowed=EVERYTHING)
    assert report.ok
    assert strange.key("key.a").description == "two"
    strange.settled(stack(a="two"))
    with pytest.raises(BlockedPlanError, match="KP-LOCK-001"):
        strange.apply(rollback_of(strange, report.run), allowed=EVERYTHING)


def test_it_stays_where_policies_are_kept_and_is_said(strange: AwsWorld) -> None:
    kept = stack(a="two", policies="keep")
    plan = strange.planned(kept)
    (said,) = [item for item in plan.findings if item.rule == "KP-KPOL-019"]
    assert (said.address, said.level) == ("key.b", Severity.WARNING)
    assert "Nobody knows what 'Scope' means" in said.summary
    assert strange.apply(plan, allowed=EVERYTHING).ok
    assert _policy(strange) == NEW
