"""Calls that never end, and a lease or journal that is lost while a run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from keyplan.applying.options import Interrupt
from keyplan.errors import BusyError, OutcomeUnknownError, StateError, StoreError
from keyplan.model.operations import RemoteOperation
from keyplan.plans.reports import ApplyReport, EventKind, StepStatus
from keyplan.sdk.store import Lease
from keyplan.session.daemons import GRACE
from keyplan.state.codec import decode_state
from keyplan.state.entries import StepUndecided
from keyplan.testing.memory_store import MemoryStore
from tests.lifecycle.world import Draft, World, create, instance, key


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs, hangs until the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("interrupted", [True, False])
def test_a_call_that_hangs_is_given_up_undecided(
    released: threading.Event, interrupted: bool
) -> None:
    world = World()
    interrupt = Interrupt()

    def hang(operation: RemoteOperation) -> None:
        if operation.target == "key.b":
            if interrupted:
                interrupt.set()
            world.clock.advance(timedelta(seconds=60 + GRACE + 1))
            released.wait(30)

    plan = world.plan([create("a"), Draft(create("b"), after=(1,)), Draft(create("c"), after=(2,))])
    session = instance(world.plugin, before=hang)
    report = world.apply(plan, sessions={"fake": session}, interrupt=interrupt)

    assert report.open_run == "run-1"
    assert [result.status for result in report.results] == [
        StepStatus.SUCCEEDED,
        StepStatus.UNDECIDED,
        StepStatus.SKIPPED,
    ]
    assert "hangs in" in report.results[1].message
    assert any(isinstance(entry, StepUndecided) for entry in world.entries())

    assert world.resume().ok
    assert set(world.state.resources) == {key("a"), key("b"), key("c")}
    assert len(world.service.current()) == 3


def test_what_waits_for_its_turn_behind_a_call_that_hangs_does_not_begin(
    released: threading.Event,
) -> None:
    """All turns of the run are taken by calls that hang; a thread of another provider waits."""
    world = World(instances=("fake", "fake.other"))
    began: list[str] = []

    def hang(operation: RemoteOperation) -> None:
        began.append(operation.target)
        world.clock.advance(timedelta(seconds=60 + GRACE + 1))
        released.wait(30)

    plan = world.plan(
        [create("a"), create("b")],
        provider=lambda operation: "fake" if operation.target == "key.a" else "fake.other",
    )
    sessions = {name: instance(world.plugin, name, before=hang) for name in ("fake", "fake.other")}
    reports: list[ApplyReport] = []

    def apply() -> None:
        reports.append(world.apply(plan, sessions=sessions, parallelism=1))

    thread = threading.Thread(target=apply, daemon=True)
    thread.start()
    thread.join(20)
    assert reports, "the run waits for ever"
    assert sorted(result.status for result in reports[0].results) == [
        StepStatus.SKIPPED,
        StepStatus.UNDECIDED,
    ]
    released.set()
    assert len(began) == 1
    assert world.resume().ok
    assert len(world.state.resources) == 2


def test_an_answer_that_comes_after_all_is_nobodys(released: threading.Event) -> None:
    world = World()
    late = threading.Event()

    def hang(operation: RemoteOperation) -> None:
        if operation.target == "key.a":
            world.clock.advance(timedelta(seconds=60 + GRACE + 1))
            late.wait(30)

    def done(operation: RemoteOperation) -> None:
        if operation.target == "key.b":
            released.wait(10)

    session = instance(world.plugin, before=hang, after=done)

    def watch(event: object) -> None:
        if getattr(event, "error_class", ""):
            late.set()  # the call that was given up ends now, while the other is in flight
            while not world.service.current():
                time.sleep(0.001)
            released.set()

    report = world.apply(
        world.plan([create("a"), create("b")]),
        sessions={"fake": session},
        parallelism=2,
        observer=watch,
    )
    assert [result.status for result in report.results] == [
        StepStatus.UNDECIDED,
        StepStatus.SUCCEEDED,
    ]
    assert world.resume().ok
    assert len(world.service.current()) == 2


class _Losing(MemoryStore):
    """A store that refuses the entry with which a run ends."""

    error: StateError = StoreError("no space is left")

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        if any(b'"run_ended"' in line for line in lines):
            raise self.error
        super().append(log, lines, lease=lease)


def test_without_the_lease_nothing_more_begins_and_what_was_done_is_said() -> None:
    world = World()
    store = world.store()
    begun: list[str] = []

    def taken(operation: RemoteOperation) -> None:
        begun.append(operation.target)
        store.break_lease()

    drafts = [Draft(create("k0")), *(Draft(create(f"k{n}"), after=(1,)) for n in range(1, 20))]
    session = instance(world.plugin, after=taken)

    with pytest.raises(BusyError, match="lease of the state was lost") as caught:
        world.apply(world.plan(drafts), store=store, sessions={"fake": session}, parallelism=1)

    assert begun == ["key.k0"]
    assert "Done, but with no result in the journal: step 1, create key key.k0" in caught.value.why
    assert "keyplan resume" in caught.value.advice
    assert caught.value.advice.count("keyplan resume") == 1
    assert "See who holds the state" in caught.value.advice
    assert world.resume().ok
    assert len(world.service.current()) == 20


def test_steps_that_wait_for_a_thread_do_not_begin_after_the_lease_is_lost() -> None:
    world = World()
    store = world.store()
    begun: list[str] = []
    noticed = threading.Event()

    def first(operation: RemoteOperation) -> None:
        begun.append(operation.target)
        if len(begun) == 1:
            store.break_lease()
            world.clock.advance(timedelta(seconds=2))
            noticed.wait(2)

    session = instance(world.plugin, before=first)
    with pytest.raises(BusyError):
        world.apply(
            world.plan([create(f"k{n}") for n in range(4)]),
            store=store,
            sessions={"fake": session},
            parallelism=1,
        )
    assert begun == ["key.k0"]
    assert world.resume().ok


def test_a_process_that_was_paused_begins_nothing_before_it_knows_that_the_lease_is_its_own() -> (
    None
):
    world = World()
    store = world.store()
    begun: list[str] = []
    second = threading.Event()

    def before(operation: RemoteOperation) -> None:
        begun.append(operation.target)
        if len(begun) > 1:
            second.set()

    def paused(operation: RemoteOperation) -> None:  # somebody else went on meanwhile
        store.break_lease()
        world.clock.advance(timedelta(seconds=90))

    def slow(event: object) -> None:  # the thread that keeps the books wakes up last
        if getattr(event, "kind", "") == EventKind.COMPLETE:
            second.wait(0.5)

    session = instance(world.plugin, before=before, after=paused)
    with pytest.raises(BusyError):
        world.apply(
            world.plan([create(f"k{n}") for n in range(4)]),
            store=store,
            sessions={"fake": session},
            parallelism=1,
            observer=slow,
        )
    assert begun == ["key.k0"]
    assert world.resume().ok
    assert len(world.service.current()) == 4


def test_a_call_that_was_given_up_is_not_repeated(released: threading.Event) -> None:
    world = World()
    calls: list[str] = []
    late, repeated = threading.Event(), threading.Event()

    def hang(operation: RemoteOperation) -> None:
        calls.append(operation.target)
        if operation.target == "key.a":
            if calls.count("key.a") > 1:
                repeated.set()
                return
            world.clock.advance(timedelta(seconds=60 + GRACE + 1))
            late.wait(30)
            raise OutcomeUnknownError("no answer", target=operation.target)

    def done(operation: RemoteOperation) -> None:
        if operation.target == "key.b":
            released.wait(10)

    def watch(event: object) -> None:
        if getattr(event, "error_class", ""):
            late.set()
            repeated.wait(0.5)
            released.set()

    world.apply(
        world.plan([create("a"), create("b")]),
        sessions={"fake": instance(world.plugin, before=hang, after=done)},
        parallelism=2,
        observer=watch,
    )
    assert calls.count("key.a") == 1
    assert world.resume().ok
    assert len(world.service.current()) == 2


@pytest.mark.parametrize("error", [StoreError("no space is left"), BusyError("it was lost")])
def test_a_journal_that_is_lost_at_the_very_end_leaves_the_state_to_the_error(
    error: StateError,
) -> None:
    world = World()
    store = _Losing(world.medium)
    store.error = error

    with pytest.raises(type(error), match="journal cannot be written") as caught:
        world.apply(world.plan([create("a")]), store=store)

    state = decode_state(caught.value.unsaved or b"")
    assert set(state.resources) == {key("a")}
    assert state.closed_runs == ("run-1",)
    assert world.resume().ok
    assert world.agree()
