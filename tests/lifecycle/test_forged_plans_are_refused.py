"""A plan file with a right digest and wrong words: nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from keyplan.errors import BlockedPlanError, PlanFileError
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, PutLabels, RecordAttributes
from keyplan.plans.plan import Step
from tests.lifecycle.world import World, create, key

FORGERIES: dict[str, Callable[[Step], Step]] = {
    "another key": lambda step: replace(step, address=key("b")),
    "another call": lambda step: replace(step, call="put labels"),
    "a way back that is none": lambda step: replace(step, inverse=Inverse(Grade.EXACT)),
    "a way back that does something else": lambda step: replace(
        step,
        inverse=Inverse(Grade.EXACT, (PutLabels(key("a"), {"x": "1"}, [], {}),)),
    ),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_step_must_be_what_the_plan_says_of_it(forge: Callable[[Step], Step]) -> None:
    world = World()
    world.apply(world.plan([create("a"), create("b")]))
    before = world.service.current()
    plan = world.plan([ChangeState(key("a"), KeyState.ACTIVE, KeyState.COMPROMISED)])
    forged = replace(plan, steps=tuple(forge(step) for step in plan.steps))
    with pytest.raises(PlanFileError, match="not what the plan says"):
        world.apply(forged, allowed=["irreversible"])
    assert world.service.current() == before
    assert world.apply(plan, allowed=["irreversible"]).ok


def test_suspending_a_root_key_needs_its_brake_even_if_the_plan_does_not_list_it() -> None:
    world = World()
    world.apply(world.plan([create("a"), RecordAttributes(key("a"), {}, {"tier": "root"})]))
    assert world.state.resources[key("a")].attributes["tier"] == "root"
    plan = world.plan([ChangeState(key("a"), KeyState.ACTIVE, KeyState.SUSPENDED)])
    assert not plan.brakes
    with pytest.raises(BlockedPlanError, match="root") as caught:
        world.apply(plan)
    assert "--allow root" in caught.value.advice
    assert world.apply(plan, allowed=["root"]).ok
