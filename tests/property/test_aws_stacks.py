"""Random stacks on a strict AWS KMS: they converge, drift is seen, and runs are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.plans.changes import DriftResponse
from tests.lifecycle.aws_stacks import CHANGES, edits, stacks
from tests.lifecycle.aws_world import AwsWorld, Document, Picture, aws_world, failures
from tests.lifecycle.undoing import EVERYTHING, rollback_of


@pytest.fixture(scope="module")
def world() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


@settings(max_examples=25, deadline=None)
@given(stack=stacks())
def test_what_was_applied_needs_nothing(world: AwsWorld, stack: Document) -> None:
    world.anew()
    world.settled(stack)
    replicas = sum(len(block.get("replicas", {})) for block in stack["key"].values())
    assert len(world.picture()) == len(stack["key"]) + replicas


@settings(max_examples=50, deadline=None)
@given(stack=stacks(max_keys=3), data=st.data())
def test_a_change_by_hand_is_seen_and_nothing_else_is(
    world: AwsWorld, stack: Document, data: st.DataObject
) -> None:
    world.anew()
    world.settled(stack)
    name = data.draw(st.sampled_from(sorted(stack["key"])), "key")
    fitting = [item for item, by in CHANGES.items() if by.fits(stack["key"][name])]
    by_hand = CHANGES[data.draw(st.sampled_from(fitting), "by hand")]
    before = world.picture()
    by_hand.does(world.kms(), world.arn(f"key.{name}"))
    plan = world.planned(stack)
    seen = [(str(item.address), item.path) for item in plan.drift]
    if not by_hand.path:
        assert seen == []
        assert plan.steps == ()
        return
    (found,) = seen
    assert found[0] == f"key.{name}"
    assert found[1].startswith(by_hand.path)
    assert {str(step.address) for step in plan.steps} <= {f"key.{name}"}
    assert bool(plan.steps) is (plan.drift[0].response is DriftResponse.REVERT)
    if plan.steps:
        assert world.apply(plan, allowed=EVERYTHING).ok
        assert world.picture() == before
        assert world.planned(stack).drift == ()


@settings(max_examples=40, deadline=None)
@given(edit=edits())
def test_a_change_is_taken_back(world: AwsWorld, edit: tuple[Document, Document]) -> None:
    first, second = edit
    world.anew()
    world.settled(first)
    before = world.picture()
    plan = world.planned(second)
    assert not plan.errored, plan.findings
    if not plan.steps:
        return
    report = world.apply(plan, allowed=EVERYTHING)
    assert report.ok, failures(report)
    assert world.planned(second).steps == ()
    world.undone(report)
    _as_before(world.picture(), before)
    assert not rollback_of(world, report.run).steps


def _as_before(now: Picture, before: Picture) -> None:
    """Every key is as it was; one that was made meanwhile is disabled."""
    for place, was in before.items():
        changed = {name: (was[name], now[place][name]) for name in was}
        assert {name: pair for name, pair in changed.items() if pair[0] != pair[1]} == {}
    made: dict[Any, Any] = {place: now[place] for place in now.keys() - before.keys()}
    assert all(item["state"] == "Disabled" for item in made.values())
