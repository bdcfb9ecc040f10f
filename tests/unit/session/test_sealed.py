"""A sealed store against whoever can write to the store: nothing is read, forged or put back."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.errors import JournalError, StateError, StoreError
from keyplan.model.secrets import SecretReference
from keyplan.sdk.store import Blob
from keyplan.session.high_water import ACCEPT, HighWater
from keyplan.session.sealed import SealedStore
from keyplan.state.codec import decode_state
from keyplan.state.unlocking import Opener
from keyplan.testing.memory_store import Medium, MemoryStore
from keyplan.testing.store_contract import lease_info
from tests.unit.session.sealing import CANARY, commit, everything, key_file, run, state

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
