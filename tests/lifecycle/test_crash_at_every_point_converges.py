"""Wherever the process dies, `resume` makes state and world agree: no key lost, none doubled."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.applying.recovery import undecided
from keyplan.model.operations import CreateAlias, CreateKey, Operation, PutLabels, RotateKey
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from tests.lifecycle.world import Draft, World, create, key


def _drafts() -> list[Draft]:
    return [
        Draft(create("root")),
        Draft(create("a", parent="root"), after=(1,)),
        Draft(create("b", parent="root"), after=(1,)),
        Draft(CreateAlias(key("a"), "acme/a"), after=(2,)),
        Draft(PutLabels(key("b"), {"team": "x"}, [], {}), after=(3,)),
        Draft(RotateKey(key("b"), 2), after=(5,)),
    ]


def _rest(world: World) -> list[Draft]:
    """What a new plan would still do."""
    held = world.state.resources
    wanted: list[Operation] = []
    for draft in _drafts():
        operation = draft.operation
        resource = held.get(operation.target)
        attributes = resource.attributes if resource else {}
        match operation:
            case CreateKey() if resource is not None:
                continue
            case CreateAlias(alias=alias) if alias in (attributes.get("aliases") or []):
                continue
            case PutLabels(put=put) if attributes.get("labels") == put:
                continue
            case RotateKey(version=number) if resource and len(resource.versions) >= number:
                continue
            case _:
                wanted.append(operation)
    positions = {item.target: index for index, item in reversed(list(enumerate(wanted, 1)))}
    parents = (positions.get(getattr(item, "parent", None)) for item in wanted)
    return [Draft(item, (at,) if at else ()) for item, at in zip(wanted, parents, strict=True)]


def _check_converges(world: World) -> None:
    """Close the run, do the rest, and look at the whole."""
    if world.snapshot.open_run is not None:
        world.resume()
    assert world.agree()
    world.apply(world.plan(_rest(world)))
    assert world.agree()
    keys = {address: world.service.get(item.id) for address, item in world.state.resources.items()}
    assert set(keys) == {key("root"), key("a"), key("b")}
    a, b = keys[key("a")], keys[key("b")]
    assert a is not None
    assert b is not None
    assert a.aliases == ("acme/a",)
    assert b.attributes["labels"] == {"team": "x"}
    assert [version.number for version in b.versions] == [1, 2]
    assert world.state.resources[key("b")].versions == b.versions


def _crashed(world: World, crash: CrashPoint | None, parallelism: int) -> bool:
    """Apply until the crash, if it comes at all."""
    try:
        world.apply(world.plan(_drafts()), crash=crash, parallelism=parallelism)
    except SimulatedCrash:
        world.medium.lease = None
        return True
    return False


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_crash_at_every_durable_write(moment: Moment, answers: bool, parallelism: int) -> None:
    for nth in itertools.count(1):
        world = World(fake_plugin(answers=answers))
        crashed = _crashed(world, CrashPoint(nth, moment), parallelism)
        world.service.faults.clear()
        _check_converges(world)
        if not crashed:
            assert nth > 5
            return


@pytest.mark.parametrize("kind", [FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_crash_at_every_call(kind: FaultKind, parallelism: int) -> None:
    for nth in itertools.count(1):
        world = World()
        plan = world.plan(_drafts())
        world.service.forget_calls()
        world.service.faults.add(kind, nth=nth)
        try:
            world.apply(plan, parallelism=parallelism)
        except SimulatedCrash:
            world.medium.lease = None
            world.service.faults.clear()
            _check_converges(world)
            continue
        assert nth > 6
        return


@settings(max_examples=40, deadline=None)
@given(
    first=st.integers(1, 12),
    second=st.integers(1, 8),
    third=st.integers(1, 8),
    moments=st.lists(st.sampled_from(list(Moment)), min_size=3, max_size=3),
    lost=st.lists(st.integers(1, 6), max_size=2),
    after=st.booleans(),
)
def test_crashes_of_recovery_itself(
    first: int, second: int, third: int, moments: list[Moment], lost: list[int], after: bool
) -> None:
    world = World()
    kind = FaultKind.LOST_AFTER if after else FaultKind.LOST_BEFORE
    for nth in lost:
        world.service.faults.add(kind, "create_key", nth=nth)
    _crashed(world, CrashPoint(first, moments[0]), 2)
    for nth, moment in ((second, moments[1]), (third, moments[2])):
        try:
            world.resume(crash=CrashPoint(nth, moment))
        except SimulatedCrash:
            world.medium.lease = None
    world.service.faults.clear()
    _check_converges(world)


def test_resume_decides_exactly_what_was_started() -> None:
    world = World()
    world.service.faults.add(FaultKind.CRASH_AFTER, "create_key", nth=2)
    assert _crashed(world, None, 1)
    pending = [entry.step for entry in undecided(world.entries())]

    report = world.resume()

    assert [step.number for step in report.steps] == pending
    assert report.before >= 1
    assert world.resume().run == ""
