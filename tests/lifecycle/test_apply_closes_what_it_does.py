"""A run that goes through: the world, the state and the report say the same."""

from __future__ import annotations

import errno

import pytest

from keyplan.model.operations import CreateAlias, ForgetKey, PutLabels, RecordAttributes
from keyplan.model.values import Reference, Unknown
from keyplan.plans.reports import EventKind, StepStatus
from keyplan.state.entries import RunEnded, RunStarted, Settlement, StepStarted
from keyplan.testing.fake import fake_plugin
from tests.lifecycle.world import Draft, World, create, key


def test_creates_a_hierarchy_and_commits_it() -> None:
    world = World()
    plan = world.plan(
        [
            create("root"),
            Draft(create("child", parent="root"), after=(1,)),
            Draft(CreateAlias(key("child"), "acme/child"), after=(2,)),
        ]
    )

    report = world.apply(plan)

    assert report.ok
    assert report.counts.add == 2
    assert report.serial == world.state.serial == 1
    child = world.service.get(world.state.resources[key("child")].id)
    assert child is not None
    assert child.parent == world.state.resources[key("root")].id
    assert child.aliases == ("acme/child",)
    assert world.agree()
    assert world.medium.archived == {"run-1"}


def test_journal_tells_the_whole_run() -> None:
    world = World()
    world.apply(world.plan([create("a")]), allowed=["root"])

    head, *_, end = world.entries()

    assert isinstance(head, RunStarted)
    assert isinstance(end, RunEnded)
    assert (head.holder, head.allowed, head.serial) == ("tester@here", ("root",), 0)
    assert end.outcome == "succeeded"


def test_unknowns_are_resolved_before_they_are_recorded() -> None:
    world = World()
    reference = Unknown(("made for ", Reference(key("root"), "id")))
    world.apply(
        world.plan(
            [create("root"), Draft(create("child", description=reference), after=(1,))],
            outputs={"root": Unknown((Reference(key("root"), "id"),)), "fixed": 7},
        )
    )

    root = world.state.resources[key("root")].id
    assert world.state.resources[key("child")].attributes["description"] == f"made for {root}"
    assert world.state.outputs == {"root": root, "fixed": 7}
    started = [entry for entry in world.entries() if isinstance(entry, StepStarted)]
    assert started[1].operation.attributes["description"] == f"made for {root}"  # type: ignore[union-attr]


def test_state_only_steps_make_no_call() -> None:
    world = World()
    world.apply(world.plan([create("a")]))
    world.service.forget_calls()

    report = world.apply(
        world.plan(
            [
                Draft(
                    RecordAttributes(key("a"), {}, {"tier": "data"}),
                    settlement=Settlement(manage=("tier",)),
                ),
            ]
        )
    )

    assert report.ok
    assert world.state.resources[key("a")].attributes["tier"] == "data"
    assert {call.name for call in world.service.calls} <= {"identify", "read"}

    world.apply(world.plan([ForgetKey(key("a"), world.state.resources[key("a")].id)]))
    assert not world.state.resources
    assert len(world.service.current()) == 1


def test_keys_that_no_outcome_described_are_read_back() -> None:
    world = World(fake_plugin(answers=False))
    report = world.apply(
        world.plan([create("a"), Draft(PutLabels(key("a"), {"team": "x"}, [], {}), after=(1,))])
    )

    held = world.state.resources[key("a")]
    assert report.ok
    assert not report.warnings
    assert held.versions
    assert held.attributes["labels"] == {"team": "x"}
    assert world.service.called("read") == 1


def test_outputs_alone_are_a_run() -> None:
    world = World()
    report = world.apply(world.plan([], outputs={"x": "1"}))

    assert report.ok
    assert world.state.outputs == {"x": "1"}
    assert report.outputs == {"x": "1"}
    world.apply(world.plan([], outputs={"x": None}))
    assert world.state.outputs == {}


def test_nothing_to_do_writes_nothing() -> None:
    world = World()
    report = world.apply(world.plan([]))

    assert report.ok
    assert world.store().writes == 0
    assert not world.medium.logs
    assert not world.medium.states


def test_an_observer_that_fails_does_not_stop_the_run() -> None:
    world = World()

    def broken(event: object) -> None:
        raise RuntimeError

    report = world.apply(world.plan([create("a"), create("b")]), observer=broken)
    assert report.ok
    assert "RuntimeError" in report.warnings[0]
    assert world.agree()


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.EIO, "no terminal")])
def test_nobody_there_to_see_it_ends_the_run_as_an_interrupt(error: OSError) -> None:
    world = World()

    def gone(event: object) -> None:
        raise error

    drafts = [Draft(create(f"k{n}"), after=(n,) if n else ()) for n in range(5)]
    report = world.apply(world.plan(drafts), observer=gone)
    assert report.interrupted
    assert report.with_status(StepStatus.SKIPPED)
    assert type(error).__name__ in report.warnings[0]
    assert world.snapshot.open_run is None
    assert world.agree()


def test_observer_hears_of_each_step() -> None:
    world = World()
    world.apply(world.plan([create("a"), create("b")]))

    heard = [(event.kind, event.step.number, event.total) for event in world.events]
    assert sorted(heard) == sorted(
        (kind, number, 2) for kind in (EventKind.STARTED, EventKind.COMPLETE) for number in (1, 2)
    )
    assert max(event.done for event in world.events) == 2
