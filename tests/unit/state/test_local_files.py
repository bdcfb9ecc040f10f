"""What the local store does to files, and what it does when a file system fails."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.local import STORE, LocalStore

LOG = Path(".keyplan/journal/run-1.jsonl")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    folder = tmp_path / "stack"
    folder.mkdir()
    return folder


def opened(stack: Path, **settings) -> LocalStore:
    return STORE.open(STORE.settings_model(**settings), stack=stack, environment={})


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def used(stack: Path):
    """A store with two commits and an open journal, and its lease."""
    store = opened(stack)
    lease = store.acquire(lease_info())
    first = store.commit(b"one", expected=None, lease=lease)
    store.commit(b"two", expected=first, lease=lease)
    store.append("run-1", [b"one"], lease=lease)
    return store, lease


# -- where things are --------------------------------------------------------------------


def test_plugin_says_what_it_is() -> None:
    assert STORE.name == "local"
    assert STORE.settings_model().model_dump() == {"path": "keyplan.state.json"}
    with pytest.raises(ValidationError, match="Extra inputs"):
        STORE.settings_model(file="x")


def test_store_is_described_by_its_path(stack: Path) -> None:
    assert opened(stack).describe() == "local keyplan.state.json"
    assert opened(stack, path="a/b.json").describe() == "local a/b.json"


def test_opening_and_reading_create_nothing(stack: Path) -> None:
    store = opened(stack, path="deep/down/state.json")
    store.load()
    store.previous()
    store.holder()
    store.open_logs()
    store.read_log("run-1")
    assert everything(stack) == []


def test_files_are_where_the_documentation_says(stack: Path, used) -> None:
    store, lease = used
    store.append("run-0", [b"zero"], lease=lease)
    store.archive("run-0", lease=lease)
    assert [name for name in everything(stack) if (stack / name).is_file()] == [
        f".keyplan/history/keyplan.state.json/00000001-{sha256(b'one').hexdigest()}.json",
        ".keyplan/journal/archive/run-0.jsonl",
        ".keyplan/journal/run-1.jsonl",
        "keyplan.state.json",
        "keyplan.state.json.backup",
        "keyplan.state.json.lock",
    ]
    lease.release()
    assert "keyplan.state.json.lock" not in everything(stack)


def test_files_are_private_whatever_the_umask(stack: Path) -> None:
    before = os.umask(0)
    try:
        store = opened(stack, path="states/prod.json")
        lease = store.acquire(lease_info())
        version = store.commit(b"one", expected=None, lease=lease)
        store.commit(b"two", expected=version, lease=lease)
        store.append("run-1", [b"one"], lease=lease)
        store.append("run-2", [b"two"], lease=lease)
        store.archive("run-2", lease=lease)
    finally:
        os.umask(before)
    for path in stack.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/state.json", "../state.json", "a/../../state.json", "~/s", "a\0b"]
)
def test_path_outside_the_stack_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="cannot be the path of the state"):
        STORE.settings_model(path=path)


@pytest.mark.parametrize("name", ["keyplan.state.json", "states", ".keyplan"])
def test_symbolic_link_out_of_the_stack_is_refused(stack: Path, name: str) -> None:
    (stack.parent / "elsewhere").mkdir()
    (stack / name).symlink_to(stack.parent / "elsewhere")
    path = "states/prod.json" if name == "states" else "keyplan.state.json"
    with pytest.raises(StoreError, match="leads out of the stack"):
        opened(stack, path=path)


def test_circle_of_symbolic_links_is_refused(stack: Path) -> None:
    (stack / "a").symlink_to(stack / "b")
    (stack / "b").symlink_to(stack / "a")
    with pytest.raises(StoreError):
        opened(stack, path="a/state.json").load()


def test_symbolic_link_inside_the_stack_is_followed(stack: Path) -> None:
    (stack / "real").mkdir()
    (stack / "link").symlink_to(stack / "real")
    store = opened(stack, path="link/state.json")
    store.commit(b"one", expected=None, lease=store.acquire(lease_info()))
    assert (stack / "real" / "state.json").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["keyplan.state.json", "keyplan.state.json.lock", str(LOG)])
def test_symbolic_link_put_there_later_is_not_followed(stack: Path, name: str) -> None:
    store = opened(stack)
    lease = store.acquire(lease_info())
    target = stack.parent / "target"
    target.write_bytes(b"theirs\n")
    (stack / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (stack / name).unlink(missing_ok=True)
    (stack / name).symlink_to(target)
    for attempt in (
        lambda: store.commit(b"one", expected=None, lease=lease),
        lambda: store.append("run-1", [b"one"], lease=lease),
    ):
        with suppress(StoreError, BusyError):
            attempt()
    assert target.read_bytes() == b"theirs\n"
    assert (stack / name).is_symlink()


@pytest.mark.parametrize("log", ["", "../run", "a/b", ".hidden", "x" * 129, "a b", "a\nb"])
def test_journal_name_is_no_path(used, log: str) -> None:
    store, lease = used
    for attempt in (
        lambda: store.read_log(log),
        lambda: store.append(log, [b"x"], lease=lease),
        lambda: store.truncate_log(log, 0, lease=lease),
        lambda: store.archive(log, lease=lease),
    ):
        with pytest.raises(StoreError, match="is not the name of a journal"):
            attempt()


# -- whom it trusts ----------------------------------------------------------------------


@pytest.mark.parametrize("extra", [0o020, 0o002])
def test_file_that_others_can_write_to_is_refused(stack: Path, used, extra: int) -> None:
    store, lease = used
    for name, attempt in (
        ("keyplan.state.json", store.load),
        ("keyplan.state.json.backup", store.previous),
        (str(LOG), lambda: store.read_log("run-1")),
        (str(LOG), lambda: store.append("run-1", [b"x"], lease=lease)),
        (str(LOG.parent), lambda: store.append("run-1", [b"x"], lease=lease)),
    ):
        before = mode(stack / name)
        (stack / name).chmod(before | extra)
        with pytest.raises(StoreError, match=rf"others can write to it .*{before | extra:04o}"):
            attempt()
        (stack / name).chmod(before)
        attempt()


def test_file_that_others_can_read_is_public_metadata(stack: Path, used) -> None:
    (stack / "keyplan.state.json").chmod(0o644)
    assert used[0].load().content == b"two"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_refused(stack: Path, make) -> None:
    make(stack / "keyplan.state.json")
    with pytest.raises(StoreError, match="not a regular file"):
        opened(stack).load()


# -- when it fails -----------------------------------------------------------------------


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


# -- what it refuses ---------------------------------------------------------------------


def test_state_edited_behind_its_back_is_a_conflict(stack: Path, used) -> None:
    store, lease = used
    version = store.load().version
    (stack / "keyplan.state.json").write_bytes(b"two, edited")
    with pytest.raises(StateConflictError, match="changed since it was read"):
        store.commit(b"three", expected=version, lease=lease)


def test_appending_nothing_starts_no_journal(used) -> None:
    store, lease = used
    store.append("run-2", [], lease=lease)
    assert store.open_logs() == ["run-1"]


def test_line_end_inside_a_line_is_refused(used) -> None:
    store, lease = used
    with pytest.raises(StoreError, match="line end"):
        store.append("run-1", [b"two", b"th\nree"], lease=lease)
    assert store.read_log("run-1") == b"one\n"


@pytest.mark.parametrize("size", [-1, 5])
def test_journal_is_only_cut_back(used, size: int) -> None:
    store, lease = used
    with pytest.raises(StoreError, match="cannot be cut back"):
        store.truncate_log("run-1", size, lease=lease)


def test_missing_journal_cannot_be_cut_or_archived(used) -> None:
    store, lease = used
    for attempt in (
        lambda: store.truncate_log("run-7", 0, lease=lease),
        lambda: store.archive("run-7", lease=lease),
    ):
        with pytest.raises(StoreError, match="No such file"):
            attempt()


def test_closed_journal_stays_closed(used) -> None:
    store, lease = used
    store.archive("run-1", lease=lease)
    store.archive("run-1", lease=lease)
    with pytest.raises(StoreError, match="the journal is closed"):
        store.append("run-1", [b"two"], lease=lease)
    with pytest.raises(StoreError):
        store.truncate_log("run-1", 0, lease=lease)
    assert store.read_log("run-1") == b"one\n"


def test_closed_journal_is_never_overwritten(stack: Path, used) -> None:
    store, lease = used
    archive = stack / LOG.parent / "archive"
    archive.mkdir()
    (archive / LOG.name).write_bytes(b"older\n")
    (archive / LOG.name).chmod(0o600)
    with pytest.raises(StoreError, match="a closed journal of that name"):
        store.archive("run-1", lease=lease)
    assert (archive / LOG.name).read_bytes() == b"older\n"
