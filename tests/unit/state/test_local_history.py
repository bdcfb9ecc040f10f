"""The states that the local store keeps: found again, or not given out at all."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from keyplan.errors import StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.history import History
from keyplan_state.local import STORE, LocalStore

FOLDER = Path(".keyplan/history/keyplan.state.json")


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return STORE.open(STORE.settings_model(), stack=tmp_path, environment={})


def commit(store: LocalStore, *contents: bytes) -> None:
    with closing_lease(store) as lease:
        for content in contents:
            present = store.load()
            store.commit(content, expected=present and present.version, lease=lease)


@contextmanager
def closing_lease(store: LocalStore):
    lease = store.acquire(lease_info())
    try:
        yield lease
    finally:
        lease.release()


def test_keeping_copies_nothing(store: LocalStore, tmp_path: Path) -> None:
    commit(store, b"one")
    inode = (tmp_path / "keyplan.state.json").stat().st_ino
    commit(store, b"two")
    [kept] = (tmp_path / FOLDER).iterdir()
    assert (kept.name, kept.stat().st_ino) == (f"00000001-{digest(b'one')}.json", inode)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_file_system_without_hard_links_keeps_copies(
    store: LocalStore, tmp_path: Path, monkeypatch, code: int
) -> None:
    def refuse(*args, **kwargs) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    commit(store, b"one", b"two", b"three")
    versions = [digest(content) for content in (b"one", b"two", b"three")]
    assert store.versions() == versions
    assert [store.content(version) for version in versions] == [b"one", b"two", b"three"]
    assert not [path for path in (tmp_path / FOLDER).iterdir() if path.suffix != ".json"]


def test_crash_between_keeping_and_committing_keeps_it_once(store: LocalStore, monkeypatch) -> None:
    commit(store, b"one")

    def die(*args, **kwargs) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        commit(store, b"two")
    monkeypatch.undo()
    assert store.versions() == [digest(b"one")]
    commit(store, b"two", b"three")
    assert store.versions() == [digest(content) for content in (b"one", b"two", b"three")]


def test_state_that_was_edited_in_place_is_kept_as_what_it_is(
    store: LocalStore, tmp_path: Path, monkeypatch
) -> None:
    """After such a crash both names are one file: editing the state edits what was kept."""
    commit(store, b"one")
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        commit(store, b"two")
    monkeypatch.setattr(os, "replace", real)
    (tmp_path / "keyplan.state.json").write_bytes(b"edited")
    assert store.content(digest(b"one")) is None
    commit(store, b"two", b"three")
    assert store.content(digest(b"one")) is None
    assert store.content(digest(b"edited")) == b"edited"
    assert store.content(digest(b"two")) == b"two"


def test_kept_state_that_was_changed_is_not_given_out(store: LocalStore, tmp_path: Path) -> None:
    commit(store, b"one", b"two", b"three")
    (tmp_path / FOLDER / f"00000001-{digest(b'one')}.json").write_bytes(b"forged")
    assert store.content(digest(b"one")) is None
    assert store.content(digest(b"forged")) is None


def test_backup_stands_in_for_a_lost_history(store: LocalStore, tmp_path: Path) -> None:
    commit(store, b"one", b"two")
    (tmp_path / FOLDER / f"00000001-{digest(b'one')}.json").unlink()
    assert store.content(digest(b"one")) == b"one"


def test_strange_names_are_left_alone(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    strange = [f"x-{digest(b'one')}.json", "00000009-.json", "notes.txt", "00000001-é.json"]
    for name in strange:
        (tmp_path / FOLDER / name).write_bytes(b"one")
    commit(store, b"one", b"two")
    assert store.versions() == [digest(b"one"), digest(b"two")]
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} > set(strange)


def test_oldest_states_are_forgotten(tmp_path: Path) -> None:
    history = History(tmp_path / "history", limit=3)
    for number in range(5):
        content = b"%d" % number
        (tmp_path / "state").unlink(missing_ok=True)
        (tmp_path / "state").write_bytes(content)
        (tmp_path / "state").chmod(0o600)
        history.keep(tmp_path / "state", content, digest(content))
    assert history.versions() == [digest(b"2"), digest(b"3"), digest(b"4")]
    assert history.content(digest(b"1")) is None


def test_states_in_one_folder_have_histories_of_their_own(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        settings = STORE.settings_model(path=name)
        commit(STORE.open(settings, stack=tmp_path, environment={}), name.encode(), b"two")
    first = STORE.open(STORE.settings_model(path="a.json"), stack=tmp_path, environment={})
    assert first.versions() == [digest(b"a.json"), digest(b"two")]
    assert first.content(digest(b"b.json")) is None


def test_history_that_cannot_be_read_says_so(store: LocalStore, tmp_path: Path) -> None:
    commit(store, b"one")
    (tmp_path / ".keyplan" / "history").mkdir(parents=True)
    (tmp_path / FOLDER).write_bytes(b"a file")
    with pytest.raises(StoreError, match="cannot list the states before"):
        store.versions()
