"""What the local store does to files: where they are, whom it trusts, what it refuses."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.local import STORE
from tests.unit.state.local_stores import LOG, everything, opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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
