"""The local store's lease: who holds it, how it is waited for, how it is lost."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from keyplan.errors import BusyError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state import files
from keyplan_state.local import LocalStore
from keyplan_state.paths import LocalPaths

HOLD = """
import sys, time
from pathlib import Path
from keyplan.testing.store_contract import lease_info
from keyplan_state.local import STORE
store = STORE.open(STORE.settings_model(), stack=Path(sys.argv[1]), environment={})
store.acquire(lease_info(7))
print("held", flush=True)
time.sleep(60)
"""


class Clock:
    """Time that passes when somebody sleeps; `at` lets something happen then."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.events: dict[float, object] = {}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        for moment in sorted(self.events):
            if moment <= self.now:
                self.events.pop(moment)()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> LocalStore:
    paths = LocalPaths.below(tmp_path, "keyplan.state.json")
    return LocalStore(paths, "keyplan.state.json", sleep=clock.sleep, monotonic=lambda: clock.now)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "keyplan.state.json.lock"


def test_lock_file_names_its_holder(store: LocalStore, lock: Path) -> None:
    store.acquire(lease_info())
    assert json.loads(lock.read_text()) == {
        "id": "lease-1",
        "holder": "user1@host",
        "operation": "apply",
        "created_at": "2027-01-01T12:00:00Z",
    }


def test_refusal_says_who_what_since_when_and_what_next(store: LocalStore) -> None:
    store.acquire(lease_info())
    with pytest.raises(BusyError) as raised:
        store.acquire(lease_info(2))
    text = str(raised.value)
    assert "user1@host holds it for `apply` since 2027-01-01T12:00:00Z (lease lease-1)" in text
    assert "--lock-timeout" in text


def test_without_a_timeout_nobody_waits_long(store: LocalStore, clock: Clock) -> None:
    store.acquire(lease_info())
    with pytest.raises(BusyError):
        store.acquire(lease_info(2))
    assert sum(clock.slept) < 0.1


def test_waiting_ends_with_the_timeout(store: LocalStore, clock: Clock) -> None:
    store.acquire(lease_info())
    with pytest.raises(BusyError):
        store.acquire(lease_info(2), timeout=10.0)
    assert 10.0 <= clock.now < 10.2


def test_waiting_ends_when_the_lease_is_free(store: LocalStore, clock: Clock) -> None:
    lease = store.acquire(lease_info())
    clock.events[3.0] = lease.release
    store.acquire(lease_info(2), timeout=10.0)
    assert 3.0 <= clock.now < 3.5


def test_left_over_lock_file_is_taken_over(store: LocalStore, lock: Path) -> None:
    lock.write_text('{"id": "dead", "holder": "gone@host"}')
    lock.chmod(0o600)
    assert store.holder() is None
    lease = store.acquire(lease_info())
    assert store.holder() == lease_info()
    lease.check()


def test_lock_of_a_killed_process_is_free(store: LocalStore, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert store.holder() == lease_info(7)
        with pytest.raises(BusyError, match="user7@host"):
            store.acquire(lease_info())
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    assert store.holder() is None
    store.acquire(lease_info()).check()


def test_somebody_who_only_looks_is_no_holder(
    store: LocalStore, lock: Path, clock: Clock, monkeypatch
) -> None:
    """Looking at a left-over file locks it for an instant, in which another may come."""
    lock.write_text("{}")
    lock.chmod(0o600)
    looking = os.open(lock, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    clock.events[0.02] = lambda: os.close(looking)
    store.acquire(lease_info()).check()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": 5}', b"\xff"])
def test_holder_whose_file_says_nothing_is_still_a_holder(
    store: LocalStore, lock: Path, content: bytes
) -> None:
    lease = store.acquire(lease_info())
    lock.write_bytes(content)
    holder = store.holder()
    assert holder is not None
    assert (holder.holder, holder.operation) == ("somebody", "unknown")
    with pytest.raises(BusyError, match="somebody"):
        store.acquire(lease_info(2))
    lease.release()


def test_text_of_another_process_cannot_move_the_cursor(store: LocalStore, lock: Path) -> None:
    store.acquire(replace(lease_info(), holder="eve\x1b[2J@host\n"))
    assert store.holder().holder == "eve[2J@host"


def test_lease_is_lost_with_its_file(store: LocalStore, lock: Path) -> None:
    lease = store.acquire(lease_info())
    lock.unlink()
    with pytest.raises(BusyError, match="the lease was lost"):
        lease.check()
    with pytest.raises(BusyError):
        store.commit(b"one", expected=None, lease=lease)
    other = store.acquire(lease_info(2))
    with pytest.raises(BusyError, match="the lease was lost"):
        lease.check()
    lease.release()
    assert store.holder() == lease_info(2)
    other.check()


def test_holder_that_is_unlocked_while_it_stages_replaces_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch
) -> None:
    lease = store.acquire(lease_info())
    first = store.commit(b"one", expected=None, lease=lease)
    real, other = files.stage, LocalStore(LocalPaths.below(tmp_path, "keyplan.state.json"), "x")

    def slow(path: Path, content: bytes) -> Path:
        staged = real(path, content)
        if other.holder() == lease_info():
            other.unlock("lease-1")
            other.commit(b"theirs", expected=first, lease=other.acquire(lease_info(2)))
        return staged

    monkeypatch.setattr(files, "stage", slow)
    with pytest.raises(BusyError, match="the lease was lost"):
        store.commit(b"ours", expected=first, lease=lease)
    assert store.load().content == b"theirs"


def test_lease_of_another_state_is_refused(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(LocalPaths.below(tmp_path, "other.json"), "other.json")
    store.acquire(lease_info())
    with pytest.raises(BusyError, match="not one of this state"):
        store.commit(b"one", expected=None, lease=other.acquire(lease_info(2)))
    assert store.load() is None


def test_file_system_without_locks_is_said(store: LocalStore, monkeypatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StoreError, match="cannot lock the state: Operation not supported"):
        store.acquire(lease_info())


def test_descriptors_are_not_leaked(store: LocalStore) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/dev/fd").iterdir())

    before = count()
    for _ in range(5):
        lease = store.acquire(lease_info())
        with pytest.raises(BusyError):
            store.acquire(lease_info(2))
        present = store.load()
        store.commit(b"x", expected=present and present.version, lease=lease)
        store.append("run-1", [b"x"], lease=lease)
        store.holder()
        lease.release()
    assert count() == before
