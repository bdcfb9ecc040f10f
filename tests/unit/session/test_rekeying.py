"""Another secret for a sealed store: the new one opens everything, the old one nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.errors import StateError, StoreError
from keyplan.model.secrets import SecretReference
from keyplan.session.high_water import HighWater
from keyplan.session.rekeying import rekey_store
from keyplan.session.sealed import SealedStore
from keyplan.state.unlocking import Opener
from keyplan.testing.faults import SimulatedCrash
from keyplan.testing.memory_store import CrashPoint, Medium, MemoryStore, Moment
from keyplan.testing.store_contract import lease_info
from tests.unit.session.sealing import (
    CANARY,
    commit,
    everything,
    filled,
    key_file,
    reads_all,
    state,
)


def _rekey(store: SealedStore, new: Opener) -> None:
    lease = store.acquire(lease_info())
    rekey_store(store, new, lease=lease)
    lease.release()


def test_the_new_secret_opens_everything_and_the_old_one_nothing(
    opened, medium: Medium, tmp_path: Path
) -> None:
    filled(opened())
    new = key_file(tmp_path, "new.key", 9)
    _rekey(opened(), new)
    reads_all(opened(new))
    for ask in (lambda store: store.load(), lambda store: store.read_log("run-1")):
        with pytest.raises(StoreError, match="does not open"):
            ask(opened())
    assert medium.logs["keyring-0001"] == b""
    store = opened(new)
    lease = store.acquire(lease_info())
    store.append("run-2", [b"more"], lease=lease)
    assert opened(new).read_log("run-2").endswith(b"\nmore\n")


def test_a_new_secret_that_is_bad_changes_nothing(opened, medium: Medium) -> None:
    filled(opened())
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
    filled(opened())
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
            reads_all(opened(opener))
        except StateError:
            continue
        working.append(opener)
    assert working
    assert (new in working) == (nth > 1 or moment is Moment.AFTER)
    if new in working:
        commit(opened(new), state(2, "run-1"))
    newer = key_file(tmp_path, "newer.key", 10)
    _rekey(opened(working[-1]), newer)
    reads_all(opened(newer))
    for opener in (None, new):
        with pytest.raises(StoreError, match="does not open"):
            opened(opener).load()


def test_the_old_secret_never_opens_the_new_key(opened, medium: Medium, tmp_path: Path) -> None:
    """Whoever kept every byte of the store, emptied rings too, reads what was there before."""
    filled(opened())
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
    filled(opened())
    store = opened()
    _rekey(store, key_file(tmp_path, "new.key", 9))
    assert store.inner.writes == 4


def test_a_reader_notices_a_rekey_beside_it(opened, tmp_path: Path) -> None:
    filled(opened())
    reader = opened()
    assert reader.load() is not None
    lease = (store := opened()).acquire(lease_info())
    rekey_store(store, key_file(tmp_path), lease=lease)  # the same secret, a new key
    lease.release()
    assert reader.load() is not None
