"""Loading a state from a store, and committing one. Stores keep bytes; here they mean something.

Rules: loading writes nothing and needs no lease. Invariants are checked on both ways: a
state that was edited by hand is refused before a plan rests on it, and one that breaks an
invariant never reaches the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from keyplan.errors import JournalError, StateError
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.entries import RunStarted
from keyplan.state.fold import CLOSED_RUNS
from keyplan.state.integrity import verify
from keyplan.state.journal import read_journal
from keyplan.state.model import State, StateSnapshot
from keyplan.state.runs import read_runs, run_in, runs, strays

LeaseT_contra = TypeVar("LeaseT_contra", contravariant=True)


class Stored(Protocol):
    """Bytes with the version to commit against (`keyplan.sdk.store.Blob`)."""

    @property
    def content(self) -> bytes:
        """The state's bytes."""

    @property
    def version(self) -> str:
        """Opaque."""


class ReadableStore(Protocol):
    """What loading needs of a store (`keyplan.sdk.store.Store` has it)."""

    def load(self) -> Stored | None:
        """The last committed state."""

    def open_logs(self) -> Sequence[str]:
        """Journals of runs that did not end."""

    def read_log(self, log: str) -> bytes:
        """A journal's bytes."""

    def closed_logs(self) -> Sequence[str]:
        """Journals of runs that ended, oldest first."""


class CommittingStore(Protocol[LeaseT_contra]):
    """What committing needs of a store."""

    def commit(self, content: bytes, *, expected: str | None, lease: LeaseT_contra) -> str:
        """Replace the state if its version is still `expected`; returns the new version."""


class ArchivingStore(Protocol[LeaseT_contra]):
    """What archiving needs of a store."""

    def open_logs(self) -> Sequence[str]:
        """Journals of runs that did not end."""

    def archive(self, log: str, *, lease: LeaseT_contra) -> None:
        """Close a journal."""


def load_snapshot(store: ReadableStore, *, new_lineage: Callable[[], str]) -> StateSnapshot:
    """The committed state, and the run that did not end, if there is one.

    A state that its own journals know to be too old (a backup was put back), or that is
    gone while they are there, is refused: planning on it would make keys twice.
    A journal whose run the state already holds (a crash between commit and archive) is
    not open. Should there be several, the one with the highest serial is; the others follow
    when it is closed. An empty store gives an empty state with the lineage of the open run, so
    that the marks it left on keys stay ours, or with `new_lineage()`, a fresh UUID.
    Raises `StateError`, `JournalError`, `StoreError`.
    """
    open_logs, closed_logs = store.open_logs(), store.closed_logs()  # see `check_newest`
    blob = store.load()
    state = None if blob is None else decode_state(blob.content)
    if state is not None:
        verify(state)
    check_newest(store, state, closed_logs)
    for log in strays(open_logs):
        check_name(store, state, log, known={*open_logs, *closed_logs})
    closed = () if state is None else state.closed_runs
    open_run = _open_run(store, [run for run in runs(open_logs) if run not in closed])
    if state is None:
        begun = None if open_run is None else _lineage(store, open_run)
        state = State(lineage=begun or new_lineage())
    return StateSnapshot(state, None if blob is None else blob.version, open_run)


def check_name(
    store: ReadableStore, state: State | None, log: str, *, known: Collection[str]
) -> None:
    """Raise `StateError` for the only journal of a run, if it is called otherwise than its run.

    What that run made is in no state: passed over, it would be made twice.
    """
    try:
        head = next(iter(read_journal(store.read_log(log), run=log).entries), None)
    except JournalError:
        return  # it is none
    except StateError as error:
        held = () if state is None else state.closed_runs
        found = run_in(log)
        if found and found not in known and found not in held:
            raise StateError(
                f"what may be the journal of run {found} cannot be read: it is called {log}",
                why=f"What that run did would be in no state. {error.what}.",
                advice=f"Call it {found} again, then: keyplan resume. If it is another stack's,"
                " take it away.",
            ) from None
        return
    if not isinstance(head, RunStarted) or head.run in known:
        return
    if state is not None and (
        head.run in state.closed_runs or head.lineage != state.lineage or head.serial < state.serial
    ):
        return
    raise StateError(
        f"the journal of run {head.run} is called {log}",
        why="Under that name nobody goes on with it, and what the run did is in no state.",
        advice=f"Call it {head.run} again, then: keyplan resume",
    )


def _open_run(store: ReadableStore, candidates: Sequence[str]) -> str | None:
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    heads = {item.run: item.head for item in read_runs(store, candidates)}
    return min(heads, key=lambda run: (-head.serial if (head := heads[run]) else 1, run))


MEANT = (
    "If this state is meant: keyplan state pull > kept.json, then"
    " keyplan state push --force kept.json"
)


def check_newest(store: ReadableStore, state: State | None, closed_logs: Sequence[str]) -> None:
    """Raise `StateError` if a closed journal tells of a newer state than this one.

    The journals must have been listed before the state was read: a run that ends in between
    is then in the state, and never in journals that the state does not know.
    """
    found = _newest(store, state, runs(closed_logs))
    if found is None:
        return
    newest, head = found
    if state is None:
        raise StateError(
            "the state is gone, and journals of its runs are there",
            why=f"Run {newest} left it at serial {head.serial + 1}; without it, keyplan would make"
            " every key again.",
            advice=restoring(head.serial + 1),
        )
    if head.lineage != state.lineage:
        raise StateError(
            "the state is another stack's",
            why=f"It has lineage {state.lineage}; the journals beside it are of {head.lineage}.",
            advice=f"{restoring(head.serial + 1)}\n{MEANT}",
        )
    raise StateError(
        f"the state is older than its journals: serial {state.serial}",
        why=f"Run {newest} began at serial {head.serial} and is not in it: an earlier state"
        " was put back, or the state and its journals were mixed up.",
        advice=f"{restoring(head.serial + 1)}\n{MEANT}",
    )


def _newest(
    store: ReadableStore, state: State | None, closed: Sequence[str]
) -> tuple[str, RunStarted] | None:
    """The run with the highest serial that this state should hold and does not.

    That is one of its lineage that began with its serial or later; and one of another
    lineage, if the state holds no journal that is there. Names, which have a clock in them,
    only bound what is read, of a state that holds as many runs as it can: what is older than
    all of these by name is not asked.
    """
    held = () if state is None else state.closed_runs
    known = not set(held).isdisjoint(closed)
    oldest = min(held) if len(held) >= CLOSED_RUNS else ""
    found: list[tuple[str, RunStarted]] = []
    for item in read_runs(store, (run for run in closed if run not in held and run > oldest)):
        if item.error is not None and not (known and isinstance(item.error, JournalError)):
            raise item.error  # of a broken journal of a state that is known, `verify` tells
        head = item.ended
        if head is not None and (state is None or _is_missing(head, state, known=known)):
            found.append((item.run, head))
    return max(found, key=lambda item: item[1].serial, default=None)


def _is_missing(head: RunStarted, state: State, *, known: bool) -> bool:
    return head.serial >= state.serial if head.lineage == state.lineage else not known


def restoring(serial: int) -> str:
    """How a state is brought back."""
    return (
        f"To bring it back: keyplan state pull --serial {serial} > kept.json, then"
        " keyplan state push kept.json"
    )


def _lineage(store: ReadableStore, run: str) -> str | None:
    for item in read_runs(store, [run]):
        if item.error is not None:
            raise item.error
        return item.head.lineage if item.head else None
    return None


def commit_state(
    store: CommittingStore[LeaseT_contra],
    state: State,
    *,
    expected: str | None,
    lease: LeaseT_contra,
    keyplan_version: str,
) -> str:
    """Verify, encode and commit a state; returns its version.

    Raises `StateError` for a broken invariant, `StateConflictError` if somebody else
    committed since `expected`, `StoreError` if the store cannot be written.
    """
    verify(state)
    content = encode_state(state, keyplan_version=keyplan_version)
    return store.commit(content, expected=expected, lease=lease)


def archive_closed_runs(
    store: ArchivingStore[LeaseT_contra], state: State, *, lease: LeaseT_contra
) -> tuple[str, ...]:
    """Archive each journal that a committed state already holds; returns their runs.

    Called after a commit; it also tidies up after a crash between commit and archive.
    """
    ended = tuple(run for run in runs(store.open_logs()) if run in state.closed_runs)
    for run in ended:
        store.archive(run, lease=lease)
    return ended
