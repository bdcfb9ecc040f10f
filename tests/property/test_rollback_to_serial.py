"""Whatever happened since a serial, going back to it brings back what keyplan managed then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.keys import KeyState
from keyplan.model.stack import Stack
from keyplan.planning.compare import elements
from keyplan.planning.rollback_serial import make_serial_plan
from keyplan.plans.plan import Plan
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.state.history import state_at
from keyplan.state.model import Phase, ResourceState, State
from keyplan.testing.fake_service import FakeKey
from keyplan.testing.strategies import Accident, AccidentKind, accidents
from tests.lifecycle.undoing import EVERYTHING, NATURAL, context, keys, plan_of
from tests.lifecycle.world import World
from tests.property.test_rollback import Change, changes


def _apply(world: World, plan: Plan) -> bool:
    if plan.errored or not plan.steps:
        return False
    report = world.apply(plan, allowed=EVERYTHING)
    assert report.ok, report.results
    return True


def back_to(world: World, serial: int) -> Plan:
    """The plan that goes back to a serial, as it is read back from its file."""
    snapshot = world.snapshot
    earlier = state_at(world.store(), serial, lineage=snapshot.state.lineage)
    plan = make_serial_plan(
        earlier,
        snapshot,
        world.sessions,
        stack=Stack("test"),
        principals={},
        context=context(world),
    )
    return read_plan(write_plan(plan))


def _managed(path: str, resource: ResourceState) -> object:
    name, _, element = path.partition(":")
    value = resource.attributes.get(name)
    return elements(value).get(element) if element else value


def _check(world: World, then: State, were: dict[str, FakeKey]) -> None:
    now = world.state
    for address, was in then.resources.items():
        if was.id not in keys(world) or was.phase is not Phase.LIVE:
            continue
        found = now.resources[address]
        assert (found.id, found.phase, found.managed) == (was.id, Phase.LIVE, was.managed)
        for path in was.managed - {"certificate"}:
            assert _managed(path, found) == _managed(path, was), (address, path)
        assert found.attributes["state"] == was.attributes["state"]
        assert found.dependencies == was.dependencies
    for key_id, key in keys(world).items():
        if key_id not in were:
            assert key.state is not KeyState.ACTIVE
    assert were.keys() <= keys(world).keys()


BY_HAND = accidents(max_size=2, but=(AccidentKind.VANISHED,))


@settings(max_examples=40, deadline=None)
@given(change=changes(), by_hand=BY_HAND, twice=st.booleans())
def test_a_serial_comes_back(change: Change, by_hand: Sequence[Accident], twice: bool) -> None:
    first, second = change
    world = World()
    if not _apply(world, plan_of(world, first.graph())):
        return
    then, were = world.state, keys(world)
    _apply(world, plan_of(world, second.graph()))
    if twice:
        _apply(world, plan_of(world, replace(first, removed=()).graph()))
    for accident in by_hand:
        accident.happen(world.service)
    plan = back_to(world, then.serial)
    if any(item.rule == "KP-BACK-001" for item in plan.findings):
        return  # it was forgotten, and another key has its address by now
    assert not plan.errored, plan.findings
    assert not any(step.irreversible for step in plan.steps)
    assert world.apply(plan, allowed=NATURAL, operation="rollback").ok
    _check(world, then, were)
    assert not back_to(world, then.serial).steps


@settings(max_examples=30, deadline=None)
@given(change=changes())
def test_serial_zero_puts_everything_away(change: Change) -> None:
    world = World()
    if not _apply(world, plan_of(world, change[1].graph())):
        return
    plan = back_to(world, 0)
    assert world.apply(plan, allowed=NATURAL, operation="rollback").ok
    assert all(key.state is not KeyState.ACTIVE for key in keys(world).values())
    assert {item.id for item in world.state.resources.values()} == keys(world).keys()
    assert not back_to(world, 0).steps
