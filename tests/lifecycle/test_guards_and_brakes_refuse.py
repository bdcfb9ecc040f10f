"""What is dangerous is refused until it is named, and the refusal names the flags."""

from __future__ import annotations

import pytest

from keyplan.diagnostics import Severity
from keyplan.errors import BlockedPlanError, PlanFileError
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, DestroyKey, PutLabels
from keyplan.plans.findings import Brake, BrakeName, Finding
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.fake import fake_plugin
from tests.lifecycle.world import Draft, World, create, key


def test_brakes_are_named_with_their_flags() -> None:
    world = World()
    plan = world.plan(
        [create("a")],
        brakes=(
            Brake(BrakeName.ROOT, "a root key is suspended"),
            Brake(BrakeName.MAX_DELETE, "9 of 10 keys are destroyed"),
        ),
    )
    with pytest.raises(BlockedPlanError) as caught:
        world.apply(plan)
    assert "--allow root --allow max-delete" in caught.value.advice
    assert "9 of 10" in caught.value.why
    with pytest.raises(BlockedPlanError) as caught:
        world.apply(plan, allowed=["root"])
    assert "--allow max-delete" in caught.value.advice
    assert "root" not in caught.value.advice
    assert not world.service.current()
    assert world.apply(plan, allowed=["root", "max-delete"]).ok


def test_no_way_back_needs_its_brake_even_if_the_plan_forgot_it() -> None:
    world = World(fake_plugin(deletion=Deletion.IMMEDIATE))
    world.apply(world.plan([create("a")]))
    plan = world.plan([ChangeState(key("a"), KeyState.ACTIVE, KeyState.COMPROMISED)])
    assert plan.steps[0].irreversible
    with pytest.raises(BlockedPlanError, match="irreversible"):
        world.apply(plan)
    assert world.apply(plan, allowed=["irreversible"]).ok


def test_error_findings_and_observed_stacks_are_refused() -> None:
    world = World()
    finding = Finding("KP-HIER-001", Severity.ERROR, "two parents", key("a"), advice="Keep one.")
    with pytest.raises(BlockedPlanError, match="KP-HIER-001") as caught:
        world.apply(world.plan([create("a")], findings=(finding,)))
    assert caught.value.advice == "Keep one."
    with pytest.raises(BlockedPlanError, match="observe"):
        world.apply(world.plan([create("a")], observe=True))
    assert not world.medium.logs


def test_steps_in_an_impossible_order_are_refused() -> None:
    world = World()
    with pytest.raises(PlanFileError, match="does not come before"):
        world.apply(world.plan([Draft(create("a"), after=(2,)), create("b")]))
    assert not world.service.current()


def test_what_has_no_way_back_runs_last_and_only_after_everything_succeeded() -> None:
    world = World(fake_plugin(deletion=Deletion.IMMEDIATE))
    world.apply(world.plan([create("a"), create("b")]))
    suspend = ChangeState(key("a"), KeyState.ACTIVE, KeyState.SUSPENDED)
    world.apply(world.plan([suspend]))
    world.service.forget_calls()
    world.apply(
        world.plan([DestroyKey(key("a")), PutLabels(key("b"), {"x": "1"}, [], {}), create("c")]),
        allowed=["irreversible"],
    )
    names = [call.name for call in world.service.calls if call.name not in ("read", "identify")]
    assert names[-1] == "destroy_key"
    assert set(names[:-1]) == {"put_labels", "create_key"}
    assert key("a") not in world.state.resources


def test_what_has_no_way_back_is_not_done_after_a_failure() -> None:
    world = World(fake_plugin(deletion=Deletion.IMMEDIATE))
    world.apply(world.plan([create("a")]))
    world.apply(world.plan([ChangeState(key("a"), KeyState.ACTIVE, KeyState.SUSPENDED)]))
    broken = create("c", nonsense=1)
    report = world.apply(world.plan([DestroyKey(key("a")), broken]), allowed=["irreversible"])
    assert not report.ok
    assert key("a") in world.state.resources
    assert len(world.service.current()) == 1
