"""From plain to sealed and back: on a person's word only, and whatever dies in between."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from keyplan.errors import JournalError, StateError
from keyplan.session.rekeying import seal_store, unseal_store
from keyplan.session.sealed import SealedStore
from keyplan.state.codec import decode_state
from keyplan.state.snapshot import load_snapshot
from keyplan.testing.faults import SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Medium, MemoryStore, Moment
from keyplan.testing.store_contract import lease_info
from tests.unit.session.sealing import CANARY, commit, head, run, state


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
