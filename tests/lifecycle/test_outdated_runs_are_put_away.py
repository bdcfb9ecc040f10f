"""A journal of an earlier serial is put away by `resume`, whenever that dies, and loses no key."""

from __future__ import annotations

from contextlib import suppress

import pytest

from keyplan.errors import JournalError
from keyplan.model.operations import PutLabels, SetAttribute
from keyplan.plans.recovery import Fate
from keyplan.state.rebuilding import state_of_serial
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from tests.lifecycle.world import Draft, World, create, key

LABELS = {"team": "ledger"}


def _restored(*, decided: bool = False) -> World:
    """`run-2` made `b` at serial 1 and broke off; `run-3` made serial 2, not knowing of it."""
    world = World()
    world.apply(world.plan([create("a")]))
    world.service.faults.add(FaultKind.CRASH_AFTER, "put_labels" if decided else "create_key")
    plan = world.plan(
        [
            SetAttribute(key("a"), "description", "", "by run 2"),
            Draft(create("b"), after=(1,)),
            Draft(PutLabels(key("b"), LABELS, [], {}), after=(2,), expects=""),
        ]
    )
    with pytest.raises(SimulatedCrash):
        world.apply(plan)
    world.medium.lease = None
    journal = world.medium.logs.pop("run-2")
    change = SetAttribute(key("a"), "description", "by run 2", "by run 3")
    assert world.apply(world.plan([change])).serial == 2
    world.medium.logs["run-2"] = journal
    assert world.snapshot.open_run == "run-2"
    return world


def _is_right(world: World) -> None:
    assert world.snapshot.open_run is None
    assert world.agree()
    assert set(world.state.resources) == {key("a"), key("b")}
    assert world.state.serial == 3
    assert world.state.resources[key("a")].attributes["description"] == "by run 3"
    assert "run-2" in world.medium.archived


@pytest.mark.parametrize("decided", [False, True])
def test_what_only_it_knows_comes_into_the_state(decided: bool) -> None:
    world = _restored(decided=decided)
    report = world.resume()
    assert report.closed
    assert not report.ok
    assert "The state holds now what only this run knew: key.b" in report.stopped
    assert [step.address for step in report.with_fate(Fate.DONE)] == [key("b")]
    _is_right(world)
    labels = world.state.resources[key("b")].attributes.get("labels") or {}
    assert labels == (LABELS if decided else {})
    assert state_of_serial(world.store(), 2).resources.keys() == {key("a")}
    assert world.resume().run == ""


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("nth", range(1, 8))
def test_it_may_die_at_every_durable_write(nth: int, moment: Moment) -> None:
    world = _restored()
    with suppress(SimulatedCrash):
        world.resume(crash=CrashPoint(nth, moment))
    for _ in range(3):
        if not world.resume().run:
            break
    _is_right(world)


def test_a_step_that_cannot_be_decided_keeps_it_open() -> None:
    world = _restored()
    report = world.resume(sessions={"other": world.sessions["fake"]})
    assert (report.closed, report.serial) == (False, 2)
    assert world.snapshot.open_run == "run-2"
    assert world.resume().closed
    _is_right(world)


def test_a_journal_that_says_another_name_is_not_believed() -> None:
    world = _restored()
    world.medium.logs["run-9"] = world.medium.logs.pop("run-2")
    with pytest.raises(JournalError, match="does not belong to this state"):
        world.resume()
    assert world.state.serial == 2
