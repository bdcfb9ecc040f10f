"""Edits of the state itself: two at once, and a process that dies in the middle of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from keyplan.app.states import changing
from keyplan.applying.editing import edit_state
from keyplan.errors import BusyError, StateConflictError, StateError
from keyplan.model.operations import ForgetKey, RenameKey
from keyplan.state.codec import encode_state
from keyplan.state.rebuilding import state_of_serial
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, MemoryStore, Moment
from tests.lifecycle.world import World, create, key


def _world() -> World:
    """Serial 2: two keys."""
    world = World()
    world.apply(world.plan([create("a")]))
    world.apply(world.plan([create("b")]))
    return world


def _edit(world: World, expected: str | None, *operations: ForgetKey | RenameKey) -> None:
    edit_state(
        world.store(),
        operations,
        operation="state rm",
        holder="tester@here",
        expected=expected,
        clock=world.clock,
    )


def _push(world: World, content: bytes, store: MemoryStore | None = None) -> None:
    workspace: Any = SimpleNamespace(store=store or world.store(), clock=world.clock)
    changing.push(workspace, content, force=False, lock_timeout=0.0)


def _later(world: World) -> bytes:
    """A state of key `a` alone, several serials ahead of what the store knows."""
    state = world.state
    resources = {key("a"): state.resources[key("a")]}
    return encode_state(replace(state, serial=7, resources=resources), keyplan_version="0")


def _damaged(world: World) -> None:
    world.medium.states[-1] = world.medium.states[-1][:200]


def test_an_edit_of_a_state_that_moved_writes_nothing() -> None:
    world = _world()
    before = world.snapshot
    forget = ForgetKey(key("a"), before.state.resources[key("a")].id)
    _edit(world, before.version, forget)

    with pytest.raises(StateConflictError, match="changed since it was read"):
        _edit(world, before.version, forget)

    assert world.snapshot.open_run is None
    assert world.state.serial == 3


_MOMENTS = [
    CrashPoint(nth, moment)
    for nth, moments in {
        1: (Moment.BEFORE, Moment.TORN, Moment.AFTER),
        2: (Moment.BEFORE, Moment.AFTER),
        3: (Moment.BEFORE, Moment.AFTER),
    }.items()
    for moment in moments
]


@pytest.mark.parametrize("again", ["resume", "push"])
@pytest.mark.parametrize("crash", _MOMENTS)
def test_a_push_that_died_ends(crash: CrashPoint, again: str) -> None:
    world = _world()
    content = _later(world)
    with pytest.raises(SimulatedCrash):
        _push(world, content, world.store(crash))
    world.medium.lease = None

    if again == "resume":
        assert world.resume().closed
    if set(world.state.resources) != {key("a")}:
        _push(world, content)

    assert set(world.state.resources) == {key("a")}
    assert world.state.serial == 8
    assert world.snapshot.open_run is None


@pytest.mark.parametrize("crash", _MOMENTS)
def test_a_push_over_a_damaged_state_that_died_is_repeated(crash: CrashPoint) -> None:
    world = _world()
    content = _later(world)
    _damaged(world)
    with pytest.raises(SimulatedCrash):
        _push(world, content, world.store(crash))
    world.medium.lease = None

    try:
        moved = set(world.state.resources) == {key("a")}
    except StateError:
        moved = False
    if not moved:
        _push(world, content)

    assert set(world.state.resources) == {key("a")}
    assert world.snapshot.open_run is None


def _replayed(world: World) -> None:
    world.medium.states.append(world.medium.states[0])


@pytest.mark.parametrize("damage", [_damaged, _replayed])
@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_state_that_is_damaged_while_a_run_is_open_comes_back(
    damage: Callable[[World], None], moment: Moment
) -> None:
    world = _world()
    plan = world.plan([create("c")])
    last = CrashPoint(3, moment)  # the results, or after them
    with pytest.raises(SimulatedCrash):
        world.apply(plan, crash=last)
    world.medium.lease = None
    serial = world.snapshot.state.serial
    damage(world)
    with pytest.raises(StateError):
        world.resume()

    kept = state_of_serial(world.store(), serial)
    _push(world, encode_state(kept, keyplan_version="0"))
    assert world.resume().closed

    assert set(world.state.resources) == {key("a"), key("b"), key("c")}
    assert world.agree()
    assert world.state.serial == 3


def test_a_push_does_not_forget_what_an_open_run_did() -> None:
    world = _world()
    world.service.faults.add(FaultKind.CRASH_AFTER, "create_key")
    with pytest.raises(SimulatedCrash):
        world.apply(world.plan([create("c")]))
    world.medium.lease = None
    content = _later(world)
    with pytest.raises(BusyError, match="did not end"):
        _push(world, content)
    _damaged(world)
    with pytest.raises(BusyError, match="did not end"):
        _push(world, content)
