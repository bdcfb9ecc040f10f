"""Wherever the process dies, `resume` finishes: world and state equal an uninterrupted run."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.applying.recovery import undecided
from keyplan.model.operations import CreateAlias, PutLabels, RecordAttributes, RotateKey
from keyplan.state.entries import Settlement
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
        Draft(
            RecordAttributes(key("a"), {}, {"tier": "data"}),
            settlement=Settlement(manage=("tier",)),
        ),
    ]


OUTPUTS = {"a_id": "x"}


def _picture(world: World) -> tuple[object, object]:
    """The world and the state without what differs between two runs: ids, times, serials."""
    names = {item.id: str(address) for address, item in world.state.resources.items()}
    keys = {
        names.get(live.id, "lost"): (
            live.usage,
            live.attributes,
            live.owner,
            names.get(live.parent or "", live.parent),
            live.state,
            live.aliases,
            [version.number for version in live.versions],
        )
        for live in world.service.current()
    }
    resources = {
        address: (
            {**item.attributes, "parent_id": names.get(str(item.attributes.get("parent_id")))},
            item.managed,
            item.dependencies,
            item.owner,
            item.phase,
            [version.number for version in item.versions],
        )
        for address, item in world.state.resources.items()
    }
    return keys, (resources, world.state.outputs)


def _uninterrupted(*, answers: bool = True) -> tuple[object, object]:
    world = World(fake_plugin(answers=answers))
    assert world.apply(world.plan(_drafts(), outputs=OUTPUTS)).ok
    return _picture(world)


def _check_finished(world: World, *, answers: bool = True) -> None:
    """Resume, and everything is as if nothing had happened; of a run of which nothing became
    durable nothing was begun either, so it is applied again."""
    open_before = world.snapshot.open_run
    if open_before is not None:
        report = world.resume()
        assert report.closed
        if not report.begun:
            assert not world.service.current()
    if not world.state.resources:
        assert not world.service.current()
        assert world.apply(world.plan(_drafts(), outputs=OUTPUTS)).ok
    assert world.agree()
    assert _picture(world) == _uninterrupted(answers=answers)
    assert world.resume().run == ""


def _crashed(world: World, crash: CrashPoint | None, parallelism: int) -> bool:
    """Apply until the crash, if it comes at all."""
    plan = world.plan(_drafts(), outputs=OUTPUTS)
    try:
        world.apply(plan, crash=crash, parallelism=parallelism)
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
        _check_finished(world, answers=answers)
        if not crashed:
            assert nth > 5
            return


@pytest.mark.parametrize("kind", [FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_crash_at_every_call(kind: FaultKind, parallelism: int) -> None:
    for nth in itertools.count(1):
        world = World()
        plan = world.plan(_drafts(), outputs=OUTPUTS)
        world.service.forget_calls()
        world.service.faults.add(kind, nth=nth)
        try:
            world.apply(plan, parallelism=parallelism)
        except SimulatedCrash:
            world.medium.lease = None
            world.service.faults.clear()
            _check_finished(world)
            continue
        assert nth > 6
        return


@settings(max_examples=40, deadline=None)
@given(
    first=st.integers(1, 12),
    second=st.integers(1, 8),
    third=st.integers(1, 8),
    moments=st.lists(st.sampled_from(list(Moment)), min_size=3, max_size=3),
    lost=st.lists(st.integers(1, 6), max_size=1),  # lost twice, a step fails and the run ends
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
    _check_finished(world)


def test_resume_decides_exactly_what_was_started() -> None:
    world = World()
    world.service.faults.add(FaultKind.CRASH_AFTER, "create_key", nth=2)
    assert _crashed(world, None, 1)
    pending = [entry.step for entry in undecided(world.entries())]

    report = world.resume()

    assert [step.number for step in report.steps] == pending
    assert report.before >= 1
    assert world.resume().run == ""
