"""Ctrl-C: what is in flight finishes, nothing new starts, the state is saved."""

from __future__ import annotations

import threading
from datetime import timedelta

from keyplan.applying.options import Interrupt
from keyplan.model.operations import RemoteOperation
from keyplan.plans.reports import EventKind, StepStatus
from keyplan.state.entries import RunEnded
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind
from tests.lifecycle.world import Draft, World, create, instance, key


def test_interrupt_in_the_middle() -> None:
    world = World()
    interrupt = Interrupt()
    begun = threading.Event()

    def stop(operation: RemoteOperation) -> None:
        begun.set()
        interrupt.set()

    drafts = [Draft(create("k0")), *(Draft(create(f"k{n}")) for n in range(1, 100))]
    report = world.apply(
        world.plan(drafts),
        sessions={"fake": instance(world.plugin, before=stop)},
        interrupt=interrupt,
        parallelism=2,
    )

    assert report.interrupted
    assert not report.ok
    done = len(report.with_status(StepStatus.SUCCEEDED))
    assert 1 <= done < 20
    assert len(report.with_status(StepStatus.SKIPPED)) == 100 - done
    assert world.agree()
    assert report.serial == world.state.serial == 1
    end = world.entries()[-1]
    assert isinstance(end, RunEnded)
    assert end.outcome == "interrupted"
    assert report.open_run is None


def test_interrupt_before_anything_writes_nothing() -> None:
    world = World()
    interrupt = Interrupt()
    interrupt.set()
    report = world.apply(world.plan([create("a")]), interrupt=interrupt)
    assert report.interrupted
    assert not report.ok
    assert not world.medium.logs
    assert not world.medium.states


def test_an_interrupt_that_comes_too_late_changes_nothing() -> None:
    world = World()
    interrupt = Interrupt()
    report = world.apply(
        world.plan([create("a")]),
        interrupt=interrupt,
        observer=lambda event: interrupt.set() if event.kind is EventKind.COMPLETE else None,
    )
    assert report.ok
    assert not report.interrupted


def test_long_steps_are_mentioned() -> None:
    world = World()
    mentioned = threading.Event()

    def slow(operation: RemoteOperation) -> None:
        world.clock.sleep(25)
        mentioned.wait(10)

    def watch(event: object) -> None:
        world.events.append(event)  # type: ignore[arg-type]
        if world.events[-1].kind is EventKind.PROGRESS:
            mentioned.set()

    session = instance(world.plugin, before=slow)
    assert world.apply(world.plan([create("a")]), sessions={"fake": session}, observer=watch).ok
    progress = [event for event in world.events if event.kind is EventKind.PROGRESS]
    assert [event.step.address for event in progress] == [key("a")]
    assert progress[0].seconds >= 10
    complete = world.events[-1]
    assert complete.kind is EventKind.COMPLETE
    assert complete.seconds >= 25


def test_an_interrupt_does_not_wait_for_the_read_lag() -> None:
    world = World(fake_plugin(read_lag=timedelta(hours=1)))
    interrupt = Interrupt()
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key")
    session = instance(world.plugin, before=lambda operation: interrupt.set())
    began = world.clock.now()

    report = world.apply(world.plan([create("a")]), sessions={"fake": session}, interrupt=interrupt)

    assert world.clock.now() - began < timedelta(minutes=1)
    assert report.interrupted
    assert report.open_run == "run-1"
    assert world.resume().closed
    assert world.agree()
