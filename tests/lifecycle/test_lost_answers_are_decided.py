"""A lost answer is followed by a look, never by a blind repetition."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keyplan.model.operations import (
    CreateAlias,
    PutLabels,
    RemoteOperation,
    RotateKey,
    SetAttribute,
)
from keyplan.plans.recovery import Fate
from keyplan.plans.reports import StepStatus
from keyplan.sdk.capabilities import Finding
from keyplan.state.entries import RunEnded, StepFailed, StepUndecided
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind
from tests.lifecycle.world import Draft, World, create, instance, key


def _with_key() -> World:
    world = World()
    assert world.apply(world.plan([create("a")])).ok
    world.service.forget_calls()
    return world


@pytest.mark.parametrize("kind", [FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER, FaultKind.DEFECT])
def test_create_is_found_by_its_token(kind: FaultKind) -> None:
    world = World()
    world.service.faults.add(kind, "create_key")

    report = world.apply(world.plan([create("a")]))

    assert world.agree()
    made = kind is not FaultKind.DEFECT  # a defect is not tried again
    assert len(world.service.current()) == made
    assert report.ok is made
    assert world.service.called("create_key") == (2 if kind is FaultKind.LOST_BEFORE else 1)


@pytest.mark.parametrize("kind", [FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER])
@pytest.mark.parametrize(
    "operation",
    [
        CreateAlias(key("a"), "acme/a"),
        PutLabels(key("a"), {"team": "x"}, [], {}),
        SetAttribute(key("a"), "description", None, "ledger"),
        RotateKey(key("a"), 2),
    ],
    ids=lambda operation: operation.name,
)
def test_change_is_recognised_on_the_key(operation: CreateAlias, kind: FaultKind) -> None:
    world = _with_key()
    world.service.faults.add(kind, operation.name)

    assert world.apply(world.plan([operation])).ok

    done_at_once = kind is FaultKind.LOST_AFTER
    assert world.service.called(operation.name) == (1 if done_at_once else 2)
    live = world.service.current()[0]
    assert len(live.versions) == (2 if isinstance(operation, RotateKey) else 1)
    assert world.state.resources[key("a")].versions == live.versions


def test_absence_counts_only_after_the_read_lag() -> None:
    plugin = fake_plugin(read_lag=timedelta(seconds=30))
    world = World(plugin)
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key")
    began = world.clock.now()

    report = world.apply(world.plan([create("a")]))

    assert report.ok
    assert world.service.called("create_key") == 1
    assert len(world.service.current()) == 1
    assert world.clock.now() - began >= timedelta(seconds=30)


def test_answers_lost_twice_are_a_failure_and_not_a_second_key() -> None:
    world = World()
    world.service.faults.add(FaultKind.LOST_BEFORE, "create_key", times=5)

    report = world.apply(world.plan([create("a")]))

    assert [result.status for result in report.results] == [StepStatus.FAILED]
    assert world.service.called("create_key") == 2
    assert report.open_run is None
    assert not world.service.current()
    assert world.agree()


def test_service_with_idempotency_tokens_is_asked_again() -> None:
    world = World(fake_plugin(finding=Finding.NATIVE))
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key")

    assert world.apply(world.plan([create("a")])).ok
    assert len(world.service.current()) == 1
    assert world.agree()


def test_what_cannot_be_told_keeps_the_run_open() -> None:
    world = World(fake_plugin(finding=Finding.NONE))
    world.service.faults.add(FaultKind.LOST_AFTER, "create_key")

    report = world.apply(world.plan([create("a"), Draft(create("b"), after=(1,))]))

    assert report.open_run == "run-1"
    assert not report.ok
    assert [result.status for result in report.results] == [
        StepStatus.UNDECIDED,
        StepStatus.SKIPPED,
    ]
    assert "keyplan resume" in report.results[0].advice
    assert world.snapshot.open_run == "run-1"
    assert not world.medium.states
    entries = world.entries()
    assert any(isinstance(entry, StepUndecided) for entry in entries)
    assert not any(isinstance(entry, RunEnded) for entry in entries)

    report_of_resume = world.resume()
    assert not report_of_resume.closed
    (step,) = report_of_resume.with_fate(Fate.UNDECIDABLE)
    assert step.address == key("a")
    assert "look for a key" in step.why


def test_a_person_may_accept_what_cannot_be_told() -> None:
    world = World(fake_plugin(finding=Finding.NONE))
    world.service.faults.add(FaultKind.LOST_BEFORE, "create_key")
    world.apply(world.plan([create("a"), create("b")]), parallelism=1)

    report = world.resume(accept=True)

    assert report.closed
    assert [step.fate for step in report.steps] == [Fate.ACCEPTED]
    assert world.snapshot.open_run is None
    assert world.state.serial == 1
    assert any(
        isinstance(entry, StepFailed) and entry.error_class == "accepted"
        for entry in world.entries()
    )


def test_a_key_that_somebody_changed_meanwhile_is_not_guessed_about() -> None:
    world = _with_key()
    plan = world.plan([SetAttribute(key("a"), "description", None, "mine")])
    world.service.faults.add(FaultKind.LOST_BEFORE, "set_attribute")
    held = world.state.resources[key("a")].id

    def somebody(operation: RemoteOperation) -> None:
        world.service.edit(held, lambda live: live.having("description", "theirs"))

    report = world.apply(plan, sessions={"fake": instance(world.plugin, before=somebody)})

    assert report.open_run == "run-2"
    world.resume(accept=True)
    assert world.state.resources[key("a")].attributes["description"] == "theirs"


def test_resume_waits_once_for_all_that_may_still_appear() -> None:
    world = World(fake_plugin(read_lag=timedelta(seconds=60)))
    world.service.faults.add(FaultKind.CRASH_BEFORE, "create_key")
    with pytest.raises(BaseException, match="create_key"):
        world.apply(world.plan([create(name) for name in "abcd"]), parallelism=1)
    began = world.clock.now()

    report = world.resume()

    assert report.closed
    assert len(report.steps) == 4
    assert world.clock.now() - began < timedelta(seconds=120)
    world.clock.advance(timedelta(seconds=60))
    assert world.agree()
