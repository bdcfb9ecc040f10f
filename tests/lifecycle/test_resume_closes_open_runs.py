"""What `resume` says and refuses, beside the crashes that are tested point by point."""

from __future__ import annotations

import pytest

from keyplan.applying.recovery import close_open_run, finish_open_run
from keyplan.errors import BusyError, JournalError, UnauthenticatedError
from keyplan.model.operations import CreateAlias, RecordAttributes, SetAttribute
from keyplan.plans.recovery import Fate
from keyplan.sdk.store import LeaseInfo
from keyplan.state.entries import RunEnded, Settlement, StepSucceeded
from keyplan.state.journal import JournalWriter, read_journal
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from tests.lifecycle.world import Draft, World, create, instance, key


def _crashed(kind: FaultKind = FaultKind.CRASH_AFTER) -> World:
    world = World()
    world.service.faults.add(kind, "create_key")
    with pytest.raises(SimulatedCrash):
        world.apply(world.plan([create("a"), Draft(create("b"), after=(1,))]))
    world.medium.lease = None
    return world


def test_the_report_says_what_was_found_out() -> None:
    world = _crashed()
    report = world.resume()
    (step,) = report.with_fate(Fate.DONE)
    assert (report.run, report.closed, report.serial) == ("run-1", True, 1)
    assert (step.number, step.address, step.inverse.operations != ()) == (1, key("a"), True)
    end = world.entries()[-1]
    assert isinstance(end, RunEnded)
    assert end.outcome == "succeeded"
    assert report.finished is not None
    assert [item.step.address for item in report.finished.results] == [key("a"), key("b")]
    assert world.medium.archived == {"run-1"}


def test_what_was_not_done_is_not_in_the_state() -> None:
    world = _crashed(FaultKind.CRASH_BEFORE)
    report = world.close()
    assert [step.fate for step in report.steps] == [Fate.NOT_DONE]
    assert report.finished is None
    assert not world.state.resources
    assert world.state.serial == 1


def test_marks_of_a_first_run_stay_ours() -> None:
    world = _crashed()
    close_open_run(world.store(), world.sessions, clock=world.clock)
    (live,) = world.service.current()
    assert live.owner is not None
    assert live.owner.stack == world.state.lineage


def test_without_an_open_run_nothing_happens() -> None:
    world = World()
    report = world.resume()
    assert (report.run, report.closed, report.steps) == ("", True, ())
    assert not world.medium.states


def test_a_run_that_only_its_archiving_lacks_is_archived() -> None:
    world = World()
    plan = world.plan([create("a")])
    with pytest.raises(SimulatedCrash):
        world.apply(plan, crash=CrashPoint(4, Moment.BEFORE))
    world.medium.lease = None
    assert world.state.serial == 1
    assert not world.medium.archived
    assert world.resume().closed
    assert world.medium.archived == {"run-1"}
    assert world.state.serial == 1


def test_a_run_of_which_nothing_became_durable_is_dropped() -> None:
    world = World()
    world.medium.logs["run-1"] = b'{"seq":1,"pre'
    report = world.resume()
    assert (report.closed, report.torn, report.steps) == (True, True, ())
    assert world.medium.archived == {"run-1"}
    assert not world.medium.states


def test_a_run_that_is_still_going_on_is_left_alone() -> None:
    world = _crashed()
    store = world.store()
    store.acquire(LeaseInfo("x", "somebody@there", "apply", world.clock.now()))
    with pytest.raises(BusyError, match="somebody@there"):
        close_open_run(store, world.sessions, clock=world.clock)
    assert world.snapshot.open_run == "run-1"


def test_a_journal_of_another_state_is_refused() -> None:
    world = World()
    world.apply(world.plan([create("a")]))
    other = _crashed()
    world.medium.logs["run-9"] = other.medium.logs["run-1"]
    with pytest.raises(JournalError, match="does not belong to this state") as caught:
        world.resume()
    assert "serial 1" in caught.value.why
    assert len(world.medium.states) == 1


def test_a_provider_that_is_gone_keeps_the_run_open() -> None:
    world = _crashed()
    report = close_open_run(world.store(), {}, clock=world.clock)
    assert not report.closed
    assert "fake is not declared" in report.steps[0].why
    assert world.resume().closed


def test_another_place_proves_nothing() -> None:
    world = _crashed()
    elsewhere = {"fake": instance(world.plugin, "fake.elsewhere")}
    report = close_open_run(world.store(), elsewhere, clock=world.clock)
    assert not report.closed
    assert "wrote to fake memory, and this connection is fake elsewhere" in report.steps[0].why

    def expired() -> None:
        raise UnauthenticatedError("the session has expired")

    elsewhere["fake"] = instance(world.plugin)
    elsewhere["fake"]._provider.identify = expired  # type: ignore[assignment,method-assign]
    report = close_open_run(world.store(), elsewhere, clock=world.clock)
    assert "does not say who it is" in report.steps[0].why
    assert world.resume().closed
    assert world.agree()


def test_an_outage_keeps_the_run_open_until_it_is_over() -> None:
    world = _crashed()
    world.service.faults.add(FaultKind.UNAUTHENTICATED, "find")
    report = world.resume()
    assert not report.closed
    assert "session has expired" in report.steps[0].why
    report = world.resume()
    assert report.closed
    assert world.agree()


def test_what_was_decided_before_a_failure_stays_decided() -> None:
    world = World()
    world.apply(world.plan([create("a"), create("b")]))
    world.service.faults.add(FaultKind.CRASH_AFTER, "set_attribute")
    with pytest.raises(SimulatedCrash):
        world.apply(
            world.plan(
                [SetAttribute(key("a"), "description", None, "x"), CreateAlias(key("b"), "b")]
            ),
            parallelism=1,
        )
    other = world.state.resources[key("a")].id
    world.service.vanish(other)

    report = world.resume()
    assert not report.closed
    assert {step.address: step.fate for step in report.steps}[key("a")] is Fate.UNDECIDABLE
    assert "not there any more" in report.with_fate(Fate.UNDECIDABLE)[0].why
    decided = len(report.steps) - 1

    again = world.resume(accept=True)
    assert again.closed
    assert len(again.steps) == 1
    assert again.before >= decided
    assert f"{key('a')}: the key is not visible yet" in again.warnings


def test_steps_that_need_no_call_are_finished() -> None:
    world = World()
    world.apply(world.plan([create("a")]))
    record = RecordAttributes(key("a"), {}, {"tier": "data"})
    world.apply(
        world.plan([Draft(record, settlement=Settlement(manage=("tier",))), create("b")]),
    )
    # cut the second journal right after the start of the record, as a torn write would
    lines = world.medium.logs["run-2"].splitlines(keepends=True)
    world.medium.logs["run-2"] = b"".join(lines[:3])
    world.medium.states.pop()
    world.medium.archived.discard("run-2")

    report = world.resume()

    assert [step.fate for step in report.steps] == [Fate.DONE]
    assert world.state.resources[key("a")].attributes["tier"] == "data"


def test_a_provider_that_is_gone_keeps_no_run_open_for_ever() -> None:
    world = World()
    world.apply(world.plan([create("a")]))
    world.service.faults.add(FaultKind.CRASH_AFTER, "set_attribute")
    with pytest.raises(SimulatedCrash):
        world.apply(world.plan([SetAttribute(key("a"), "description", None, "x")]))
    world.medium.lease = None
    assert not finish_open_run(world.store(), {}, clock=world.clock).closed

    report = finish_open_run(world.store(), {}, clock=world.clock, accept=True)

    assert report.closed
    assert [step.fate for step in report.steps] == [Fate.ACCEPTED]
    assert report.warnings == ("1 keys of fake were not read back: it is not declared any more",)
    assert world.snapshot.open_run is None


def test_a_journal_that_cannot_be_folded_is_refused_before_anything_is_done() -> None:
    world = _crashed()
    journal = read_journal(world.medium.logs["run-1"])
    lease = world.store().acquire(LeaseInfo("x", "tester@here", "test", world.clock.now()))
    writer = JournalWriter(world.store(), lease, "run-1", after=journal)
    writer.append([StepSucceeded(2, "id-of-a-step-that-never-began")], durable=True)
    world.service.forget_calls()

    with pytest.raises(JournalError, match="cannot stand where it does"):
        world.resume()

    assert not world.service.calls
