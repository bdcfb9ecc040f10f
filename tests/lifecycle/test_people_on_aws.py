"""Roles come and go under policies: who was meant is known, and said, on a strict AWS KMS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyplan.plans.plan import Plan
from tests.lifecycle.aws_world import ROLE, AwsWorld, document, key

API = f"{ROLE}payments-api"
OLD = "AROAEXAMPLEEXAMPLE123"


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


def test_a_policy_that_is_not_declared_says_once_whom_it_names_in_vain(world: AwsWorld) -> None:
    world.settled(stack(policies=["policy.envelope"]))
    world.double.world.delete_principal(API, OLD)
    plan = world.planned(stack())
    (text,) = said(plan, "KP-KPOL-012")
    assert OLD in text
    assert "and 1 more" in text
    assert not plan.errored
