"""A plan fits the state, the identities and the live keys it was made for, or does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from keyplan.errors import BusyError, StalePlanError
from keyplan.model.operations import (
    CreateAlias,
    PutLabels,
    RecordAttributes,
    RemoteOperation,
    SetAttribute,
)
from keyplan.model.timing import format_instant
from keyplan.plans.reports import StepStatus
from keyplan.sdk.provider import Identity
from keyplan.state.entries import Settlement
from keyplan.state.model import Phase
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind
from tests.lifecycle.world import Draft, World, create, instance, key


def _label(name: str) -> PutLabels:
    return PutLabels(key(name), {"team": "x"}, [], {})


def _with_keys(*names: str) -> World:
    world = World()
    assert world.apply(world.plan([create(name) for name in names])).ok
    world.service.forget_calls()
    return world


def _untouched(world: World) -> bool:
    reading = {"identify", "read"}
    return {call.name for call in world.service.calls} <= reading and len(world.medium.logs) == 1


def test_a_plan_applies_once() -> None:
    world = World()
    plan = world.plan([create("a")])
    world.apply(plan)
    with pytest.raises(StalePlanError, match="Saved plan is stale") as caught:
        world.apply(plan)
    assert "serial 1" in caught.value.why
    assert "keyplan plan" in caught.value.advice
    assert len(world.service.current()) == 1


def test_state_written_at_the_same_serial_is_another_state() -> None:
    world = _with_keys("a")
    plan = replace(world.plan([_label("a")]), state_version="elsewhere")
    with pytest.raises(StalePlanError, match="Saved plan is stale"):
        world.apply(plan)
    assert _untouched(world)


def test_another_stacks_plan_does_not_match() -> None:
    world = _with_keys("a")
    plan = replace(world.plan([_label("a")]), lineage="somebody else")
    with pytest.raises(StalePlanError, match="does not match the given state") as caught:
        world.apply(plan)
    assert "folder of its own stack" in caught.value.advice
    assert _untouched(world)


@pytest.mark.parametrize("field", ["place", "principal"])
def test_another_identity_is_refused(field: str) -> None:
    world = _with_keys("a")
    plan = world.plan([_label("a")])
    identity = replace(plan.identities["fake"], **{field: "elsewhere"})
    with pytest.raises(StalePlanError, match=r"provider fake: .*does not match") as caught:
        world.apply(replace(plan, identities={"fake": identity}))
    assert "elsewhere" in caught.value.why
    assert _untouched(world)


def test_a_place_that_the_first_apply_makes_still_fits() -> None:
    world = World()
    plan = world.plan([create("a")])
    sessions = world.sessions
    planned = plan.identities["fake"]
    sessions["fake"].__dict__["identity"] = Identity(
        "made", planned.principal, "", formerly=planned.place
    )
    assert world.apply(plan, sessions=sessions).ok


def test_a_provider_that_is_gone_is_refused() -> None:
    world = _with_keys("a")
    plan = world.plan([_label("a")])
    with pytest.raises(StalePlanError, match="provider fake"):
        world.apply(plan, sessions={})
    with pytest.raises(StalePlanError, match="provider fake"):
        world.apply(replace(plan, identities={}), sessions={})


@pytest.mark.parametrize("vanish", [True, False])
def test_one_changed_key_stops_everything(vanish: bool) -> None:
    world = _with_keys("a", "b")
    plan = world.plan([_label("a"), Draft(_label("b"), after=(1,))])
    other = world.state.resources[key("b")].id
    if vanish:
        world.service.vanish(other)
    else:
        world.service.edit(other, lambda live: live.having("description", "theirs"))
    with pytest.raises(StalePlanError, match=r"key\.b: Saved plan is stale"):
        world.apply(plan)
    assert _untouched(world)


def test_a_key_that_changes_during_the_run_is_not_written() -> None:
    world = _with_keys("a", "b", "c")
    plan = world.plan([_label("a"), Draft(_label("b"), after=(1,)), Draft(_label("c"), after=(2,))])
    other = world.state.resources[key("b")].id

    def somebody(operation: RemoteOperation) -> None:
        if operation.target == key("a"):
            world.clock.sleep(5)
            world.service.edit(other, lambda live: live.having("description", "theirs"))

    report = world.apply(plan, sessions={"fake": instance(world.plugin, after=somebody)})

    assert [result.status for result in report.results] == [
        StepStatus.SUCCEEDED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
    ]
    assert report.results[1].error_class == "stale"
    assert report.open_run is None
    assert world.state.serial == 2
    assert world.service.get(other).attributes["labels"] == {}  # type: ignore[union-attr]


def test_the_service_compares_too_where_it_can() -> None:
    world = _with_keys("a")
    plan = world.plan([_label("a")])
    held = world.state.resources[key("a")].id

    def somebody(operation: RemoteOperation) -> None:
        world.service.edit(held, lambda live: live.having("description", "theirs"))

    report = world.apply(plan, sessions={"fake": instance(world.plugin, before=somebody)})

    assert report.results[0].error_class == "conflict"


def test_later_steps_on_a_key_expect_our_own_writes() -> None:
    world = World(fake_plugin())
    world.apply(world.plan([create("a")]))
    plan = world.plan(
        [
            _label("a"),
            Draft(SetAttribute(key("a"), "description", None, "x"), after=(1,)),
            Draft(CreateAlias(key("a"), "acme/a"), after=(2,)),
        ]
    )
    assert all(step.expects for step in plan.steps)
    assert world.apply(plan).ok


def test_a_record_before_the_first_write_does_not_hide_a_change() -> None:
    world = _with_keys("a")
    record = RecordAttributes(key("a"), {}, {"tier": "data"})
    plan = world.plan([record, Draft(_label("a"), after=(1,))])
    held = world.state.resources[key("a")].id

    def somebody(event: object) -> None:
        world.clock.sleep(5)
        world.service.edit(held, lambda live: live.having("description", "theirs"))

    report = world.apply(plan, observer=somebody)
    assert [result.error_class for result in report.results] == ["", "stale"]


def test_a_run_that_did_not_end_comes_first() -> None:
    world = World()
    world.service.faults.add(FaultKind.CRASH_AFTER, "create_key")
    plan = world.plan([create("a")])
    with pytest.raises(BaseException, match="create_key"):
        world.apply(plan)
    world.medium.lease = None
    with pytest.raises(BusyError, match="run run-1 did not end") as caught:
        world.apply(plan)
    assert "keyplan resume" in caught.value.advice
    assert len(world.service.current()) == 1


def test_whoever_holds_the_lease_is_named() -> None:
    world = World()
    plan = world.plan([create("a")])

    def second(event: object) -> None:
        with pytest.raises(BusyError, match="tester@here is running apply"):
            world.apply(plan)

    report = world.apply(plan, observer=second)
    assert report.ok
    assert not report.warnings


def test_a_window_that_keyplan_counts_does_not_begin_in_the_past() -> None:
    world = _with_keys("a")
    until = format_instant(world.clock.now() + timedelta(days=30))
    enter = Settlement(phase=Phase.PENDING_DELETION.value, until=until)
    plan = world.plan([Draft(RecordAttributes(key("a"), {}, {}), settlement=enter)])
    world.clock.advance(timedelta(days=2))
    with pytest.raises(StalePlanError, match="Saved plan is too old"):
        world.apply(plan)
    assert _untouched(world)
