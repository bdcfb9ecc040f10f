"""The store in memory keeps the store's promises, and dies where it is told to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.sdk.store import LeaseInfo, Store, StorePlugin
from keyplan.testing.faults import SimulatedCrash
from keyplan.testing.memory_store import (
    CrashPoint,
    Medium,
    MemorySettings,
    MemoryStore,
    MemoryStorePlugin,
    Moment,
)

INFO = LeaseInfo("1", "ada@host", "apply", datetime(2027, 1, 1, tzinfo=UTC))
OTHER = LeaseInfo("2", "bob@host", "destroy", datetime(2027, 1, 1, tzinfo=UTC))


def test_it_is_a_store() -> None:
    plugin = MemoryStorePlugin()
    assert isinstance(plugin, StorePlugin)
    assert isinstance(plugin.open(MemorySettings(), stack=Path(), environment={}), Store)


def test_commits_are_compared_and_swapped() -> None:
    store = MemoryStore()
    lease = store.acquire(INFO)
    first = store.commit(b"one", expected=None, lease=lease)
    with pytest.raises(StateConflictError):
        store.commit(b"two", expected=None, lease=lease)
    second = store.commit(b"two", expected=first, lease=lease)
    blob, before = store.load(), store.previous()
    assert blob is not None
    assert before is not None
    assert (blob.content, blob.version) == (b"two", second)
    assert (before.content, before.version) == (b"one", first)


def test_the_lease_is_exclusive_and_says_who_has_it() -> None:
    waits: list[float] = []
    store = MemoryStore(sleep=waits.append)
    lease = store.acquire(INFO)
    with pytest.raises(BusyError, match="ada@host is running apply"):
        store.acquire(OTHER, timeout=0.1)
    assert len(waits) == 2
    lease.release()
    lease.release()
    store.acquire(OTHER)
    assert store.holder() == OTHER
    with pytest.raises(BusyError, match="lost"):
        lease.check()
    with pytest.raises(BusyError, match="lost"):
        store.append("run", [b"x"], lease=lease)


def test_logs_grow_are_cut_and_archived() -> None:
    store = MemoryStore()
    lease = store.acquire(INFO)
    store.append("run", [b"one", b"two"], lease=lease)
    assert store.read_log("run") == b"one\ntwo\n"
    store.truncate_log("run", 4, lease=lease)
    assert store.read_log("run") == b"one\n"
    assert list(store.open_logs()) == ["run"]
    store.archive("run", lease=lease)
    assert list(store.open_logs()) == []
    assert store.read_log("run") == b"one\n"
    with pytest.raises(StoreError):
        store.append("run", [b"x"], lease=lease)


@pytest.mark.parametrize(
    ("moment", "left"),
    [(Moment.BEFORE, b"a\n"), (Moment.TORN, b"a\nlon"), (Moment.AFTER, b"a\nlonger\n")],
)
def test_a_crash_leaves_what_was_durable(moment: Moment, left: bytes) -> None:
    medium = Medium()
    store = MemoryStore(medium, crash=CrashPoint(2, moment))
    lease = store.acquire(INFO)
    store.append("run", [b"a"], lease=lease)
    with pytest.raises(SimulatedCrash):
        store.append("run", [b"longer"], lease=lease)
    with pytest.raises(SimulatedCrash):
        store.load()
    lease.release()
    survivor = MemoryStore(medium)
    assert survivor.read_log("run") == left
    assert survivor.holder() == INFO, "a dead process gives nothing back"
    survivor.break_lease()
    survivor.acquire(OTHER)


@pytest.mark.parametrize(("moment", "committed"), [(Moment.TORN, False), (Moment.AFTER, True)])
def test_a_commit_is_never_torn(moment: Moment, *, committed: bool) -> None:
    medium = Medium()
    store = MemoryStore(medium, crash=CrashPoint(1, moment))
    with pytest.raises(SimulatedCrash):
        store.commit(b"one", expected=None, lease=store.acquire(INFO))
    assert (MemoryStore(medium).load() is not None) is committed
