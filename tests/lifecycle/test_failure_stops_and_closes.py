"""A failed step is decided: the run stops, is closed, and the next plan starts from there."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from keyplan.errors import PlanningError, StateConflictError, StoreError
from keyplan.model.operations import PutLabels, RemoteOperation, SetAttribute
from keyplan.model.values import Reference, Unknown
from keyplan.plans.reports import EventKind, StepStatus
from keyplan.sdk.store import Lease
from keyplan.state.entries import RunEnded, StepFailed, StepSkipped
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind
from keyplan.testing.memory_store import MemoryStore
from tests.lifecycle.world import Draft, World, create, instance, key


def test_dependants_are_skipped_and_told_why() -> None:
    world = World()
    world.service.faults.add(FaultKind.DENIED, "create_key", nth=2)
    plan = world.plan(
        [
            create("root"),
            Draft(create("a", parent="root"), after=(1,)),
            Draft(PutLabels(key("a"), {"x": "1"}, [], {}), after=(2,)),
            Draft(create("z", parent="root"), after=(1, 3)),
        ],
        outputs={"a": Unknown((Reference(key("a"), "id"),)), "said": "yes"},
    )

    report = world.apply(plan)

    assert [result.status for result in report.results] == [
        StepStatus.SUCCEEDED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
        StepStatus.SKIPPED,
    ]
    failed = report.results[1]
    assert failed.error_class == "denied"
    assert "lacks fake:create_key" in failed.message
    assert report.results[2].message == "not started: it depends on step 2"
    assert report.counts.add == 1
    assert report.unfinished == (key("a"), key("z"))
    assert report.open_run is None
    assert world.state.serial == 1
    assert world.state.outputs == {"said": "yes"}
    assert world.agree()
    kinds = [type(entry) for entry in world.entries()]
    assert kinds.count(StepFailed) == 1
    assert kinds.count(StepSkipped) == 2
    end = world.entries()[-1]
    assert isinstance(end, RunEnded)
    assert end.outcome == "failed"
    assert [event.kind for event in world.events].count(EventKind.ERRORED) == 1


def test_steps_in_flight_finish_and_nothing_new_starts() -> None:
    world = World()
    both = threading.Barrier(2, timeout=10)

    def meet(operation: RemoteOperation) -> None:
        if operation.target in (key("a"), key("b")):
            both.wait()

    world.service.faults.add(FaultKind.QUOTA, "create_key")
    drafts = [create("a"), create("b"), *(create(f"k{number}") for number in range(200))]
    report = world.apply(
        world.plan(drafts),
        sessions={"fake": instance(world.plugin, before=meet)},
        parallelism=2,
    )

    by_status = {status: len(report.with_status(status)) for status in StepStatus}
    assert by_status[StepStatus.FAILED] == 1
    assert by_status[StepStatus.SUCCEEDED] >= 1
    assert by_status[StepStatus.SKIPPED] >= 190
    assert world.agree()


def test_the_next_apply_goes_on_from_there() -> None:
    world = World()
    world.service.faults.add(FaultKind.DENIED, "create_key", nth=2)
    world.apply(world.plan([create("a"), create("b")]), parallelism=1)
    assert set(world.state.resources) == {key("a")}
    assert world.apply(world.plan([create("b")])).ok
    assert set(world.state.resources) == {key("a"), key("b")}


def test_a_reference_that_nothing_answers_stops_before_anything_is_done() -> None:
    world = World()
    waiting = create("a", description=Unknown((Reference(key("nowhere"), "arn"),)))
    with pytest.raises(PlanningError, match=r"key\.nowhere\.arn is not known"):
        world.apply(world.plan([waiting]))
    assert not world.medium.logs


def test_a_reference_that_nothing_answers_fails_its_step_later() -> None:
    world = World()
    waiting = create("b", description=Unknown((Reference(key("a"), "nonsense"),)))
    report = world.apply(world.plan([create("a"), Draft(waiting, after=(1,))]))
    assert report.results[1].status is StepStatus.FAILED
    assert "key.a.nonsense" in report.results[1].message
    assert world.agree()


def test_throttling_is_waited_out() -> None:
    world = World()
    world.service.faults.add(FaultKind.THROTTLED, "create_key", times=4)
    world.service.faults.add(FaultKind.TRANSIENT, "create_key", nth=6, times=2)
    began = world.clock.monotonic()
    assert world.apply(world.plan([create("a"), create("b")]), parallelism=1).ok
    assert world.clock.monotonic() - began >= 2.0
    assert len(world.service.current()) == 2


def test_an_outage_fails_the_step_when_its_time_is_up() -> None:
    world = World()
    world.service.faults.add(FaultKind.THROTTLED, "create_key", times=1000)
    report = world.apply(world.plan([create("a")]), deadline=3.0)
    assert report.results[0].error_class == "throttled"
    assert report.results[0].seconds <= 3.0
    assert world.medium.archived == {"run-1"}


class _Contested(MemoryStore):
    """A store in which somebody else's commit comes first, or the disk is full."""

    error: Exception = StateConflictError("the state was changed by somebody else")

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        raise self.error


@pytest.mark.parametrize("kind", [StateConflictError, StoreError])
def test_a_state_that_cannot_be_saved_is_not_lost(kind: type[StoreError]) -> None:
    world = World()
    store = _Contested(world.medium)
    store.error = kind("it does not work")
    with pytest.raises(kind, match="run-1 is done, but its state cannot be saved") as caught:
        world.apply(world.plan([create("a")]), store=store)
    assert "keyplan resume" in caught.value.advice
    assert world.snapshot.open_run == "run-1"

    assert world.resume().closed
    assert world.agree()


def test_a_write_that_is_not_visible_yet_is_a_warning() -> None:
    world = World(fake_plugin(answers=False, read_lag=timedelta(seconds=9)))
    report = world.apply(
        world.plan(
            [create("a"), Draft(SetAttribute(key("a"), "description", None, "x"), after=(1,))]
        )
    )
    assert report.ok
    assert report.warnings == ("key.a: the key is not visible yet",)
    world.clock.advance(timedelta(seconds=9))
    report = world.apply(world.plan([SetAttribute(key("a"), "description", "x", "y")]))
    assert report.ok
    assert report.warnings == ("key.a: set attribute is not visible yet",)
    assert world.state.resources[key("a")].attributes["description"] == "y"
