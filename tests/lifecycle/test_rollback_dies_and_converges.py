"""Wherever a rollback dies, closing it and rolling back again leads to where it was going."""

from __future__ import annotations

import itertools

import pytest

from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RenameKey,
    RotateKey,
    ScheduleDeletion,
)
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from tests.lifecycle.undoing import EVERYTHING, NATURAL, comparable, keys, rollback_of, undo
from tests.lifecycle.world import Draft, World, create, key

A, B, C = key("a"), key("b"), key("c")
POLICY = {"administrators": ["fake:owner"], "statements": []}


def _ran(answers: bool) -> tuple[World, str]:
    """A world in which a run did a bit of everything, and that run."""
    world = World(fake_plugin(answers=answers))
    start = [create("root"), *(Draft(create(name, parent="root"), (1,)) for name in "abd")]
    assert world.apply(world.plan([*start, CreateAlias(A, "acme/a")])).ok
    renamed = key("renamed")
    run = [
        create("c", parent="root"),
        MoveAlias(B, "acme/a", A),
        PutLabels(A, {"team": "x"}, [], {}),
        PutPolicy(A, None, POLICY),
        RotateKey(A, 2),
        ChangeState(B, KeyState.ACTIVE, KeyState.SUSPENDED),
        ScheduleDeletion(B, "30d"),
        RenameKey(renamed, key("d"), world.state.resources[key("d")].id),
        Draft(PutLabels(renamed, {"n": "1"}, [], {}), (8,)),
    ]
    report = world.apply(world.plan(run), allowed=EVERYTHING)
    assert report.ok, report.results
    return world, report.run


def _goal(answers: bool) -> dict[str, object]:
    """What an undisturbed rollback leads to."""
    world, run = _ran(answers)
    assert undo(world, run).ok
    return _picture(world)


def _picture(world: World) -> dict[str, object]:
    known = {str(address): comparable(item) for address, item in world.state.resources.items()}
    return {**known, **keys(world)}


def _goes_on(world: World, run: str) -> dict[str, object]:
    """Close what is open, roll back what is left, and look at the whole."""
    world.medium.lease = None
    world.service.faults.clear()
    if world.snapshot.open_run is not None:
        assert world.resume().closed
    assert undo(world, run).ok
    assert not rollback_of(world, run).steps
    return _picture(world)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("answers", [True, False])
def test_it_dies_at_every_durable_write(moment: Moment, answers: bool) -> None:
    goal = _goal(answers)
    for nth in itertools.count(1):
        world, run = _ran(answers)
        plan = rollback_of(world, run)
        try:
            world.apply(plan, allowed=NATURAL, crash=CrashPoint(nth, moment), parallelism=2)
        except SimulatedCrash:
            assert _goes_on(world, run) == goal, nth
        else:
            assert nth > 4
            return


@pytest.mark.parametrize("kind", [FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER])
def test_it_dies_at_every_call(kind: FaultKind) -> None:
    goal, died = _goal(answers=True), 0
    for nth in range(1, 20):
        world, run = _ran(answers=True)
        plan = rollback_of(world, run)
        world.service.faults.add(kind, nth=nth)
        try:
            world.apply(plan, allowed=NATURAL, parallelism=2)
        except SimulatedCrash:
            died += 1
        assert _goes_on(world, run) == goal, nth
    assert died >= len(plan.steps) - 2  # renaming makes no call


@pytest.mark.parametrize("moment", Moment)
def test_a_run_that_died_is_closed_and_taken_back(moment: Moment) -> None:
    """The way of `keyplan rollback` without an argument, wherever the run died."""
    for nth in itertools.count(1):
        world = World()
        assert world.apply(world.plan([create("root"), Draft(create("a", parent="root"), (1,))])).ok
        before, were = world.state, keys(world)
        run = [PutLabels(A, {"team": "x"}, [], {}), CreateAlias(A, "acme/a"), create("c")]
        try:
            report = world.apply(world.plan(run), crash=CrashPoint(nth, moment), parallelism=1)
        except SimulatedCrash:
            world.medium.lease = None
        else:
            assert report.ok
            assert nth > 3
            return
        if world.snapshot.open_run is not None:
            assert world.resume().closed
        if "run-2" in world.state.closed_runs:
            assert undo(world, "run-2").ok
        now = {key_id: item for key_id, item in keys(world).items() if key_id in were}
        assert now == were
        made = world.state.resources.get(C)
        assert made is None or made.attributes["state"] == "suspended"
        assert comparable(world.state.resources[A]) == comparable(before.resources[A])
