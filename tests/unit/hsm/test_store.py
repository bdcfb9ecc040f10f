"""The store: who may open it, what reading leaves behind, and which HSM it is."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from keyplan.errors import (
    DeniedError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import CreateKey, PutLabels
from keyplan_hsm import schema
from keyplan_hsm.store_errors import lost, unavailable
from tests.unit.hsm.bench import Bench, key

PIN = {"pin": {"env": "KEYPLAN_TEST_PIN"}}


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KEYPLAN_TEST_PIN", "correct horse")
    return "KEYPLAN_TEST_PIN"


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -- reading -----------------------------------------------------------------------------


def test_a_store_that_does_not_exist_reads_as_an_empty_hsm(hsm: Bench) -> None:
    for provider in (hsm.provider, hsm.open(read_only=True)):
        assert provider.read(["hk-0000000000000000"]) == {}
        assert provider.scan().observations == []
        assert provider.find("token") is None
        assert provider.find_alias("name") is None
    assert files(hsm.folder) == {}


def test_reading_needs_no_pin_and_leaves_nothing_behind(
    tmp_path: Path, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, PIN)
    data = bench.create("data")
    bench.close()
    before = files(tmp_path)
    monkeypatch.delenv(pin)
    reading = bench.open(read_only=True)
    assert reading.read([data])[data].id == data
    assert reading.identify().place
    reading.close()
    assert files(tmp_path) == before


def test_a_read_only_connection_executes_nothing(hsm: Bench) -> None:
    reading = hsm.open(read_only=True)
    operation = CreateKey(key("k"), OwnerMark("s", "t"), "encrypt", "aes-256", None, None, {})
    with pytest.raises(RejectedError, match="reading only"):
        reading.execute(operation, {})
    assert files(hsm.folder) == {}


def test_a_store_that_may_not_be_written_is_read(
    hsm: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = hsm.create("data")
    hsm.close()
    before = files(hsm.folder)
    monkeypatch.setattr(os, "access", lambda *_: False)  # as on a read-only file system
    hsm.store.chmod(0o400)
    reading = hsm.open(read_only=True)
    assert data in reading.read([data])
    reading.close()
    assert files(hsm.folder) == before


def test_a_reader_sees_what_another_connection_just_wrote(hsm: Bench) -> None:
    reading = hsm.open(read_only=True)
    data = hsm.create("data")
    assert data in reading.read([data])
    hsm.do(PutLabels(key("data"), {"a": "b"}, [], {}))
    assert reading.read([data])[data].attributes["labels"] == {"a": "b"}


# -- unlocking ---------------------------------------------------------------------------


def test_without_a_pin_an_unlock_file_is_made_and_said_out_loud(
    hsm: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    hsm.create("data")
    unlock = hsm.store.with_name("hsm.db.unlock")
    assert stat.S_IMODE(unlock.stat().st_mode) == 0o600
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(unlock) in caplog.text
    hsm.later(minutes=1)
    hsm.create("more")
    assert len(caplog.records) == 1


def test_the_store_is_private_whatever_the_umask(hsm: Bench) -> None:
    before = os.umask(0)
    try:
        hsm.create("data")
    finally:
        os.umask(before)
    assert stat.S_IMODE(hsm.store.parent.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in hsm.store.parent.iterdir()}
    assert modes == {0o600}


def test_a_wrong_pin_is_refused_before_anything_is_done(
    tmp_path: Path, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, PIN)
    bench.create("data")
    bench.close()
    monkeypatch.setenv(pin, "wrong horse")
    with pytest.raises(UnauthenticatedError, match="PIN of the HSM is wrong") as refused:
        bench.open()
    assert "horse" not in str(refused.value)
    monkeypatch.delenv(pin)
    with pytest.raises(UnauthenticatedError, match="KEYPLAN_TEST_PIN"):
        bench.open()
    bench.settings = {}
    with pytest.raises(UnauthenticatedError, match="none is given"):
        bench.open()


def test_the_pin_may_be_in_a_file_of_the_stack(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("correct horse\n")
    bench = Bench(tmp_path, {"pin": {"file": "pin"}})
    data = bench.create("data")
    sealed = bench.plane().encrypt(data, b"x")
    bench.later(minutes=1)
    assert bench.plane().decrypt(data, sealed) == b"x"
    bench.close()


def test_a_short_pin_is_refused(tmp_path: Path, pin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pin, "123")
    with pytest.raises(RejectedError, match="too short"):
        Bench(tmp_path, PIN)
    assert list(tmp_path.iterdir()) == []


def test_a_pin_for_a_store_that_has_none_is_not_ignored(hsm: Bench, pin: str) -> None:
    hsm.create("data")
    with pytest.raises(UnauthenticatedError, match="not sealed under one"):
        hsm.open(**PIN)


@pytest.mark.parametrize(
    "content", [b"short", bytes(range(32)), None], ids=["short", "wrong", "lost"]
)
def test_a_wrong_damaged_or_lost_unlock_file_opens_nothing(
    hsm: Bench, content: bytes | None
) -> None:
    hsm.create("data")
    unlock = hsm.store.with_name("hsm.db.unlock")
    unlock.unlink()
    if content is not None:
        unlock.touch(0o600)
        unlock.write_bytes(content)
    with pytest.raises(UnauthenticatedError, match="unlock file"):
        hsm.open()
    assert hsm.open(read_only=True).scan().observations


@pytest.mark.parametrize("name", ["hsm.db", "hsm.db.unlock"])
def test_a_file_that_others_can_read_is_refused(hsm: Bench, name: str) -> None:
    hsm.create("data")
    hsm.close()
    (hsm.store.parent / name).chmod(0o640)
    with pytest.raises(DeniedError, match="0640") as refused:
        hsm.open()
    assert refused.value.advice.startswith("chmod 600")


def test_a_directory_that_others_can_write_is_refused(hsm: Bench) -> None:
    hsm.create("data")
    hsm.close()
    hsm.store.parent.chmod(0o770)
    with pytest.raises(DeniedError, match="may replace"):
        hsm.open()


def test_a_store_of_a_newer_version_is_refused(hsm: Bench) -> None:
    hsm.create("data")
    hsm.close()
    with sqlite3.connect(hsm.store) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    connection.close()
    with pytest.raises(RejectedError, match="format 99"):
        hsm.open()


def test_a_file_that_is_no_store_is_refused(hsm: Bench) -> None:
    hsm.create("data")
    hsm.close()
    hsm.store.write_bytes(b"not a database" * 100)
    with pytest.raises(RejectedError, match="cannot be used"):
        hsm.open()


# -- identity ----------------------------------------------------------------------------


def test_the_identity_of_a_connection_does_not_change_while_it_is_open(hsm: Bench) -> None:
    before = hsm.provider.identify()
    assert before.place == "new:.keyplan/hsm.db"
    hsm.create("data")
    assert hsm.provider.identify() == before


def test_a_plan_made_before_the_store_existed_fits_it_afterwards(hsm: Bench) -> None:
    planned = hsm.provider.identify().place
    hsm.create("data")
    now = hsm.open().identify()
    assert now.place != planned
    assert now.formerly == planned
    assert now.place in now.summary


def test_a_store_made_anew_at_the_same_path_is_another_hsm(hsm: Bench) -> None:
    hsm.create("data")
    first = hsm.open().identify()
    hsm.close()
    for path in hsm.store.parent.iterdir():
        path.unlink()
    hsm.later(minutes=1)
    hsm.create("data2")
    second = hsm.open().identify()
    assert first.place not in (second.place, second.formerly)


def test_the_principal_is_who_acts(hsm: Bench) -> None:
    assert hsm.provider.identify().principal == "hsm:security-officer"
    assert hsm.open(identity="spiffe://x").identify().principal == "spiffe://x"


def test_a_store_that_was_half_made_is_made_again(hsm: Bench) -> None:
    hsm.store.parent.mkdir(mode=0o700)
    connection = sqlite3.connect(hsm.store)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()
    hsm.store.chmod(0o600)
    assert hsm.open(read_only=True).identify().place.startswith("new:")
    hsm.create("data")
    assert hsm.open().identify().formerly == "new:.keyplan/hsm.db"


def test_a_store_that_cannot_be_read_is_not_taken_for_an_empty_one(
    hsm: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hsm.create("data")
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    hsm.close()
    other = sqlite3.connect(hsm.store, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TransientError):
        hsm.open(read_only=True)
    other.close()
    assert hsm.open(read_only=True).scan().observations


def test_a_store_that_is_a_directory_is_refused_without_bad_advice(hsm: Bench) -> None:
    hsm.store.mkdir(parents=True)
    with pytest.raises(DeniedError, match="not a file") as raised:
        hsm.open().scan()
    assert "chmod" not in str(raised.value)


def test_a_store_may_lie_below_a_folder_whose_name_is_no_text(tmp_path: Path, pin: str) -> None:
    folder = tmp_path / "\udcff%?#"
    folder.mkdir()
    bench = Bench(folder, {"pin": {"env": pin}})
    try:
        data = bench.create("data")
        assert data in bench.later(minutes=1).read([data])
    finally:
        bench.close()


def test_a_missing_pin_for_a_new_store_shows_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UnauthenticatedError, match="is not set"):
        Bench(tmp_path, {"pin": {"env": "KP_TEST_NO_SUCH_PIN"}})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_taken_for_a_busy_store(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as full:
        full.execute("CREATE TABLE some (thing BLOB)")
        full.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as caught:
            full.execute("INSERT INTO some VALUES (zeroblob(100000))")
    error = unavailable(tmp_path / "hsm.db", caught.value)
    assert isinstance(error, RejectedError)
    assert "the disk is full" in error.what
    assert "the disk is full" in lost(tmp_path / "hsm.db", caught.value).what
