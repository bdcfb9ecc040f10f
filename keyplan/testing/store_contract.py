"""The contract of a store, as tests: one for each must of `keyplan.sdk.store`.

An author of a store subclasses it and says how a store is opened:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

Rules: `make_store` opens the same place each time it is called, empty at the beginning of
each test; `tear` adds bytes to a log as a crash would leave them, where that can happen.
`laxities` maps names of tests that an emulator is known to fail to the reason: those must
then fail, so that the list cannot grow old.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar, TypeAlias

import pytest

from keyplan.errors import BusyError, StateConflictError
from keyplan.sdk.store import Lease, LeaseInfo, Store

StoreFactory: TypeAlias = Callable[[], Store]
Tear: TypeAlias = Callable[[str, bytes], None]

_SINCE = datetime(2027, 1, 1, 12, tzinfo=UTC)


def lease_info(number: int = 1) -> LeaseInfo:
    """Somebody who wants to write; another number is somebody else."""
    return LeaseInfo(f"lease-{number}", f"user{number}@host", "apply", _SINCE)


class StoreContract:
    """Subclass it, and override `make_store`."""

    laxities: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def make_store(self) -> StoreFactory:
        """Opens the store under test, at one place for the whole test."""
        raise NotImplementedError("override make_store")

    @pytest.fixture
    def tear(self) -> Tear | None:
        """Adds bytes to a log behind the store's back; `None` where no log can be torn."""
        return None

    @pytest.fixture(autouse=True)
    def _known_laxities(self, request: pytest.FixtureRequest) -> None:
        name = getattr(request.node, "originalname", request.node.name)
        if reason := self.laxities.get(name):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def store(self, make_store: StoreFactory) -> Store:
        """An empty store."""
        return make_store()

    @pytest.fixture
    def lease(self, store: Store) -> Lease:
        """The right to write to it."""
        return store.acquire(lease_info())

    # -- the state -----------------------------------------------------------------------

    def test_describe_is_one_line(self, store: Store) -> None:
        """People are told where a state is."""
        assert store.describe().strip()
        assert "\n" not in store.describe()

    def test_empty_store_has_nothing(self, store: Store) -> None:
        """Reading needs no lease, and finds nothing where nothing was written."""
        assert store.load() is None
        assert store.previous() is None
        assert store.holder() is None
        assert list(store.open_logs()) == []
        assert store.read_log("run-1") == b""

    def test_commit_is_loaded_by_others(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """What was committed is there, byte for byte, for whoever opens the store."""
        content = bytes(range(256)) * 100
        version = store.commit(content, expected=None, lease=lease)
        blob = make_store().load()
        assert blob is not None
        assert (blob.content, blob.version) == (content, version)

    def test_commit_replaces_the_expected_version(self, store: Store, lease: Lease) -> None:
        """Each content has a version of its own."""
        first = store.commit(b"one", expected=None, lease=lease)
        second = store.commit(b"two", expected=first, lease=lease)
        blob = store.load()
        assert second != first
        assert blob is not None
        assert (blob.content, blob.version) == (b"two", second)

    @pytest.mark.parametrize("expected", [None, "no-such-version", ""])
    def test_commit_refuses_another_version(
        self, store: Store, lease: Lease, expected: str | None
    ) -> None:
        """Compare-and-swap: a state that changed meanwhile is never overwritten."""
        store.commit(b"one", expected=None, lease=lease)
        with pytest.raises(StateConflictError):
            store.commit(b"two", expected=expected, lease=lease)
        blob = store.load()
        assert blob is not None
        assert blob.content == b"one"

    def test_commit_refuses_a_version_before(self, store: Store, lease: Lease) -> None:
        """The version before the present one is as stale as any."""
        first = store.commit(b"one", expected=None, lease=lease)
        second = store.commit(b"two", expected=first, lease=lease)
        with pytest.raises(StateConflictError):
            store.commit(b"three", expected=first, lease=lease)
        blob = store.load()
        assert blob is not None
        assert blob.version == second

    def test_commit_expects_nothing_on_an_empty_store(self, store: Store, lease: Lease) -> None:
        """Expecting a version where there is none is a conflict too: the state vanished."""
        with pytest.raises(StateConflictError):
            store.commit(b"one", expected="some-version", lease=lease)
        assert store.load() is None

    def test_previous_is_the_version_before(self, store: Store, lease: Lease) -> None:
        """The state before the present one stays retrievable."""
        first = store.commit(b"one", expected=None, lease=lease)
        assert store.previous() is None
        second = store.commit(b"two", expected=first, lease=lease)
        before = store.previous()
        assert before is not None
        assert (before.content, before.version) == (b"one", first)
        store.commit(b"three", expected=second, lease=lease)
        before = store.previous()
        assert before is not None
        assert before.content == b"two"

    # -- the lease -----------------------------------------------------------------------

    def test_lease_shows_its_holder(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Everybody can see who writes."""
        assert lease.info == lease_info()
        assert store.holder() == lease_info()
        assert make_store().holder() == lease_info()

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
        assert store.holder() == lease_info(2)
        other.check()

    def test_acquire_waits(self, lease: Lease, make_store: StoreFactory) -> None:
        """Within the timeout, a lease that becomes free is taken."""
        timer = threading.Timer(0.05, lease.release)
        timer.start()
        other = make_store().acquire(lease_info(2), timeout=30.0)
        timer.join()
        assert other.info == lease_info(2)
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

    @pytest.mark.parametrize("taken_over", [False, True], ids=["released", "taken over"])
    def test_lost_lease_writes_nothing(
        self, store: Store, lease: Lease, *, taken_over: bool
    ) -> None:
        """No write of any kind without the lease: somebody else may be writing."""
        version = store.commit(b"one", expected=None, lease=lease)
        store.append("run-1", [b"line"], lease=lease)
        lease.release()
        if taken_over:
            store.acquire(lease_info(2))
        with pytest.raises(BusyError):
            lease.check()
        with pytest.raises(BusyError):
            store.commit(b"two", expected=version, lease=lease)
        with pytest.raises(BusyError):
            store.append("run-1", [b"more"], lease=lease)
        with pytest.raises(BusyError):
            store.truncate_log("run-1", 0, lease=lease)
        with pytest.raises(BusyError):
            store.archive("run-1", lease=lease)
        blob = store.load()
        assert blob is not None
        assert blob.content == b"one"
        assert store.read_log("run-1") == b"line\n"
        assert list(store.open_logs()) == ["run-1"]

    # -- logs ----------------------------------------------------------------------------

    def test_appended_lines_keep_their_order(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """A log is every line of every append, in order, each with a line end."""
        lines = [f"line {number} äöü".encode() for number in range(1000)]
        store.append("run-1", lines[:1], lease=lease)
        store.append("run-1", lines[1:], lease=lease)
        assert make_store().read_log("run-1") == b"".join(line + b"\n" for line in lines)

    def test_logs_are_apart(self, store: Store, lease: Lease) -> None:
        """Each log has its own lines."""
        store.append("run-1", [b"one"], lease=lease)
        store.append("run-2", [b"two"], lease=lease)
        assert sorted(store.open_logs()) == ["run-1", "run-2"]
        assert store.read_log("run-1") == b"one\n"
        assert store.read_log("run-2") == b"two\n"

    def test_torn_line_is_returned_and_cut_off(
        self, store: Store, lease: Lease, tear: Tear | None
    ) -> None:
        """What a crash left is shown as it is; truncating discards it and appending goes on."""
        if tear is None:
            pytest.skip("a log of this store cannot be torn")
        store.append("run-1", [b"one", b"two"], lease=lease)
        tear("run-1", b"thr")
        assert store.read_log("run-1") == b"one\ntwo\nthr"
        store.truncate_log("run-1", len(b"one\ntwo\n"), lease=lease)
        store.append("run-1", [b"four"], lease=lease)
        assert store.read_log("run-1") == b"one\ntwo\nfour\n"

    def test_truncated_log_stays_open(self, store: Store, lease: Lease) -> None:
        """Cutting back to any line, the very first included, loses only what follows."""
        store.append("run-1", [b"one", b"two"], lease=lease)
        store.truncate_log("run-1", len(b"one\n"), lease=lease)
        assert store.read_log("run-1") == b"one\n"
        store.truncate_log("run-1", 0, lease=lease)
        assert store.read_log("run-1") == b""
        store.append("run-1", [b"again"], lease=lease)
        assert store.read_log("run-1") == b"again\n"

    def test_archived_log_is_readable_and_not_open(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Runs that ended can be explained, and nobody is asked to resume them."""
        store.append("run-1", [b"one"], lease=lease)
        store.append("run-2", [b"two"], lease=lease)
        store.archive("run-1", lease=lease)
        assert list(make_store().open_logs()) == ["run-2"]
        assert make_store().read_log("run-1") == b"one\n"

    def test_state_and_logs_are_apart(self, store: Store, lease: Lease) -> None:
        """A commit leaves logs as they are, and archiving the state."""
        store.append("run-1", [b"one"], lease=lease)
        store.commit(b"state", expected=None, lease=lease)
        store.archive("run-1", lease=lease)
        blob = store.load()
        assert blob is not None
        assert blob.content == b"state"
        assert store.read_log("run-1") == b"one\n"
