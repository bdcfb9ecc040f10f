"""The contract of a store's lease: one holder, shown to all, and no write without it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from keyplan.errors import BusyError, StoreError
from keyplan.sdk.store import Lease, Store
from keyplan.testing.store_fixtures import (
    Expire,
    StoreFactory,
    StoreFixtures,
    lease_info,
    who,
)


class LeaseContract(StoreFixtures):
    """Part of `keyplan.testing.store_contract.StoreContract`."""

    def test_lease_shows_its_holder(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Everybody can see who writes."""
        assert who(lease.info) == lease_info()
        assert who(store.holder()) == lease_info()
        assert who(make_store().holder()) == lease_info()

    @pytest.mark.usefixtures("lease")
    def test_second_holder_is_refused_by_name(self, make_store: StoreFactory) -> None:
        """Whoever is refused is told who holds the lease."""
        with pytest.raises(BusyError, match="user1@host"):
            make_store().acquire(lease_info(2))

    def test_lease_is_free_after_release(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Releasing is idempotent, and lets the next one in."""
        lease.release()
        lease.release()
        assert store.holder() is None
        other = make_store().acquire(lease_info(2))
        lease.release()
        assert who(store.holder()) == lease_info(2)
        other.check()

    def test_acquire_waits(self, lease: Lease, make_store: StoreFactory) -> None:
        """Within the timeout, a lease that becomes free is taken."""
        timer = threading.Timer(0.05, lease.release)
        timer.start()
        other = make_store().acquire(lease_info(2), timeout=30.0)
        timer.join()
        assert who(other.info) == lease_info(2)
        other.check()

    def test_one_of_many_acquires(self, make_store: StoreFactory) -> None:
        """However many try at once, one holds the lease."""

        def attempt(number: int) -> Lease | None:
            with suppress(BusyError):
                return make_store().acquire(lease_info(number))
            return None

        with ThreadPoolExecutor(8) as pool:
            held = [lease for lease in pool.map(attempt, range(8)) if lease]
        assert len(held) == 1
        held[0].check()

    def test_reading_needs_no_lease(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """A plan can be made while somebody applies."""
        store.commit(b"one", expected=None, lease=lease)
        store.append("run-1", [b"line"], lease=lease)
        reader = make_store()
        blob = reader.load()
        assert blob is not None
        assert blob.content == b"one"
        assert reader.read_log("run-1") == b"line\n"
        assert list(reader.open_logs()) == ["run-1"]

    # -- losing it -----------------------------------------------------------------------

    @pytest.mark.parametrize("lost", ["released", "taken over", "unlocked", "unlocked and taken"])
    def test_lost_lease_writes_nothing(
        self, store: Store, lease: Lease, make_store: StoreFactory, lost: str
    ) -> None:
        """No write of any kind without the lease: somebody else may be writing."""
        version = _begun(store, lease)
        if lost.startswith("unlocked"):
            make_store().unlock(lease.info.id)
        else:
            lease.release()
        if lost in {"taken over", "unlocked and taken"}:
            make_store().acquire(lease_info(2))
        _cannot_write(store, lease, version)

    def test_expired_lease_is_free_and_writes_nothing(
        self, store: Store, lease: Lease, make_store: StoreFactory, expire: Expire | None
    ) -> None:
        """A dead runner frees itself; a paused one that wakes up cannot write."""
        other = _other_sees(make_store, expire)
        version = _begun(store, lease)
        assert who(other.holder()) == lease_info()
        assert expire is not None
        expire()
        assert other.holder() is None
        _cannot_write(store, lease, version)
        taken = other.acquire(lease_info(2))
        _cannot_write(store, lease, version)
        lease.release()
        taken.check()
        assert who(other.holder()) == lease_info(2)
        other.append("run-1", [b"two"], lease=taken)
        other.commit(b"two", expected=version, lease=taken)
        _cannot_write(store, lease, version, log=b"one\ntwo\n", state=b"two")

    def test_holder_is_shown_with_the_end_of_its_lease(
        self, store: Store, lease: Lease, make_store: StoreFactory, expire: Expire | None
    ) -> None:
        """Whoever waits can see until when, where leases end."""
        _other_sees(make_store, expire)
        for info in (lease.info, store.holder(), make_store().holder()):
            assert info is not None
            assert info.expires_at is not None
            assert info.expires_at.tzinfo is not None

    def test_acquire_waits_for_the_end_of_a_dead_holder(
        self, lease: Lease, make_store: StoreFactory, expire: Expire | None
    ) -> None:
        """Waiting helps against a holder that will never give back."""
        other = _other_sees(make_store, expire)
        with pytest.raises(BusyError):
            other.acquire(lease_info(2))
        assert expire is not None
        expire()
        other.acquire(lease_info(2), timeout=30.0).check()
        with pytest.raises(BusyError):
            lease.check()

    # -- unlocking -----------------------------------------------------------------------

    def test_unlock_needs_the_right_id(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Whoever looked too long ago does not take the lease from somebody else."""
        with pytest.raises(BusyError, match=lease.info.id):
            make_store().unlock("another-id")
        lease.check()
        assert who(store.holder()) == lease_info()

    def test_unlock_needs_a_holder(self, store: Store, make_store: StoreFactory) -> None:
        """There is nothing to unlock: said, and nothing is made."""
        with pytest.raises(StoreError):
            store.unlock("lease-1")
        store.acquire(lease_info()).release()
        with pytest.raises(StoreError):
            make_store().unlock("lease-1")

    def test_unlocked_lease_is_free_for_others(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Somebody else goes on; what the first holder does later harms nobody."""
        make_store().unlock(lease.info.id)
        assert store.holder() is None
        other = make_store().acquire(lease_info(2))
        with pytest.raises(BusyError):
            lease.check()
        lease.release()
        other.check()
        assert who(store.holder()) == lease_info(2)


def _other_sees(make_store: StoreFactory, expire: Expire | None) -> Store:
    """Another process that has seen the holder alive; skips where leases have no end."""
    if expire is None:
        pytest.skip("leases of this store do not end by themselves")
    other = make_store()
    other.holder()
    return other


def _begun(store: Store, lease: Lease) -> str:
    """A state and an open journal; returns the state's version."""
    store.append("run-1", [b"one"], lease=lease)
    return store.commit(b"one", expected=None, lease=lease)


def _cannot_write(
    store: Store, lease: Lease, version: str, *, log: bytes = b"one\n", state: bytes = b"one"
) -> None:
    with pytest.raises(BusyError):
        lease.check()
    with pytest.raises(BusyError):
        store.commit(b"stale", expected=version, lease=lease)
    with pytest.raises(BusyError):
        store.append("run-1", [b"more"], lease=lease)
    with pytest.raises(BusyError):
        store.append("run-2", [b"more"], lease=lease)
    with pytest.raises(BusyError):
        store.truncate_log("run-1", 0, lease=lease)
    with pytest.raises(BusyError):
        store.archive("run-1", lease=lease)
    blob = store.load()
    assert blob is not None
    assert blob.content == state
    assert store.read_log("run-1") == log
    assert list(store.open_logs()) == ["run-1"]
