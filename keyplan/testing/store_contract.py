"""The contract of a store, as tests: one for each must of `keyplan.sdk.store`.

An author of a store subclasses it and says how a store is opened:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

`keyplan.testing.store_fixtures` says what else can be overridden.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from keyplan.errors import StateConflictError, StoreError
from keyplan.sdk.store import Lease, Store
from keyplan.testing.store_fixtures import Expire, StoreFactory, Tear, lease_info
from keyplan.testing.store_lease_contract import LeaseContract

__all__ = ["Expire", "StoreContract", "StoreFactory", "Tear", "lease_info"]


class StoreContract(LeaseContract):
    """Subclass it, and override `make_store`."""

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

    def test_versions_are_kept_in_order(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Every committed state can be returned to: oldest first, the present one last."""
        assert list(store.versions()) == []
        contents = [bytes([number]) * 300 for number in (7, 255, 0, 10)]
        version: str | None = None
        committed = []
        for content in contents:
            version = store.commit(content, expected=version, lease=lease)
            committed.append(version)
            assert list(store.versions()) == committed
        other = make_store()
        assert list(other.versions()) == committed
        assert [other.content(version) for version in committed] == contents

    @pytest.mark.parametrize("version", ["", "no-such-version", "../x", "é", "0" * 64])
    def test_what_was_never_committed_is_nothing(
        self, store: Store, lease: Lease, version: str
    ) -> None:
        """A version is a name that the store gave, and no other."""
        assert store.content(version) is None
        first = store.commit(b"one", expected=None, lease=lease)
        store.commit(b"two", expected=first, lease=lease)
        assert store.content(version) is None

    def test_refused_commit_is_no_version(self, store: Store, lease: Lease) -> None:
        """What lost against somebody else was never a state."""
        first = store.commit(b"one", expected=None, lease=lease)
        with pytest.raises(StateConflictError):
            store.commit(b"two", expected=None, lease=lease)
        assert list(store.versions()) == [first]

    def test_one_of_many_commits(self, store: Store, lease: Lease) -> None:
        """However many replace the same version at once, one does, and the rest are told."""
        first = store.commit(b"first", expected=None, lease=lease)

        def attempt(number: int) -> str | None:
            with suppress(StateConflictError):
                return store.commit(b"%d" % number, expected=first, lease=lease)
            return None

        with ThreadPoolExecutor(16) as pool:
            won = [version for version in pool.map(attempt, range(16)) if version]
        assert len(won) == 1
        assert list(store.versions()) == [first, *won]

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

    def test_closed_logs_are_listed_in_order(
        self, store: Store, lease: Lease, make_store: StoreFactory
    ) -> None:
        """Names of runs sort by time, whenever they were closed."""
        assert list(store.closed_logs()) == []
        for log in ("run-1", "run-2", "run-3"):
            store.append(log, [b"one"], lease=lease)
        for log in ("run-3", "run-1"):
            store.archive(log, lease=lease)
        assert list(make_store().closed_logs()) == ["run-1", "run-3"]
        assert list(make_store().open_logs()) == ["run-2"]
        assert store.read_log("run-3") == b"one\n"

    def test_closed_log_stays_as_it_was(self, store: Store, lease: Lease) -> None:
        """Closing twice is closing once, and nothing is added to what is closed."""
        store.append("run-1", [b"one"], lease=lease)
        store.archive("run-1", lease=lease)
        store.archive("run-1", lease=lease)
        with pytest.raises(StoreError):
            store.append("run-1", [b"two"], lease=lease)
        assert store.read_log("run-1") == b"one\n"
