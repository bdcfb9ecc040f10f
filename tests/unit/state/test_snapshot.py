from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from keyplan.errors import JournalError, StateError
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.fold import CLOSED_RUNS
from keyplan.state.journal import JournalWriter
from keyplan.state.snapshot import archive_closed_runs, commit_state, load_snapshot
from tests.unit.state import samples


@dataclass
class Blob:
    content: bytes
    version: str


@dataclass
class Store:
    """Bytes in memory. Nothing but what snapshots need."""

    blob: Blob | None = None
    logs: dict[str, bytes] = field(default_factory=dict)
    archived: list[str] = field(default_factory=list)
    closed: dict[str, bytes] = field(default_factory=dict)

    def load(self) -> Blob | None:
        return self.blob

    def open_logs(self) -> list[str]:
        return sorted(self.logs)

    def closed_logs(self) -> list[str]:
        return sorted(self.closed)

    def read_log(self, log: str) -> bytes:
        return {**self.closed, **self.logs}[log]

    def append(self, log: str, lines, *, lease: str) -> None:
        self.logs[log] = self.logs.get(log, b"") + b"".join(line + b"\n" for line in lines)

    def archive(self, log: str, *, lease: str) -> None:
        del self.logs[log]
        self.archived.append(log)

    def commit(self, content: bytes, *, expected: str | None, lease: str) -> str:
        assert expected == (self.blob and self.blob.version)
        self.blob = Blob(content, f"v{len(content)}")
        return self.blob.version


RUNS = [f"20270101T1200{number:02}Z-{number:08x}" for number in range(10)]
"""Names of runs; the first ones come first by the clock that is in them."""


def holding(state) -> Store:
    return Store(Blob(encode_state(state, keyplan_version="0.1.0"), "v1"))


def snapshot_of(store: Store):
    return load_snapshot(store, new_lineage=lambda: "fresh")


def test_committed_state_is_loaded_with_its_version() -> None:
    snapshot = snapshot_of(holding(samples.full_state()))
    assert snapshot.state == samples.full_state()
    assert (snapshot.version, snapshot.open_run) == ("v1", None)


def test_empty_store_gives_an_empty_state_of_a_new_lineage() -> None:
    snapshot = snapshot_of(Store())
    assert (snapshot.state.lineage, snapshot.state.serial) == ("fresh", 0)
    assert snapshot.state.resources == {}
    assert (snapshot.version, snapshot.open_run) == (None, None)


def test_lineage_of_a_first_run_that_did_not_end_is_kept() -> None:
    store = Store()
    writer = JournalWriter(store, "lease", RUNS[3])
    writer.append([samples.run_started()], durable=True)
    snapshot = snapshot_of(store)
    assert snapshot.state.lineage == samples.LINEAGE
    assert snapshot.open_run == RUNS[3]


@pytest.mark.parametrize("content", [b"", b'{"seq":1,'])
def test_first_run_that_hardly_began_left_no_marks(content: bytes) -> None:
    snapshot = snapshot_of(Store(logs={RUNS[3]: content}))
    assert snapshot.state.lineage == "fresh"
    assert snapshot.open_run == RUNS[3]


def test_broken_journal_of_a_first_run_is_refused() -> None:
    with pytest.raises(JournalError, match=RUNS[3]):
        snapshot_of(Store(logs={RUNS[3]: b"x\ny\n"}))


def test_open_run_is_named() -> None:
    store = holding(samples.full_state())
    store.logs = {RUNS[9]: b"", RUNS[8]: b""}
    assert snapshot_of(store).open_run == RUNS[8]


def test_of_several_open_runs_the_newest_by_its_serial_comes_first() -> None:
    store = holding(samples.state(serial=7))
    for number, serial in ((1, 3), (2, 7), (3, 5)):
        writer = JournalWriter(store, "lease", RUNS[number])
        writer.append([samples.run_started(run=RUNS[number], serial=serial)], durable=True)
    assert snapshot_of(store).open_run == RUNS[2]


@pytest.mark.parametrize(
    "name",
    [
        "notes",
        f"{RUNS[3]} copy",
        f"._{RUNS[3]}",
        f"{RUNS[3]}.conflict",
        "keyring-0001",
        ".DS_Store",
    ],
)
def test_what_is_not_called_like_a_journal_is_no_run(name: str) -> None:
    store = holding(samples.state(serial=7))
    store.logs = {name: b"what an editor left"}
    store.closed = {name: b"what an editor left"}
    assert snapshot_of(store).open_run is None
    archive_closed_runs(store, samples.state(closed_runs=(name,)), lease="lease")
    assert store.archived == []


def _called(store: Store, name: str, **head: object) -> None:
    JournalWriter(store, "lease", name).append([samples.run_started(**head)], durable=True)


@pytest.mark.parametrize("present", [True, False], ids=["with a state", "without"])
def test_the_only_journal_of_a_run_is_missed_under_no_other_name(present: bool) -> None:
    store = holding(samples.state(serial=7)) if present else Store()
    _called(store, f"{RUNS[3]} old", run=RUNS[3], serial=7)
    with pytest.raises(StateError, match=f"run {RUNS[3]} is called {RUNS[3]} old"):
        snapshot_of(store)


def test_copies_of_journals_that_are_there_are_no_runs() -> None:
    store = holding(samples.state(serial=7, closed_runs=(RUNS[1],)))
    _called(store, RUNS[3], run=RUNS[3], serial=7)
    _called(store, f"{RUNS[3]} copy", run=RUNS[3], serial=7)
    _called(store, f"{RUNS[1]} copy", run=RUNS[1], serial=7)
    _called(store, f"{RUNS[0]} copy", run=RUNS[0], serial=2)
    assert snapshot_of(store).open_run == RUNS[3]


def test_journal_that_the_state_holds_already_is_not_open() -> None:
    store = holding(samples.state(serial=7, closed_runs=(RUNS[2],)))
    store.logs = {RUNS[2]: b""}
    assert snapshot_of(store).open_run is None


def test_state_that_breaks_an_invariant_is_refused_on_both_ways() -> None:
    broken = samples.state(serial=-1)
    with pytest.raises(StateError, match="KP-STATE-002"):
        snapshot_of(holding(broken))
    store = Store()
    with pytest.raises(StateError, match="KP-STATE-002"):
        commit_state(store, broken, expected=None, lease="lease", keyplan_version="0.1.0")
    assert store.blob is None


def test_commit_writes_what_is_loaded() -> None:
    store = Store()
    state = samples.full_state()
    version = commit_state(store, state, expected=None, lease="lease", keyplan_version="0.1.0")
    assert store.blob is not None
    assert store.blob.version == version
    assert decode_state(store.blob.content) == state


def test_only_journals_that_the_state_holds_are_archived() -> None:
    store = Store(logs={RUNS[1]: b"", RUNS[2]: b"", RUNS[9]: b""})
    archive_closed_runs(store, samples.state(closed_runs=(RUNS[1], RUNS[2])), lease="lease")
    assert store.archived == [RUNS[1], RUNS[2]]
    assert store.open_logs() == [RUNS[9]]


# -- states that their journals know to be too old ---------------------------------------


def closed_run(store: Store, run: str, *, serial: int, ended: bool = True) -> None:
    writer = JournalWriter(store, "lease", run)
    writer.append([samples.run_started(run=run, serial=serial)])
    writer.append([samples.run_ended()] if ended else [], durable=True)
    store.closed[run] = store.logs.pop(run)


def test_a_run_that_never_began_hides_no_older_one() -> None:
    store = Store()
    closed_run(store, "20270101T120000Z-aaaaaaaa", serial=0)
    closed_run(store, "20270101T130000Z-bbbbbbbb", serial=1, ended=False)
    with pytest.raises(StateError, match="the state is gone"):
        snapshot_of(store)


def test_a_run_that_ends_while_the_state_is_read_makes_it_no_old_one() -> None:
    run = "20270101T120000Z-aaaaaaaa"

    class Meanwhile(Store):
        def load(self) -> Blob | None:
            blob = super().load()
            if not self.closed:  # another process commits serial 8 and archives its journal
                closed_run(self, run, serial=7)
                state = samples.state(serial=8, closed_runs=(run,))
                self.blob = Blob(encode_state(state, keyplan_version="0.1.0"), "v2")
            return blob

    state = samples.state(serial=7)
    store = Meanwhile(Blob(encode_state(state, keyplan_version="0.1.0"), "v1"))
    assert snapshot_of(store).state.serial == 7
    assert snapshot_of(store).state.serial == 8


def test_a_clock_that_went_back_a_day_hides_nothing_and_reports_nothing() -> None:
    """The second run has the older name: what counts is the serial that it began with."""
    first, second = "20270102T120000Z-aaaaaaaa", "20270101T120000Z-bbbbbbbb"
    newest = samples.state(serial=2, closed_runs=(first, second))
    store = holding(newest)
    closed_run(store, first, serial=0)
    closed_run(store, second, serial=1)
    assert snapshot_of(store).state == newest
    store.blob = holding(samples.state(serial=1, closed_runs=(first,))).blob
    with pytest.raises(StateError, match="older than its journals: serial 1"):
        snapshot_of(store)
    store.blob = None
    with pytest.raises(StateError, match="is gone") as caught:
        snapshot_of(store)
    assert "left it at serial 2" in caught.value.why
    assert "--serial 2" in caught.value.advice


def test_journals_of_another_lineage_count_until_one_of_the_state_s_own_is_there() -> None:
    """As after `state push --force` of another stack's state over one that cannot be read."""
    other = "00000000-0000-4000-8000-000000000000"
    pushed = samples.state(lineage=other, serial=1, closed_runs=(RUNS[5],))
    store = holding(pushed)
    closed_run(store, RUNS[4], serial=8)
    with pytest.raises(StateError, match="another stack's"):
        snapshot_of(store)
    closed_run(store, RUNS[5], serial=0)
    assert snapshot_of(store).state == pushed


def test_a_state_that_holds_as_many_runs_as_it_can_asks_no_older_journal() -> None:
    names = [f"20270102T{number:06}Z-aaaaaaaa" for number in range(CLOSED_RUNS)]
    store = holding(samples.state(serial=CLOSED_RUNS + 1, closed_runs=tuple(names)))
    store.closed = {RUNS[1]: b"not a journal any more\n\n"} | dict.fromkeys(names, b"")
    store.read_log = lambda log: pytest.fail(f"{log} was read")  # type: ignore[method-assign]
    assert snapshot_of(store).open_run is None


def test_a_broken_journal_stops_a_state_that_nothing_else_vouches_for() -> None:
    store = Store(closed={RUNS[1]: b"x\ny\n"})
    with pytest.raises(JournalError, match=RUNS[1]):
        snapshot_of(store)
    store.blob = holding(samples.state(serial=2, closed_runs=(RUNS[2],))).blob
    with pytest.raises(JournalError, match=RUNS[1]):
        snapshot_of(store)
    closed_run(store, RUNS[2], serial=1)
    assert snapshot_of(store).state.serial == 2
