"""Whatever a run changed, taking it back leaves state and world as they were before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.errors import KeyplanError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.keys import KeyState
from keyplan.model.resources import Removed, RemovedMode
from keyplan.state.model import State
from keyplan.testing.fake import fake_plugin
from keyplan.testing.fake_service import FakeKey
from keyplan.testing.faults import SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from keyplan.testing.stack_spec import KeySpec, StackSpec
from keyplan.testing.strategies import Accident, AccidentKind, accidents, stacks
from tests.lifecycle.undoing import (
    EVERYTHING,
    NATURAL,
    comparable,
    keys,
    plan_of,
    rollback_of,
    undo,
)
from tests.lifecycle.world import World

Change = tuple[StackSpec, StackSpec]
FIXED = frozenset({"scope"})
"""Attributes that a key keeps for life."""


@st.composite
def changes(draw: st.DrawFn, provider: str = "fake", places: Sequence[str] = ()) -> Change:
    """A stack before and after somebody edited it: keys and attributes come and go."""
    stack = draw(stacks(max_keys=6, provider=provider, places=places))
    parents = {key.parent for key in stack.keys}
    leaving = draw(st.lists(st.sampled_from([key.name for key in stack.keys]), unique=True))
    gone = [name for name in leaving if name not in parents]
    fewer = replace(
        stack, keys=tuple(draw(_plainer(key)) for key in stack.keys if key.name not in gone)
    )
    if draw(st.booleans()):
        return fewer, stack
    modes = st.sampled_from(RemovedMode)
    removed = tuple(Removed(f"key.{name}", draw(modes)) for name in gone)
    return stack, replace(fewer, removed=removed)


@st.composite
def _plainer(draw: st.DrawFn, key: KeySpec) -> KeySpec:
    """The key with some of its attributes and policies left out."""
    kept = {
        name: value
        for name, value in key.attributes.items()
        if name in FIXED or draw(st.booleans())
    }
    return replace(key, attributes=kept, policies=key.policies if draw(st.booleans()) else ())


def _apply(world: World, graph: ResourceGraph) -> str:
    """Apply it, if that is allowed; the run that did, or nothing."""
    plan = plan_of(world, graph)
    if plan.errored or not plan.steps:
        return ""
    report = world.apply(plan, allowed=EVERYTHING)
    assert report.ok, report.results
    return report.run


def _as_before(now: FakeKey, before: FakeKey) -> bool:
    """Equal, but for versions that were made since and are not in use."""
    older = {version.number for version in before.versions}
    versions = tuple(version for version in now.versions if version.number in older)
    return replace(now, versions=versions) == before


def _check(world: World, before: State, were: dict[str, FakeKey]) -> None:
    """Keys are as they were; what was made since is suspended and tracked."""
    for key_id, key in keys(world).items():
        if key_id in were:
            assert _as_before(key, were[key_id]), (key, were[key_id])
        else:
            assert key.state is not KeyState.ACTIVE
            assert key_id in {item.id for item in world.state.resources.values()}
    assert were.keys() <= keys(world).keys()
    for address, was in before.resources.items():
        now = comparable(world.state.resources[address])
        older = {number for number, _ in comparable(was)["versions"]}
        versions = [item for item in now["versions"] if item[0] in older]
        assert {**now, "versions": versions} == comparable(was)


@settings(max_examples=120, deadline=None)
@given(change=changes(), answers=st.booleans(), later=st.booleans())
def test_a_change_is_taken_back(change: Change, answers: bool, later: bool) -> None:
    first, second = change
    world = World(fake_plugin(answers=answers))
    _apply(world, first.graph())
    world.clock.advance(timedelta(days=400 if later else 1))
    before, were = world.state, keys(world)
    run = _apply(world, second.graph())
    if not run:
        return
    report = undo(world, run)
    assert report.ok, report.results
    _check(world, before, were)
    assert not rollback_of(world, run).steps


@settings(max_examples=40, deadline=None)
@given(change=changes())
def test_a_rollback_is_taken_back_like_any_run(change: Change) -> None:
    first, second = change
    world = World()
    _apply(world, first.graph())
    run = _apply(world, second.graph())
    if not run:
        return
    after, were = world.state, keys(world)
    back = undo(world, run)
    if not back.results:
        return
    assert undo(world, back.run).ok
    assert keys(world) == were
    for address, was in after.resources.items():
        assert comparable(world.state.resources[address]) == comparable(was)


BY_HAND = accidents(max_size=3, but=(AccidentKind.VANISHED,))


@settings(max_examples=40, deadline=None)
@given(change=changes(), by_hand=BY_HAND)
def test_what_somebody_changed_since_is_never_overwritten(
    change: Change, by_hand: Sequence[Accident]
) -> None:
    first, second = change
    world = World()
    _apply(world, first.graph())
    before = keys(world)
    run = _apply(world, second.graph())
    if not run:
        return
    after = keys(world)
    for accident in by_hand:
        accident.happen(world.service)
    disturbed = keys(world)
    plan = rollback_of(world, run)
    if plan.errored:
        return
    assert world.apply(plan, allowed=NATURAL, operation="rollback").ok
    for key_id, key in keys(world).items():
        for name, now in _parts(key).items():
            left, found = _parts(after[key_id]).get(name), _parts(disturbed[key_id]).get(name)
            was = _parts(before[key_id]).get(name) if key_id in before else now
            assert now in (was, left) if left == found else now in (found, was), name


def _parts(key: FakeKey) -> dict[str, object]:
    """What of a key may change, part by part."""
    parts: dict[str, object] = {"state": key.state, "owner": key.owner, "version": key.current}
    parts["pending"] = key.deletion_at is not None
    parts |= {f"alias {name}": True for name in key.aliases}
    for name, value in key.attributes.items():
        if isinstance(value, dict) and name in ("labels", "grants"):
            parts |= {f"{name} {element}": item for element, item in value.items()}
        else:
            parts[name] = value
    return parts


CRASHES = st.lists(
    st.builds(CrashPoint, st.integers(1, 9), st.sampled_from(Moment)), min_size=1, max_size=3
)


@settings(max_examples=40, deadline=None)
@given(change=changes(), crashes=CRASHES, answers=st.booleans())
def test_a_rollback_that_dies_goes_on_where_it_was(
    change: Change, crashes: Sequence[CrashPoint], answers: bool
) -> None:
    first, second = change
    world = World(fake_plugin(answers=answers))
    _apply(world, first.graph())
    before, were = world.state, keys(world)
    run = _apply(world, second.graph())
    if not run:
        return
    for crash in crashes:
        try:
            undo(world, run, crash=crash, parallelism=2)
        except SimulatedCrash:
            world.medium.lease = None
        except KeyplanError as error:
            raise AssertionError(error) from error
        if world.snapshot.open_run is not None:
            assert world.resume().closed
    assert undo(world, run).ok
    _check(world, before, were)
