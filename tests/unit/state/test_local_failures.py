"""What the local store does when a file system fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from keyplan.errors import StoreError
from keyplan.testing.store_contract import lease_info
from tests.unit.state.local_stores import LOG, everything, opened


class Disk:
    """Lets calls of `os` fail: `disk.fails("fsync", errno.EIO, at=2)` at the second call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.calls: list[str] = []

    def fails(self, name: str, code: int, *, at: int = 1, taken: int | None = None) -> None:
        """`taken` bytes of a write go through before."""
        real = getattr(os, name)
        count = 0

        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count < at:
                return real(*args, **kwargs)
            if taken and count == at:
                return real(args[0], args[1][:taken])
            raise OSError(code, os.strerror(code))

        self._monkeypatch.setattr(os, name, call)

    def watch(self, *names: str) -> None:
        """Note each call of these in `calls`."""
        for name in names:
            self._watch(name, getattr(os, name))

    def _watch(self, name: str, real) -> None:
        def call(*args, **kwargs):
            self.calls.append(name)
            return real(*args, **kwargs)

        self._monkeypatch.setattr(os, name, call)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_append_is_one_write_and_one_flush(used, disk: Disk) -> None:
    store, lease = used
    disk.watch("write", "fsync")
    store.append("run-1", [b"x"] * 500, lease=lease)
    assert disk.calls == ["write", "fsync"]


def test_new_journal_is_durable_with_its_directories(stack: Path, disk: Disk) -> None:
    store = opened(stack)
    lease = store.acquire(lease_info())
    disk.watch("write", "fsync")
    store.append("run-1", [b"x"], lease=lease)
    assert disk.calls == ["fsync", "fsync", "write", "fsync", "fsync"]


def test_commit_flushes_before_it_renames(used, disk: Disk) -> None:
    store, lease = used
    version = store.load().version
    disk.watch("link", "write", "fsync", "replace")
    store.commit(b"three", expected=version, lease=lease)
    kept, staged = ["link", "fsync"], ["write", "fsync"]
    assert disk.calls == [*kept, *staged, *staged, "replace", "replace", "fsync"]


@pytest.mark.parametrize(("call", "taken"), [("write", None), ("write", 3), ("fsync", None)])
def test_failed_append_leaves_the_journal_as_it_was(
    stack: Path, used, disk: Disk, monkeypatch, call: str, taken: int | None
) -> None:
    store, lease = used
    disk.fails(call, errno.ENOSPC, taken=taken)
    with pytest.raises(StoreError) as raised:
        store.append("run-1", [b"two", b"three"], lease=lease)
    monkeypatch.undo()
    text = str(raised.value)
    assert "cannot write the journal: No space left on device" in text
    assert str(stack / LOG) in text
    assert "was not begun" in text
    assert "free some space" in text
    assert store.read_log("run-1") == b"one\n"
    store.append("run-1", [b"two"], lease=lease)
    assert store.read_log("run-1") == b"one\ntwo\n"


def test_torn_line_that_could_not_be_cut_off_is_never_built_upon(
    used, disk: Disk, monkeypatch
) -> None:
    store, lease = used
    disk.fails("write", errno.EIO, at=1, taken=3)
    disk.fails("ftruncate", errno.EIO)
    with pytest.raises(StoreError, match="disk reports a fault"):
        store.append("run-1", [b"two", b"three"], lease=lease)
    monkeypatch.undo()
    assert store.read_log("run-1") == b"one\ntwo"
    with pytest.raises(StoreError, match="keyplan resume"):
        store.append("run-1", [b"four"], lease=lease)
    store.truncate_log("run-1", 4, lease=lease)
    store.append("run-1", [b"four"], lease=lease)
    assert store.read_log("run-1") == b"one\nfour\n"


@pytest.mark.parametrize(
    ("call", "at"),
    [
        ("link", 1),
        ("write", 1),
        ("write", 2),
        ("fsync", 1),
        ("fsync", 2),
        ("fsync", 3),
        ("replace", 1),
    ],
)
def test_failed_commit_leaves_the_state_as_it_was(
    used, disk: Disk, monkeypatch, call: str, at: int
) -> None:
    store, lease = used
    version = store.load().version
    disk.fails(call, errno.ENOSPC, at=at)
    with pytest.raises(StoreError) as raised:
        store.commit(b"three", expected=version, lease=lease)
    monkeypatch.undo()
    assert "cannot write the state: No space left on device" in str(raised.value)
    assert "as it was before" in str(raised.value)
    assert store.load().content == b"two"
    assert store.previous().content == b"one"
    store.commit(b"three", expected=version, lease=lease)
    assert store.previous().content == b"two"


def test_crash_between_backup_and_state_loses_neither(stack: Path, used, disk: Disk) -> None:
    store, lease = used
    version = store.load().version
    (stack / "keyplan.state.json.backup").write_bytes(b"two")
    (stack / "keyplan.state.json.new").write_bytes(b"half of th")
    assert store.load().content == b"two"
    assert store.previous() is None
    store.commit(b"three", expected=version, lease=lease)
    assert (store.load().content, store.previous().content) == (b"three", b"two")
    assert "keyplan.state.json.new" not in everything(stack)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "Give yourself access"),
        (errno.EDQUOT, "quota"),
        (errno.EMFILE, "Check the file system"),
    ],
)
def test_every_failure_says_what_to_do(stack: Path, disk: Disk, code: int, advice: str) -> None:
    store = opened(stack)
    disk.fails("open", code)
    for attempt, path in (
        (store.load, "keyplan.state.json"),
        (lambda: store.acquire(lease_info()), "keyplan.state.json.lock"),
        (store.holder, "keyplan.state.json.lock"),
        (lambda: store.read_log("run-1"), str(LOG)),
    ):
        with pytest.raises(StoreError) as raised:
            attempt()
        assert advice in raised.value.advice
        assert raised.value.target == str(stack / path)
        assert raised.value.what.startswith("cannot ")


def test_journals_that_cannot_be_listed_are_an_error(used, disk: Disk) -> None:
    disk.fails("scandir", errno.EACCES)
    with pytest.raises(StoreError, match="cannot list the journals"):
        used[0].open_logs()
