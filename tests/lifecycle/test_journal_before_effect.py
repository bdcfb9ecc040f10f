"""No call reaches a provider before its entry is durable."""

from __future__ import annotations

import pytest

from keyplan.errors import StoreError
from keyplan.model.operations import CreateAlias, RemoteOperation
from keyplan.sdk.store import Lease
from keyplan.state.entries import RunPlanned, RunStarted, StepStarted, StepSucceeded
from keyplan.testing.memory_store import MemoryStore
from tests.lifecycle.world import Draft, World, create, instance, key


@pytest.mark.parametrize("parallelism", [1, 4])
def test_each_call_finds_its_start_on_disk(parallelism: int) -> None:
    world = World()
    seen: list[str] = []

    def check(operation: RemoteOperation) -> None:
        started = [item.operation for item in world.entries() if isinstance(item, StepStarted)]
        assert operation in started
        seen.append(operation.target)

    drafts: list[Draft] = []
    for name in "abcdefghij":
        drafts.append(Draft(create(name)))
        drafts.append(Draft(CreateAlias(key(name), f"acme/{name}"), after=(len(drafts),)))
    session = instance(world.plugin, before=check)

    report = world.apply(world.plan(drafts), sessions={"fake": session}, parallelism=parallelism)

    assert report.ok, report.results
    assert len(seen) == 20


def test_steps_of_one_wave_share_a_flush() -> None:
    world = World()
    store = world.store()
    world.apply(world.plan([create(f"k{number}") for number in range(16)]), store=store)

    # one append for the starts, one for the results and the end, a commit, an archiving
    assert store.writes == 4
    order = [type(entry) for entry in world.entries()]
    assert order[:2] == [RunStarted, RunPlanned]
    assert order[2:18] == [StepStarted] * 16
    assert order[18:34] == [StepSucceeded] * 16


class _Full(MemoryStore):
    """A store whose disk is full after some appends."""

    room = 1

    def append(self, log: str, lines: object, *, lease: Lease) -> None:
        if self.room == 0:
            raise StoreError("no space is left", target=log)
        self.room -= 1
        super().append(log, lines, lease=lease)  # type: ignore[arg-type]


def test_without_a_journal_nothing_starts() -> None:
    world = World()
    store = _Full(world.medium)
    store.room = 0

    with pytest.raises(StoreError, match="journal cannot be written") as caught:
        world.apply(world.plan([create("a")]), store=store)

    assert "keyplan resume" in caught.value.advice
    assert not world.service.current()


def test_when_the_journal_fails_in_the_middle_resume_finishes() -> None:
    world = World()
    plan = world.plan([create("root"), Draft(create("a", parent="root"), after=(1,))])

    with pytest.raises(StoreError, match="run-1 was stopped"):
        world.apply(plan, store=_Full(world.medium))
    assert len(world.service.current()) == 1

    report = world.resume()
    assert report.closed
    assert world.agree()
