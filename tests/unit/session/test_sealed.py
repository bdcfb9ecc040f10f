"""A sealed store against whoever can write to the store: nothing is read, forged or put back."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keyplan.errors import JournalError, StateError, StoreError
from keyplan.model.secrets import SecretReference
from keyplan.sdk.store import Blob
from keyplan.session.high_water import ACCEPT, HighWater
from keyplan.session.rekeying import rekey_store, seal_store, unseal_store
from keyplan.session.sealed import SealedStore
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.model import State
from keyplan.state.snapshot import load_snapshot
from keyplan.state.unlocking import Opener
from keyplan.testing.faults import SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Medium, MemoryStore, Moment
from keyplan.testing.store_contract import lease_info

CANARY = b"canary-label-value"
LINEAGE = "6f1c9b52-6d2e-4a55-9b6e-0d1a5f7e8c11"


def key_file(folder: Path, name: str = "state.key", byte: int = 7) -> Opener:
    path = folder / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(bytes([byte]) * 32)
    return Opener(key_file=path)


def state(serial: int, *runs: str) -> bytes:
    outputs = {"label": CANARY.decode()}
    found = State(LINEAGE, serial, outputs=outputs, closed_runs=runs)
    return encode_state(found, keyplan_version="0.1.0")


def head(run: str, serial: int) -> bytes:
    entry = {"kind": "run_started", "run": run, "lineage": LINEAGE, "serial": serial}
    return json.dumps({"seq": 1, "prev": "", "entry": entry}).encode()


@pytest.fixture
def medium() -> Medium:
    return Medium()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "xdg")}


@pytest.fixture
def opened(tmp_path: Path, medium: Medium, environment: dict[str, str]):
    """A new process on this machine."""

    def make(opener: Opener | None = None, **more: str) -> SealedStore:
        marks = HighWater.of_machine("place", environment | more)
        return SealedStore(MemoryStore(medium), opener or key_file(tmp_path), marks)

    return make


def commit(store: SealedStore, content: bytes, *runs: bytes) -> None:
    lease = store.acquire(lease_info())
    blob = store.inner.load()
    store.commit(content, expected=blob and blob.version, lease=lease)
    lease.release()


def run(store: SealedStore, name: str, serial: int, *, closed: bool = True) -> None:
    """A run that began at a serial."""
    lease = store.acquire(lease_info())
    store.append(name, [head(name, serial), CANARY], lease=lease)
    if closed:
        store.archive(name, lease=lease)
    lease.release()


def everything(medium: Medium) -> bytes:
    return b"".join([*medium.states, *medium.logs.values()])


# -- nothing is shown --------------------------------------------------------------------


def test_no_value_is_in_any_byte_of_the_store(opened, medium: Medium) -> None:
    store = opened()
    run(store, "run-1", 0)
    for serial in range(1, 4):
        commit(store, state(serial, "run-1"))
    kept = everything(medium)
    assert CANARY not in kept
    assert b"resources" not in kept
    assert b"run_started" not in kept
    assert bytes([7]) * 32 not in kept
    found = opened().load()
    assert found is not None
    assert decode_state(found.content).serial == 3
    assert [CANARY in (opened().content(v) or b"") for v in opened().versions()] == [True] * 3
    assert opened().read_log("run-1").count(CANARY) == 1


def test_the_same_content_is_never_sealed_alike(opened, medium: Medium) -> None:
    store = opened()
    commit(store, state(1))
    commit(store, state(1))
    lease = store.acquire(lease_info())
    store.append("run-1", [b"same"] * 2000, lease=lease)
    lines = medium.logs["run-1"].splitlines()
    assert len({line[-60:] for line in lines}) == 2000
    assert medium.states[0][-40:] != medium.states[1][-40:]


# -- nothing is forged -------------------------------------------------------------------


def test_every_flipped_bit_of_a_state_is_noticed(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    sealed = medium.states[0]
    for position in range(len(sealed)):
        medium.states[0] = bytearray(sealed)
        medium.states[0][position] ^= 1 << position % 8
        medium.states[0] = bytes(medium.states[0])
        with pytest.raises(StateError):
            opened().load()
    for size in range(0, len(sealed), 7):
        medium.states[0] = sealed[:size]
        with pytest.raises(StateError):
            opened().load()
    medium.states[0] = sealed + b"x"
    with pytest.raises(StateError, match="bytes added"):
        opened().load()


def test_every_flipped_bit_of_a_journal_is_noticed(opened, medium: Medium) -> None:
    store = opened()
    lease = store.acquire(lease_info())
    store.append("run-1", [b"one", b"two", b"three"], lease=lease)
    sealed = medium.logs["run-1"]
    last = sealed.rstrip(b"\n").rfind(b"\n") + 1
    for position in range(last - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1 << position % 8
        medium.logs["run-1"] = bytes(changed)
        with pytest.raises(JournalError):
            opened().read_log("run-1")
    for position in range(last - 1, len(sealed) - 1):  # what is last may also look torn
        changed = bytearray(sealed)
        changed[position] ^= 1 << position % 8
        medium.logs["run-1"] = bytes(changed)
        try:
            found = opened().read_log("run-1")
        except JournalError:
            continue
        assert found.startswith(b"one\n")
        assert b"three" not in found


def test_every_flipped_bit_of_the_key_ring_is_noticed(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    sealed = medium.logs["keyring-0001"]
    for position in range(len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1 << position % 8
        medium.logs["keyring-0001"] = bytes(changed)
        with pytest.raises(StateError):
            opened().load()


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b: (b"\n".join([a[1], a[0], *a[2:]]), b"\n".join(b)),
        lambda a, b: (b"\n".join([a[0], *a[2:]]), b"\n".join(b)),
        lambda a, b: (b"\n".join([a[0], *a]), b"\n".join(b)),
        lambda a, b: (b"\n".join(b), b"\n".join(a)),
        lambda a, b: (b"\n".join([a[0], b[1], *a[2:]]), b"\n".join(b)),
    ],
    ids=["reordered", "dropped", "doubled", "swapped", "moved"],
)
def test_lines_stay_where_they_were_written(
    opened, medium: Medium, change: Callable[..., tuple[bytes, bytes]]
) -> None:
    store = opened()
    lease = store.acquire(lease_info())
    for log in ("run-1", "run-2"):
        store.append(log, [b"one", b"two", b"three"], lease=lease)
    first, second = (medium.logs[log].split(b"\n") for log in ("run-1", "run-2"))
    medium.logs["run-1"], medium.logs["run-2"] = change(first, second)
    with pytest.raises(JournalError, match=r"line [123] of the sealed journal"):
        opened().read_log("run-1")


def test_a_state_of_another_stack_is_refused(opened, medium: Medium, tmp_path: Path) -> None:
    other = Medium()
    commit(SealedStore(MemoryStore(other), key_file(tmp_path), HighWater(None, "")), state(9))
    commit(opened(), state(1))
    medium.states[0] = other.states[0]
    with pytest.raises(StateError, match="key ring does not have"):
        opened().load()


def test_mistakes_have_errors_of_their_own(opened, medium: Medium, tmp_path: Path) -> None:
    commit(opened(), state(1))
    with pytest.raises(StoreError, match="the key file does not open"):
        opened(key_file(tmp_path, "other.key", 8)).load()
    with pytest.raises(StoreError, match="the passphrase does not open"):
        opened(Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})).load()
    ring = medium.logs.pop("keyring-0001")
    with pytest.raises(StoreError, match="its key ring is not in the store"):
        opened().load()
    medium.logs["keyring-0001"] = b'{"keyplan_sealed":1}\n'
    with pytest.raises(StoreError, match="edited or cut off"):
        opened().load()
    medium.logs["keyring-0001"] = ring
    medium.states[0] = medium.states[0].replace(b'sealed":1', b'sealed":2', 1)
    with pytest.raises(StateError, match="newer keyplan"):
        opened().load()


def test_names_that_are_no_ring_are_passed_over(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    for name in ("keyring-\u00b2", "keyring-", "keyring-x", "keyring-\u0661\u0662\u0663\u0664"):
        medium.logs[name] = b"nothing\n"
    assert opened().load() is not None


def test_hostile_parameters_cost_nothing(opened, medium: Medium) -> None:
    secret = Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})
    commit(opened(secret), state(1))
    medium.logs["keyring-0001"] = medium.logs["keyring-0001"].replace(b"65536", b"9999999999")
    with pytest.raises(StoreError, match="does not accept"):
        opened(secret).load()


# -- nothing is put back -----------------------------------------------------------------


def test_an_older_state_is_recognised_on_this_machine(opened, medium: Medium) -> None:
    store = opened()
    for serial in (1, 2, 3):
        commit(store, state(serial))
    medium.states.append(medium.states[1])
    with pytest.raises(StateError, match="not the newest") as caught:
        opened().load()
    assert "serial 3" in caught.value.why
    assert f"{ACCEPT}=2" in caught.value.advice
    assert opened(**{ACCEPT: "2"}).load() is not None
    assert opened().load() is not None  # accepted once, it is the newest


def test_a_state_that_was_accepted_wrongly_is_not(opened, medium: Medium) -> None:
    for serial in (1, 2, 3):
        commit(opened(), state(serial))
    medium.states.append(medium.states[0])
    with pytest.raises(StateError, match="not the newest"):
        opened(**{ACCEPT: "2"}).load()


def test_a_state_that_vanished_is_noticed(opened, medium: Medium) -> None:
    commit(opened(), state(4))
    medium.states.clear()
    medium.logs.clear()
    with pytest.raises(StateError, match="not the newest") as caught:
        opened().load()
    assert f"{ACCEPT}=0" in caught.value.advice
    assert opened(**{ACCEPT: "0"}).load() is None


def test_two_states_of_one_serial_are_noticed(opened, medium: Medium, tmp_path: Path) -> None:
    commit(opened(), state(1))
    other = opened(XDG_STATE_HOME=str(tmp_path / "elsewhere"))
    commit(other, state(1, "run-x"))
    with pytest.raises(StateError, match="another state with serial 1"):
        opened().load()


def test_a_commit_beside_a_reader_is_no_replay(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    reader = opened()
    load = reader.inner.load

    def slow() -> Blob | None:
        blob = load()
        reader.inner.load = load
        commit(opened(), state(2))  # another process of this machine
        return blob

    reader.inner.load = slow
    found = reader.load()
    assert found is not None
    assert decode_state(found.content).serial == 2


def test_marks_are_private_and_broken_ones_are_said(opened, environment: dict[str, str]) -> None:
    before = os.umask(0)
    try:
        commit(opened(), state(1))
    finally:
        os.umask(before)
    folder = Path(environment["XDG_STATE_HOME"]) / "keyplan" / "serials"
    files = list(folder.glob("*.json"))
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    files[0].write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        opened().load()


def test_a_machine_without_a_place_for_marks_works(
    opened, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        commit(opened(XDG_STATE_HOME="/proc/nowhere"), state(1))
    assert "cannot be remembered" in caplog.text
    assert HighWater.of_machine("x", {}).folder is None
    assert HighWater.of_machine("x", {"HOME": "/h"}).folder == Path(
        "/h/.local/state/keyplan/serials"
    )


# -- from plain to sealed and back -------------------------------------------------------


@pytest.fixture
def plain(medium: Medium) -> MemoryStore:
    """What a store without `sealed` left: two states, a closed run, an open run, a torn line."""
    store = MemoryStore(medium)
    lease = store.acquire(lease_info())
    version = store.commit(state(1), expected=None, lease=lease)
    store.commit(state(2, "run-1"), expected=version, lease=lease)
    store.append("run-1", [head("run-1", 1)], lease=lease)
    store.archive("run-1", lease=lease)
    store.append("run-2", [head("run-2", 2)], lease=lease)
    medium.logs["run-2"] += b'{"seq":2,"pr'
    lease.release()
    return store


def seal(store: SealedStore) -> None:
    lease = store.acquire(lease_info())
    seal_store(store, lease=lease)
    lease.release()


def test_a_plain_state_is_sealed_on_a_person_s_word_only(
    opened, plain: MemoryStore, medium: Medium
) -> None:
    before = (list(medium.states), dict(medium.logs))
    refused = (
        lambda store: store.load(),
        lambda store: store.read_log("run-2"),
        lambda store: commit(store, state(3, "run-1")),
        lambda store: run(store, "run-3", 2),
    )
    for ask in refused:
        with pytest.raises(StateError, match=r"is not sealed, and `keyplan\.state` says") as caught:
            ask(opened())
        assert "keyplan state rekey --sealed" in caught.value.advice
        MemoryStore(medium).break_lease()
    assert (medium.states, medium.logs) == before
    seal(opened())
    assert CANARY not in medium.states[-1]
    store = opened()
    found = store.load()
    assert found is not None
    lease = store.acquire(lease_info())
    journal = head("run-2", 2) + b"\n"
    assert store.read_log("run-2") == journal + b'{"seq":2,"pr'
    store.truncate_log("run-2", len(journal), lease=lease)
    store.append("run-2", [CANARY], lease=lease)
    store.commit(state(3, "run-1", "run-2"), expected=found.version, lease=lease)
    store.archive("run-2", lease=lease)
    again = opened()
    assert again.read_log("run-1") == head("run-1", 1) + b"\n"
    assert again.read_log("run-2") == journal + CANARY + b"\n"
    assert CANARY not in medium.logs["run-2"]
    serials = [decode_state(again.content(v) or b"").serial for v in again.versions()]
    assert serials == [1, 2, 2, 3]


def test_a_stack_with_journals_and_no_state_is_sealed_too(opened, medium: Medium) -> None:
    """Its first run died before `sealed` was added."""
    medium.logs["run-1"] = head("run-1", 0) + b"\n"
    with pytest.raises(StateError, match="the journal is not sealed"):
        commit(opened(), state(1, "run-1"))
    MemoryStore(medium).break_lease()
    seal(opened())
    assert opened().read_log("run-1") == head("run-1", 0) + b"\n"


def test_what_this_machine_saw_sealed_is_not_sealed_again(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    medium.states.append(state(2))
    medium.logs.clear()
    with pytest.raises(StateError, match="was sealed before"):
        seal(opened())
    assert medium.logs == {}


def test_a_machine_that_never_saw_the_state_says_so(
    opened, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    commit(opened(), state(4))
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}
    with caplog.at_level(logging.WARNING):
        assert opened().load() is not None
        assert caplog.text == ""
        assert opened(**elsewhere).load() is not None
        assert "serial 4 is taken for the newest" in caplog.text
        caplog.clear()
        assert opened(**elsewhere).load() is not None
    assert caplog.text == ""


def test_a_torn_line_from_before_is_cut_off_after_sealing(opened, plain, medium: Medium) -> None:
    seal(opened())
    commit(opened(), state(3, "run-1"))
    store = opened()
    lease = store.acquire(lease_info())
    journal = head("run-2", 2) + b"\n"
    store.truncate_log("run-2", len(journal), lease=lease)
    store.append("run-2", [b"two"], lease=lease)
    assert opened().read_log("run-2") == journal + b"two\n"


def test_a_plain_state_put_into_a_sealed_store_is_refused(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    medium.states.append(state(2))
    with pytest.raises(StateError, match="was sealed before"):
        opened().load()
    medium.logs.clear()
    with pytest.raises(StateError, match="was sealed before"):
        opened().load()


def test_a_plain_journal_that_was_changed_is_refused(opened, plain, medium: Medium) -> None:
    seal(opened())
    commit(opened(), state(3, "run-1"))
    medium.logs["run-1"] = medium.logs["run-1"].replace(b'"serial": 1', b'"serial": 0')
    with pytest.raises(JournalError, match="from before the store was sealed"):
        opened().read_log("run-1")
    medium.logs["run-3"] = head("run-3", 3) + b"\n"
    with pytest.raises(JournalError, match="not a sealed line"):
        opened().read_log("run-3")


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("nth", [1, 2])
def test_sealing_a_plain_state_survives_a_crash(
    opened, plain, medium: Medium, nth: int, moment: Moment
) -> None:
    store = opened()
    store.inner = MemoryStore(medium, crash=CrashPoint(nth, moment))
    store.rings._store = store.inner
    with pytest.raises(SimulatedCrash):
        seal(store)
    MemoryStore(medium).break_lease()
    seal(opened())
    assert CANARY not in medium.states[-1]
    assert opened().load() is not None
    commit(opened(), state(4, "run-1"))
    found = opened().load()
    assert found is not None
    assert decode_state(found.content).serial == 4


def test_a_sealed_state_without_sealed_is_explained(opened, medium: Medium) -> None:
    run(opened(), "run-1", 0, closed=False)
    commit(opened(), state(1))
    with pytest.raises(StateError, match="the state is sealed") as caught:
        load_snapshot(MemoryStore(medium), new_lineage=lambda: "x")
    assert "`sealed`" in caught.value.advice


def test_going_back_to_plain_and_sealing_again(opened, medium: Medium) -> None:
    commit(opened(), state(1))
    store = opened()
    lease = store.acquire(lease_info())
    unseal_store(store, lease=lease)
    lease.release()
    snapshot = load_snapshot(MemoryStore(medium), new_lineage=lambda: "x")
    assert (snapshot.state.serial, snapshot.open_run) == (1, None)
    assert opened().load() is not None  # with `sealed` still there
    inner = MemoryStore(medium)
    lease = inner.acquire(lease_info())
    inner.commit(state(2), expected=snapshot.version, lease=lease)
    lease.release()
    commit(opened(), state(3))
    assert CANARY not in medium.states[-1]
    serials = [decode_state(opened().content(v) or b"").serial for v in opened().versions()]
    assert serials == [1, 1, 2, 3]


def test_a_plain_journal_from_plain_times_is_read_when_sealed_comes_back(
    opened, medium: Medium
) -> None:
    run(opened(), "run-1", 0)
    commit(opened(), state(1, "run-1"))
    store = opened()
    lease = store.acquire(lease_info())
    unseal_store(store, lease=lease)
    lease.release()
    medium.logs["run-2"] = head("run-2", 1) + b"\n"  # a run without `sealed` that died

    assert opened().read_log("run-2") == head("run-2", 1) + b"\n"
    assert opened().read_log("run-1").count(CANARY) == 1
    lease = (store := opened()).acquire(lease_info())
    store.append("run-2", [CANARY], lease=lease)
    assert opened().read_log("run-2") == head("run-2", 1) + b"\n" + CANARY + b"\n"


def test_a_ring_of_plain_times_that_is_put_back_admits_no_plain_state(
    opened, medium: Medium
) -> None:
    commit(opened(), state(1))
    store = opened()
    lease = store.acquire(lease_info())
    unseal_store(store, lease=lease)
    lease.release()
    retired = medium.logs["keyring-0001"]
    commit(opened(), state(2))  # sealed again

    medium.logs["keyring-0001"] = retired
    medium.states.append(state(3))
    with pytest.raises(StateError, match="was sealed before"):
        opened().load()


# -- another secret ----------------------------------------------------------------------


def _rekey(store: SealedStore, new: Opener) -> None:
    lease = store.acquire(lease_info())
    rekey_store(store, new, lease=lease)
    lease.release()


def _filled(store: SealedStore) -> None:
    run(store, "run-1", 0)
    commit(store, state(1, "run-1"))
    commit(store, state(2, "run-1"))
    run(store, "run-2", 2, closed=False)


def _reads_all(store: SealedStore) -> None:
    found = store.load()
    assert found is not None
    assert decode_state(found.content).serial == 2
    for version in store.versions():
        assert CANARY in (store.content(version) or b"")
    for log in ("run-1", "run-2"):
        assert store.read_log(log).count(CANARY) == 1


def test_the_new_secret_opens_everything_and_the_old_one_nothing(
    opened, medium: Medium, tmp_path: Path
) -> None:
    _filled(opened())
    new = key_file(tmp_path, "new.key", 9)
    _rekey(opened(), new)
    _reads_all(opened(new))
    for ask in (lambda store: store.load(), lambda store: store.read_log("run-1")):
        with pytest.raises(StoreError, match="does not open"):
            ask(opened())
    assert medium.logs["keyring-0001"] == b""
    store = opened(new)
    lease = store.acquire(lease_info())
    store.append("run-2", [b"more"], lease=lease)
    assert opened(new).read_log("run-2").endswith(b"\nmore\n")


def test_a_new_secret_that_is_bad_changes_nothing(opened, medium: Medium) -> None:
    _filled(opened())
    before = everything(medium)
    short = Opener(SecretReference(env="P"), environment={"P": "short"})
    with pytest.raises(StoreError, match="too short"):
        _rekey(opened(), short)
    assert everything(medium) == before


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("nth", range(1, 5))
def test_rekey_killed_at_every_durable_write(
    opened, medium: Medium, tmp_path: Path, nth: int, moment: Moment
) -> None:
    """The old secret opens everything until the new one does; the next write finishes it."""
    _filled(opened())
    new = key_file(tmp_path, "new.key", 9)
    store = opened()
    store.inner = MemoryStore(medium, crash=CrashPoint(nth, moment))
    store.rings._store = store.inner
    with pytest.raises(SimulatedCrash):
        _rekey(store, new)
    MemoryStore(medium).break_lease()
    working = []
    for opener in (None, new):
        try:
            _reads_all(opened(opener))
        except StateError:
            continue
        working.append(opener)
    assert working
    assert (new in working) == (nth > 1 or moment is Moment.AFTER)
    if new in working:
        commit(opened(new), state(2, "run-1"))
    newer = key_file(tmp_path, "newer.key", 10)
    _rekey(opened(working[-1]), newer)
    _reads_all(opened(newer))
    for opener in (None, new):
        with pytest.raises(StoreError, match="does not open"):
            opened(opener).load()


def test_the_old_secret_never_opens_the_new_key(opened, medium: Medium, tmp_path: Path) -> None:
    """Whoever kept every byte of the store, emptied rings too, reads what was there before."""
    _filled(opened())
    before = dict(medium.logs)
    _rekey(opened(), new := key_file(tmp_path, "new.key", 9))
    commit(opened(new), state(3, "run-1"))
    medium.logs = before | {"keyring-0002": b""}
    medium.archived.discard("keyring-0001")
    stolen = SealedStore(MemoryStore(medium), key_file(tmp_path), HighWater(None, ""))
    with pytest.raises(StateError, match="key ring does not have"):
        stolen.load()
    assert CANARY in (stolen.content(stolen.versions()[0]) or b"")


def test_rekey_has_that_many_durable_writes(opened, medium: Medium, tmp_path: Path) -> None:
    """So that the test above kills at every one."""
    _filled(opened())
    store = opened()
    _rekey(store, key_file(tmp_path, "new.key", 9))
    assert store.inner.writes == 4


def test_a_reader_notices_a_rekey_beside_it(opened, tmp_path: Path) -> None:
    _filled(opened())
    reader = opened()
    assert reader.load() is not None
    lease = (store := opened()).acquire(lease_info())
    rekey_store(store, key_file(tmp_path), lease=lease)  # the same secret, a new key
    lease.release()
    assert reader.load() is not None


# -- secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, opened, mode: int) -> None:
    opener = key_file(tmp_path)
    (tmp_path / "state.key").chmod(mode)
    with pytest.raises(StoreError, match=f"mode 0{mode:o}"):
        commit(opened(opener), state(1))


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"0" * 64])
def test_a_key_file_of_another_size_is_refused(tmp_path: Path, opened, content: bytes) -> None:
    opener = key_file(tmp_path)
    (tmp_path / "state.key").write_bytes(content)
    with pytest.raises(StoreError, match="exactly 32 bytes"):
        commit(opened(opener), state(1))


def test_a_secret_that_is_nowhere_is_named(tmp_path: Path, opened) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        commit(opened(Opener(key_file=tmp_path / "nowhere")), state(1))
    with pytest.raises(StoreError, match="NOT_SET_HERE"):
        Opener(SecretReference(env="NOT_SET_HERE")).new(bytes(16))


def test_a_passphrase_is_derived_once(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    from keyplan.state import unlocking  # noqa: PLC0415

    real = unlocking._derive
    monkeypatch.setattr(unlocking, "_derive", lambda *a: calls.append(1) or real(*a))
    store = opened(Opener(SecretReference(env="P"), environment={"P": "a long passphrase"}))
    _filled(store)
    _reads_all(store)
    assert len(calls) == 1


def test_two_stores_unlock_at_once(medium: Medium) -> None:
    """OpenSSL's Argon2 waits for ever if two calls share its threads."""
    secrets = [
        Opener(SecretReference(env="P"), environment={"P": f"a long passphrase {number}"})
        for number in range(4)
    ]
    threads = [threading.Thread(target=secret.new, args=(bytes(16),)) for secret in secrets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_where_the_library_lacks_argon2_scrypt_is_used(
    opened, medium: Medium, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    from keyplan.state import unlocking  # noqa: PLC0415

    def missing(*args: object, **kwargs: object) -> None:
        raise UnsupportedAlgorithm("no Argon2 here")

    monkeypatch.setattr(unlocking, "Argon2id", missing)
    secret = Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})
    commit(opened(secret), state(1))
    assert b'"scrypt"' in medium.logs["keyring-0001"]
    assert opened(replace(secret, _derived={})).load() is not None


def test_no_secret_is_in_what_is_printed(tmp_path: Path, opened) -> None:
    secret = Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})
    store = opened(secret)
    commit(store, state(1))
    shown = repr(secret) + str(secret) + repr(store.ring())
    assert "a long passphrase" not in shown
    assert store.ring().root.hex() not in shown
    assert repr(store.ring().root) not in shown
