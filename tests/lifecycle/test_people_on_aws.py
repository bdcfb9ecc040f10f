"""Roles come and go under policies: who was meant is known, and said, on a strict AWS KMS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyplan.plans.changes import DriftKind
from keyplan.plans.plan import Plan
from keyplan.render.text import plan_text
from tests.lifecycle.aws_world import ROLE, AwsWorld, document, key

API = f"{ROLE}payments-api"
OLD = "AROAEXAMPLEEXAMPLE123"
STRANGER = "AROASTRANGERSTRANGER1"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsWorld]:
    with AwsWorld(tmp_path) as world:
        for name, value in world.double.environment().items():
            monkeypatch.setenv(name, value)
        yield world


def stack(**more: Any) -> Any:
    return document({"a": key(**more), "b": key(**more)})


def said(plan: Plan, rule: str) -> list[str]:
    return [item.summary for item in plan.findings if item.rule == rule]


def test_a_deleted_role_is_named_by_who_it_was(world: AwsWorld) -> None:
    world.double.world.principal_ids[API] = OLD
    world.settled(stack(policies=["policy.envelope"]))
    world.double.world.delete_principal(API, OLD)
    world.disconnect()
    plan = world.planned(stack(policies=["policy.envelope"]))
    assert [text for text in said(plan, "KP-PLAN-018") if f"{OLD}, which was {API}" in text]
    assert {item.path for item in plan.drift} == {"policy"}, "the id stands where the role stood"
    assert {item.kind for item in plan.drift} == {DriftKind.ACCESS_NARROWED}
    text = " ".join(plan_text(plan).split())
    assert f"key.a: principal api was deleted (its id {OLD} stays in the policy)" in text
    assert said(plan, "KP-KPOL-012") == [], "it is known who that was"


def test_whoever_else_gains_is_told_beside_a_deleted_role(world: AwsWorld) -> None:
    world.double.world.principal_ids[API] = OLD
    world.settled(stack(policies=["policy.envelope"]))
    text = json.dumps(world.key("key.a").policy).replace(API, f"{ROLE}stranger")
    added = [*world.key("key.a").policy["Statement"], *json.loads(text)["Statement"]]
    document = json.dumps({**world.key("key.a").policy, "Statement": added})
    world.kms().put_key_policy(KeyId=world.arn("key.a"), Policy=document)
    world.double.world.delete_principal(API, OLD)
    plan = world.planned(stack(policies=["policy.envelope"]))
    assert {item.address: item.kind for item in plan.drift} == {
        "key.a": DriftKind.ACCESS_WIDENED,
        "key.b": DriftKind.ACCESS_NARROWED,
    }
    assert [item.note for item in plan.drift if item.address == "key.a"] == [""]


def test_an_id_that_nobody_wrote_down_is_said_of_a_declared_policy_too(world: AwsWorld) -> None:
    world.settled(stack(policies=["policy.envelope"]))
    policy = json.dumps(world.key("key.a").policy)
    assert API in policy
    changed = policy.replace(API, STRANGER)
    world.kms().put_key_policy(KeyId=world.arn("key.a"), Policy=changed)
    plan = world.planned(stack(policies=["policy.envelope"]))
    (told,) = said(plan, "KP-KPOL-012")
    assert f"the policy of key.a: {STRANGER} was a role that is deleted" in told
    assert not plan.errored


def test_a_policy_that_is_not_declared_says_once_whom_it_names_in_vain(world: AwsWorld) -> None:
    world.settled(stack(policies=["policy.envelope"]))
    world.double.world.delete_principal(API, OLD)
    plan = world.planned(stack())
    (text,) = said(plan, "KP-KPOL-012")
    assert OLD in text
    assert "and 1 more" in text
    assert not plan.errored
