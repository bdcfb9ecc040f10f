"""Whatever is declared and whatever happens on the way: apply, resume, and it converges."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.errors import KeyplanError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.resources import Removed, RemovedMode
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import stacks
from tests.lifecycle.world import World

EVERYTHING = frozenset({"irreversible", "root", "max-delete", "max-update", "takeover", "lockout"})
FAULTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                FaultKind.LOST_BEFORE,
                FaultKind.LOST_AFTER,
                FaultKind.THROTTLED,
                FaultKind.TRANSIENT,
                FaultKind.DENIED,
                FaultKind.DEFECT,
                FaultKind.CRASH_BEFORE,
                FaultKind.CRASH_AFTER,
            ]
        ),
        st.integers(1, 25),
    ),
    max_size=4,
)
Accident = tuple[FaultKind, int]
CRASHES = st.none() | st.builds(CrashPoint, st.integers(1, 12), st.sampled_from(Moment))


def _plan(world: World, graph: ResourceGraph) -> Plan:
    tokens = (f"token-{world.state.serial}-{number}" for number in itertools.count())
    plan = make_plan(
        graph,
        world.snapshot,
        world.sessions,
        options=PlanOptions(),
        context=PlanContext(world.clock.now(), "memory", "0", lambda: next(tokens)),
    )
    return read_plan(write_plan(plan))


def _converge(world: World, graph: ResourceGraph) -> None:
    """Resume, plan and apply until nothing is left to do."""
    for _ in range(4):
        if world.snapshot.open_run is not None:
            assert world.resume().closed
        plan = _plan(world, graph)
        if not plan.has_changes:
            break
        assert world.apply(plan, allowed=EVERYTHING).ok
    assert not _plan(world, graph).steps
    assert world.agree()


def _disturbed(
    world: World, graph: ResourceGraph, faults: Sequence[Accident], crash: CrashPoint | None
) -> None:
    """One apply on a bad day. What stops it before its first write may be raised."""
    plan = _plan(world, graph)
    for kind, nth in faults:
        world.service.faults.add(kind, nth=nth)
    try:
        world.apply(plan, allowed=EVERYTHING, crash=crash, parallelism=3)
    except SimulatedCrash:
        world.medium.lease = None
    except KeyplanError:
        assert not world.medium.logs or world.medium.logs.keys() == world.medium.archived
    finally:
        world.service.faults.clear()


@settings(max_examples=40, deadline=None)
@given(stack=stacks(), faults=FAULTS, crash=CRASHES, answers=st.booleans())
def test_a_stack_is_made_whatever_happens(
    stack: StackSpec, faults: Sequence[Accident], crash: CrashPoint | None, answers: bool
) -> None:
    world, graph = World(fake_plugin(answers=answers)), stack.graph()
    _disturbed(world, graph, faults, crash)
    _converge(world, graph)
    assert len(world.service.current()) == len(graph.keys)


def _picture(world: World) -> object:
    """World and state without what differs between two runs: ids, instants, serials."""
    names = {item.id: str(address) for address, item in world.state.resources.items()}

    def named(value: object) -> object:
        if isinstance(value, dict):
            return {name: named(item) for name, item in value.items()}
        if isinstance(value, list):
            return [named(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    live = {
        names[item.id]: (
            item.usage,
            item.algorithm,
            named(dict(item.attributes)),
            item.owner,
            named(item.parent),
            item.state,
            item.aliases,
            [(version.number, version.state) for version in item.versions],
        )
        for item in world.service.current()
    }
    state = {
        address: (
            named(dict(item.attributes)),
            item.managed,
            item.recorded,
            item.dependencies,
            item.phase,
            item.owner,
        )
        for address, item in world.state.resources.items()
    }
    return live, state, named(dict(world.state.outputs))


@settings(max_examples=40, deadline=None)
@given(
    stack=stacks(),
    crashes=st.lists(st.tuples(st.integers(1, 9), st.sampled_from(Moment)), max_size=4),
    dies=st.none() | st.tuples(st.booleans(), st.integers(1, 20)),
    answers=st.booleans(),
)
def test_a_killed_run_is_finished_as_if_nothing_had_happened(
    stack: StackSpec,
    crashes: Sequence[tuple[int, Moment]],
    dies: tuple[bool, int] | None,
    answers: bool,
) -> None:
    """Killed at a write or a call, and again while it is resumed, however often."""
    quiet, world = World(fake_plugin(answers=answers)), World(fake_plugin(answers=answers))
    for item in (quiet, world):
        item.clock.sleep(1)  # both are planned at the same instant
    graph = stack.graph()
    plan, undisturbed = _plan(world, graph), _plan(quiet, graph)
    assert quiet.apply(undisturbed, allowed=EVERYTHING).ok
    points = [CrashPoint(nth, moment) for nth, moment in crashes]
    if dies is not None:
        after, nth = dies
        kind = FaultKind.CRASH_AFTER if after else FaultKind.CRASH_BEFORE
        world.service.faults.add(kind, nth=nth)
    for crash in [*points, None, None, None]:  # put away, tried again, finished
        try:
            if world.snapshot.open_run is not None:
                report = world.resume(crash=crash)
                assert report.ok, report
                assert report.begun or not world.service.current()
            elif not world.state.serial:  # nothing of it became durable, or it is the first try
                assert not world.service.current()
                assert world.apply(plan, allowed=EVERYTHING, crash=crash, parallelism=3).ok
        except SimulatedCrash:
            world.medium.lease = None
    world.service.faults.clear()
    assert _picture(world) == _picture(quiet)
    assert not _plan(world, graph).steps


@settings(max_examples=25, deadline=None)
@given(stack=stacks(), faults=FAULTS, crash=CRASHES)
def test_a_stack_is_taken_down_whatever_happens(
    stack: StackSpec, faults: Sequence[Accident], crash: CrashPoint | None
) -> None:
    world = World()
    _converge(world, stack.graph())
    removed = tuple(Removed(str(spec.address), RemovedMode.DESTROY) for spec in stack.keys)
    names = [spec.name for spec in stack.keys]
    gone = replace(stack, removed=removed).without(*names).graph()
    _disturbed(world, gone, faults, crash)
    for _ in range(12):  # soaks and windows pass, from the leaves to the root
        if world.snapshot.open_run is not None:
            assert world.resume().closed
        plan = _plan(world, gone)
        if plan.steps:
            assert world.apply(plan, allowed=EVERYTHING).ok
        world.clock.advance(timedelta(days=60))
    assert not world.service.current()
    assert not _plan(world, gone).steps
