"""The power goes at every write of the local store, and what was not flushed is lost, or half.

The keys are a remote service's (the fake), so they keep what was done to them. Then: the
disk is full or the file may not grow, a clock is wrong, and the last line is torn.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from keyplan.errors import KeyplanError
from keyplan.model.operations import CreateAlias, PutLabels
from keyplan.testing.clock import ManualClock
from keyplan.testing.faults import SimulatedCrash
from keyplan_state import files
from keyplan_state.local import LocalStore
from keyplan_state.paths import LocalPaths
from tests.crash.disk import Disk
from tests.lifecycle.world import Draft, World, create, key

WRITES = 5
"""Writes of an apply of these steps: four of the journal, one of the state."""

VARIANTS = 4
"""Ways in which each power loss is looked at."""


class OnDisk(World):
    """A world whose store is in a folder. `break_lease` is the kernel's: the process is gone."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def store(self, crash: Any = None) -> Any:
        store = LocalStore(LocalPaths.below(self.folder, "keyplan.state.json"), "here")
        store.break_lease = lambda: None  # type: ignore[attr-defined]
        return store


def drafts() -> list[Draft]:
    return [
        Draft(create("root")),
        Draft(create("a", parent="root"), after=(1,)),
        Draft(create("b", parent="root"), after=(1,)),
        Draft(CreateAlias(key("a"), "acme/a"), after=(2,)),
        Draft(PutLabels(key("b"), {"team": "x"}, [], {}), after=(3,)),
    ]


def apply_until(folder: Path, dies_at: int | None) -> tuple[OnDisk, Disk, bool]:
    """One apply; stopped at the given write. Whether it was."""
    world = OnDisk(folder)
    plan = world.plan(drafts())
    disk = Disk(folder, dies_at)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        try:
            assert world.apply(plan, parallelism=1).ok
        except SimulatedCrash:
            return world, disk, True
    return world, disk, False


def check_finished(world: OnDisk) -> None:
    """Resume if a run is open; of one of which nothing is left nothing was begun."""
    if world.snapshot.open_run is not None:
        report = world.resume()
        assert report.closed
    if not world.state.resources:
        assert not world.service.current()
        assert world.apply(world.plan(drafts())).ok
    assert len(world.service.current()) == 3
    assert world.agree()
    live = {item.aliases for item in world.service.current()}
    assert live == {(), ("acme/a",)}
    assert world.state.resources[key("b")].attributes["labels"] == {"team": "x"}
    assert world.resume().run == ""  # which archives what a crash left after a commit
    assert world.store().open_logs() == []


def test_what_was_not_flushed_is_lost(tmp_path: Path) -> None:
    _, whole, died = apply_until(_folder(tmp_path, "whole"), None)
    assert not died
    assert {op.kind for op in whole.ops} >= {"link", "data", "flush", "move", "mkdir"}
    for dies_at in range(len(whole.ops) + 1):
        for variant in range(VARIANTS):
            folder = _folder(tmp_path, "before")
            world, disk, _ = apply_until(folder, dies_at)
            world.folder = _folder(tmp_path, "after")
            disk.left(world.folder, Random(1000 * dies_at + variant))
            try:
                check_finished(world)
            except BaseException as error:
                again = f"dies_at={dies_at}, variant={variant}: {disk.ops[-3:]}"
                raise AssertionError(f"{again}: {error!r}") from error


def test_the_recorder_would_notice_a_store_that_does_not_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "flush", lambda descriptor: None)
    with pytest.raises(AssertionError):
        test_what_was_not_flushed_is_lost(tmp_path)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.mark.parametrize("nth", range(1, 8))
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_full_disk(tmp_path: Path, nth: int, part: float) -> None:
    world = OnDisk(tmp_path)
    plan = world.plan(drafts())
    count = 0

    def write(descriptor: int, content: bytes) -> None:
        nonlocal count
        count += 1
        if count >= nth:
            os.write(descriptor, content[: int(len(content) * part)])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.write(descriptor, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_write", write)
        if nth > WRITES:
            assert world.apply(plan, parallelism=1).ok
        else:
            with pytest.raises(KeyplanError, match=r"No space left"):
                world.apply(plan, parallelism=1)
    check_finished(world)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    world = OnDisk(tmp_path)
    plan = world.plan(drafts())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        with pytest.raises(KeyplanError, match=r"File too large"):
            world.apply(plan, parallelism=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    check_finished(world)


class Shifted:
    """The clock of a machine that is wrong by so much; the service has its own."""

    def __init__(self, clock: ManualClock, by: timedelta) -> None:
        self._clock, self._by = clock, by

    def now(self) -> datetime:
        return self._clock.now() + self._by

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def steady(self) -> float:
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
def test_a_clock_that_jumps_between_crash_and_resume(tmp_path: Path, jump: timedelta) -> None:
    for dies_at in range(2, 24, 3):
        world, _, died = apply_until(_folder(tmp_path, "stack"), dies_at)
        assert died
        world.clock = Shifted(world.clock, jump)  # type: ignore[assignment]
        if world.snapshot.open_run is not None:
            assert world.resume().closed
        world.clock = world.plugin.clock
        if jump > timedelta() or not world.state.resources:
            check_finished(world)
        else:  # what is left to do is refused as planned in the future, and planned again
            assert world.agree()


@pytest.mark.parametrize("tail", [b"\n", b"{", b'{"seq":9,"prev":"', b"\x00" * 512])
def test_a_torn_last_line(tmp_path: Path, tail: bytes) -> None:
    world, _, died = apply_until(tmp_path, 14)
    assert died
    (log,) = (tmp_path / ".keyplan" / "journal").glob("*.jsonl")
    log.write_bytes(log.read_bytes() + tail)
    check_finished(world)
