"""`resume` performs the rest of a run that broke off, under the checks it began with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256

import pytest

from keyplan.applying.options import Interrupt
from keyplan.applying.recovery import finish_open_run
from keyplan.errors import StoreError, UnauthenticatedError
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    AdoptKey,
    ChangeState,
    CreateAlias,
    Operation,
    RecordAttributes,
    RemoteOperation,
    SetAttribute,
)
from keyplan.plans.changes import Reason
from keyplan.plans.findings import Brake, BrakeName
from keyplan.plans.recovery import Fate
from keyplan.plans.reports import StepStatus
from keyplan.sdk.capabilities import Finding
from keyplan.sdk.provider import Identity
from keyplan.state.entries import RunEnded, RunPlanned, RunStarted, Settlement
from keyplan.state.model import Phase
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind, SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Moment
from tests.lifecycle.world import Draft, World, create, instance, key


def _two_keys() -> World:
    world = World()
    assert world.apply(world.plan([create("a"), create("b")])).ok
    world.service.forget_calls()
    return world


def _broken_off(
    world: World, drafts: Sequence[Draft | Operation], operation: str, **options: object
) -> World:
    """A run that dies after that operation was done."""
    brakes = options.pop("brakes", ())
    plan = world.plan(drafts, brakes=brakes)  # type: ignore[arg-type]
    world.service.faults.add(FaultKind.CRASH_AFTER, operation)
    with pytest.raises(SimulatedCrash):
        world.apply(plan, parallelism=1, **options)  # type: ignore[arg-type]
    world.medium.lease = None
    world.service.faults.clear()
    return world


def _described(name: str, text: str = "x") -> SetAttribute:
    return SetAttribute(key(name), "description", None, text)


def _last(world: World, run: str = "run-2") -> RunEnded:
    end = world.entries(run)[-1]
    assert isinstance(end, RunEnded)
    return end


def test_the_rest_is_done_in_the_same_run() -> None:
    world = _broken_off(World(), [create("a"), Draft(create("b"), after=(1,))], "create_key")

    report = world.resume()

    assert [step.fate for step in report.steps] == [Fate.DONE]
    assert report.ok
    assert report.finished is not None
    assert [item.status for item in report.finished.results] == [StepStatus.SUCCEEDED] * 2
    assert report.finished.counts.add == 2
    assert set(world.state.resources) == {key("a"), key("b")}
    assert world.state.closed_runs == ("run-1",)
    assert world.state.serial == 1
    assert _last(world, "run-1").outcome == "succeeded"
    assert world.agree()


def test_the_program_is_durable_before_the_first_effect() -> None:
    world = World()
    seen: list[type] = []

    def look(operation: RemoteOperation) -> None:
        seen.extend(type(entry) for entry in world.entries()[:2])

    world.apply(world.plan([create("a")]), sessions={"fake": instance(world.plugin, before=look)})
    assert seen == [RunStarted, RunPlanned]


def test_a_key_that_moved_meanwhile_stops_the_rest_and_closes_the_run() -> None:
    world = _broken_off(
        _two_keys(), [_described("a"), Draft(_described("b"), after=(1,))], "set_attribute"
    )
    held = world.state.resources[key("b")].id
    world.service.edit(held, lambda live: live.having("labels", {"who": "somebody"}))

    report = world.resume()

    assert report.closed
    assert not report.ok
    assert report.finished is None
    assert "key.b" in report.stopped
    assert "Changed or gone since the plan was made" in report.stopped
    assert _last(world).outcome == "failed"
    assert world.state.resources[key("a")].attributes["description"] == "x"
    assert world.service.called("set_attribute") == 1
    assert world.snapshot.open_run is None
    assert world.agree()


def test_a_key_that_the_run_wrote_itself_is_no_stranger() -> None:
    world = _broken_off(
        _two_keys(),
        [_described("a"), Draft(CreateAlias(key("a"), "acme/a"), after=(1,))],
        "set_attribute",
    )
    assert world.resume().ok
    assert world.state.resources[key("a")].attributes["aliases"] == ["acme/a"]


def _elsewhere(world: World) -> Identity:
    return Identity("another place", "me", "another place")


def _as_somebody_else(world: World) -> Identity:
    here = world.sessions["fake"].identity
    return Identity(here.place, "somebody else", here.summary)


@pytest.mark.parametrize(
    ("who", "words"),
    [(_as_somebody_else, "It was made as"), (_elsewhere, "this connection is another place")],
)
def test_another_identity_does_not_go_on(who: Callable[[World], Identity], words: str) -> None:
    world = _broken_off(World(), [create("a"), Draft(create("b"), after=(1,))], "create_key")
    session = instance(world.plugin)
    other = who(world)
    session._provider.identify = lambda: other  # type: ignore[method-assign]

    report = world.resume(sessions={"fake": session})

    assert report.finished is None
    said = report.stopped or report.steps[0].why
    assert words in said
    assert world.service.called("create_key") == 1
    assert report.closed is bool(report.stopped)


def test_a_brake_that_was_released_stays_released_and_no_other() -> None:
    brake = Brake(BrakeName.ROOT, "it is a root key")
    suspend = ChangeState(key("root"), KeyState.ACTIVE, KeyState.SUSPENDED)
    drafts = [_described("a"), Draft(suspend, after=(1,))]

    def broken_off() -> World:
        world = World()
        root = Draft(create("root"), settlement=Settlement(record={"tier": "root"}))
        assert world.apply(world.plan([root, create("a")])).ok
        return _broken_off(world, drafts, "set_attribute", allowed=("root",), brakes=(brake,))

    allowed = broken_off()
    assert allowed.resume().ok
    assert allowed.state.resources[key("root")].attributes["state"] == "suspended"

    held = broken_off()
    _rewrite(held, lambda entry: entry.update(allowed=[]))
    report = held.resume()
    assert report.closed
    assert "needs a brake released: root" in report.stopped
    assert held.state.resources[key("root")].attributes["state"] == "active"


def _rewrite(world: World, edit: Callable[[dict[str, object]], None], run: str = "run-2") -> None:
    """Edit the head of a journal, with the chain made good again."""
    last, lines = "", []
    for text in world.medium.logs[run].splitlines():
        line = json.loads(text)
        if line["seq"] == 1:
            edit(line["entry"])
        line["prev"] = last
        encoded = json.dumps(line, separators=(",", ":")).encode()
        last = sha256(encoded).hexdigest()
        lines.append(encoded + b"\n")
    world.medium.logs[run] = b"".join(lines)


@pytest.mark.parametrize("accept", [True, False])
def test_a_run_in_which_a_step_failed_is_closed_and_stays_so(accept: bool) -> None:
    world = World()
    both = threading.Barrier(2)
    world.service.faults.add(FaultKind.DENIED, "create_key", nth=1)
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key", nth=2)
    world.service.faults.add(FaultKind.UNAUTHENTICATED, "find")
    session = instance(world.plugin, before=lambda operation: both.wait(10) and None)
    plan = world.plan([create("a"), create("b"), Draft(create("c"), after=(1, 2))])
    assert world.apply(plan, sessions={"fake": session}, parallelism=2).open_run == "run-1"

    report = world.resume(accept=accept)

    assert report.closed
    assert report.finished is None
    assert [step.fate for step in report.steps] == [Fate.DONE]
    assert _last(world, "run-1").outcome == "failed"
    assert len(world.service.current()) == 1
    assert world.agree()


def test_an_undecided_step_that_is_decided_later_lets_the_rest_be_done() -> None:
    world = World()
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key")
    world.service.faults.add(FaultKind.UNAUTHENTICATED, "find")
    report = world.apply(world.plan([create("a"), Draft(create("b"), after=(1,))]))
    assert report.open_run == "run-1"
    assert len(report.with_status(StepStatus.SKIPPED)) == 1

    finished = world.resume()

    assert finished.ok
    assert set(world.state.resources) == {key("a"), key("b")}
    assert len(world.service.current()) == 2


def test_what_a_person_accepted_is_not_gone_on_with() -> None:
    world = World(fake_plugin(finding=Finding.NONE))
    world.service.faults.add(FaultKind.LOST_BEFORE, "create_key")
    world.apply(world.plan([create("a"), Draft(create("b"), after=(1,))]))
    report = world.resume(accept=True)
    assert report.closed
    assert report.finished is None
    assert not world.service.current()


def test_an_interrupt_of_resume_closes_the_run() -> None:
    world = _broken_off(
        World(), [create("a"), *(Draft(create(f"k{n}"), after=(1,)) for n in range(40))],
        "create_key",
    )  # fmt: skip
    interrupt = Interrupt()
    session = instance(world.plugin, before=lambda operation: interrupt.set())

    report = world.resume(sessions={"fake": session}, interrupt=interrupt)

    assert report.closed
    assert report.finished is not None
    assert report.finished.interrupted
    assert _last(world, "run-1").outcome == "interrupted"
    assert world.resume().run == ""
    assert world.agree()


def test_an_outage_while_going_on_keeps_the_run_open() -> None:
    world = _broken_off(
        _two_keys(), [_described("a"), Draft(_described("b"), after=(1,))], "set_attribute"
    )
    world.service.faults.add(FaultKind.UNAUTHENTICATED, "read", nth=2)
    with pytest.raises(UnauthenticatedError):
        world.resume()
    assert world.snapshot.open_run == "run-2"
    assert world.resume().ok


def test_a_journal_from_before_programs_is_closed() -> None:
    world = _broken_off(World(), [create("a"), Draft(create("b"), after=(1,))], "create_key")
    last, lines = "", []
    for text in world.medium.logs["run-1"].splitlines():
        line = json.loads(text)
        if line["entry"]["kind"] == "run_planned":
            continue
        line["entry"].pop("on_failure", None)
        line |= {"seq": len(lines) + 1, "prev": last}
        encoded = json.dumps(line, separators=(",", ":")).encode()
        last = sha256(encoded).hexdigest()
        lines.append(encoded + b"\n")
    world.medium.logs["run-1"] = b"".join(lines)

    report = world.resume()

    assert report.closed
    assert "does not say what was left" in report.stopped
    assert set(world.state.resources) == {key("a")}


def test_a_soak_that_began_long_ago_is_planned_again() -> None:
    soak = Draft(
        RecordAttributes(key("b"), {}, {}),
        after=(1,),
        settlement=Settlement(phase=Phase.SOAKING, until="2027-01-08T00:00:00Z"),
    )
    world = _broken_off(_two_keys(), [_described("a"), soak], "set_attribute")
    world.clock.advance(timedelta(days=3))
    report = world.resume()
    assert report.closed
    assert "too old" in report.stopped


def test_a_key_taken_over_is_read_for_the_state() -> None:
    world = World(fake_plugin(answers=False))
    assert world.apply(world.plan([create("a")])).ok
    theirs = world.state.resources[key("a")].id
    drafts = [
        Draft(AdoptKey(key("n"), theirs), reason=Reason.ADOPT),
        Draft(RecordAttributes(key("n"), {}, {"tier": "data"}), after=(1,), reason=Reason.ADOPT),
        Draft(create("z"), after=(2,)),
    ]
    world.medium.states.clear()
    world.medium.logs.clear()
    world.medium.archived.clear()
    plan = world.plan(drafts)
    world.service.faults.add(FaultKind.CRASH_BEFORE, "create_key")
    with pytest.raises(SimulatedCrash):
        world.apply(plan)
    world.medium.lease = None
    world.close()
    assert world.state.resources[key("n")].attributes["algorithm"] == "aes-256"


def test_the_run_says_what_was_to_follow_a_failure() -> None:
    world = World()
    world.service.faults.add(FaultKind.DENIED, "create_key", nth=2)
    plan = world.plan([create("a"), Draft(create("b"), after=(1,))])
    world.apply(plan, on_failure="rollback")
    head = world.entries()[0]
    assert isinstance(head, RunStarted)
    assert head.on_failure == "rollback"


def test_a_run_to_be_taken_back_is_closed_when_it_was_interrupted() -> None:
    world = World()
    interrupt = Interrupt()
    session = instance(world.plugin, after=lambda operation: interrupt.set())
    plan = world.plan([create(f"k{n}") for n in range(30)])
    crash = CrashPoint(2, Moment.AFTER)
    with pytest.raises(SimulatedCrash):
        world.apply(
            plan, sessions={"fake": session}, interrupt=interrupt, crash=crash, parallelism=1,
            on_failure="rollback",
        )  # fmt: skip
    world.medium.lease = None
    made = len(world.service.current())
    assert 0 < made < 30
    report = world.resume()
    assert report.closed
    assert report.finished is None
    assert len(world.service.current()) == made


def test_without_room_for_the_journal_nothing_goes_on() -> None:
    world = _broken_off(World(), [create("a"), Draft(create("b"), after=(1,))], "create_key")
    store = world.store()
    store.append = lambda *_, **__: (_ for _ in ()).throw(StoreError("no space"))  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        finish_open_run(store, world.sessions, clock=world.clock)
    assert len(world.service.current()) == 1
    assert world.resume().ok
