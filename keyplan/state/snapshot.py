"""Loading a state from a store, and committing one. Stores keep bytes; here they mean something.

Rules: loading writes nothing and needs no lease. Invariants are checked on both ways: a
state that was edited by hand is refused before a plan rests on it, and one that breaks an
invariant never reaches the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Protocol, TypeVar

from keyplan.errors import StateError
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.entries import RunEnded, RunStarted
from keyplan.state.integrity import verify
from keyplan.state.journal import read_journal
from keyplan.state.model import State, StateSnapshot

KEYRING = "keyring-"
"""How the logs are called that keep the keys of a sealed store: they are no runs."""

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
    not open. Should there be several, the first by name is; the others follow when it
    is closed. An empty store gives an empty state with the lineage of the open run, so
    that the marks it left on keys stay ours, or with `new_lineage()`, a fresh UUID.
    Raises `StateError`, `JournalError`, `StoreError`.
    """
    open_logs, closed_logs = store.open_logs(), store.closed_logs()  # see `check_newest`
    blob = store.load()
    state = None if blob is None else decode_state(blob.content)
    if state is not None:
        verify(state)
    check_newest(store, state, closed_logs)
    closed = () if state is None else state.closed_runs
    runs = (log for log in open_logs if not log.startswith(KEYRING))
    open_run = min((log for log in runs if log not in closed), default=None)
    if state is None:
        begun = None if open_run is None else _lineage(store.read_log(open_run), open_run)
        state = State(lineage=begun or new_lineage())
    return StateSnapshot(state, None if blob is None else blob.version, open_run)


_SECOND = len("20270101T120000Z")
"""How much of a run's name is its time."""

_MEANT = (
    "If this state is meant: keyplan state pull > kept.json, then"
    " keyplan state push --force kept.json"
)


def check_newest(store: ReadableStore, state: State | None, closed_logs: Sequence[str]) -> None:
    """Raise `StateError` if the newest closed journal was not folded into the state.

    The journals must have been listed before the state was read: a run that ends in between
    is then in the state, and never in journals that the state does not know.
    """
    found = _newest(store, closed_logs, set() if state is None else set(state.closed_runs))
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
            advice=f"{restoring(head.serial + 1)}\n{_MEANT}",
        )
    if head.serial >= state.serial:
        raise StateError(
            f"the state is older than its journals: serial {state.serial}",
            why=f"Run {newest} began at serial {head.serial} and is not in it: an earlier state"
            " was put back, or the state and its journals were mixed up.",
            advice=f"{restoring(head.serial + 1)}\n{_MEANT}",
        )


def _newest(
    store: ReadableStore, logs: Sequence[str], closed: AbstractSet[str]
) -> tuple[str, RunStarted] | None:
    """The newest closed run that did anything, unless the state holds it or a newer one.

    Names of runs sort by the second in which they began; within one, serials tell.
    """
    runs = sorted((log for log in logs if not log.startswith(KEYRING)), reverse=True)
    for _, group in groupby(runs, key=lambda run: run[:_SECOND]):
        same_second = list(group)
        heads = [
            (run, head)
            for run in same_second
            if run not in closed and (head := _ended(store.read_log(run), run)) is not None
        ]
        if heads:
            return max(heads, key=lambda item: item[1].serial)
        if not closed.isdisjoint(same_second):
            return None
    return None


def _ended(journal: bytes, run: str) -> RunStarted | None:
    """How a run began that ended; one that broke off before it did anything did not."""
    entries = read_journal(journal, run=run).entries
    head = entries[0] if entries else None
    return head if isinstance(head, RunStarted) and isinstance(entries[-1], RunEnded) else None


def restoring(serial: int) -> str:
    """How a state is brought back."""
    return (
        f"To bring it back: keyplan state pull --serial {serial} > kept.json, then"
        " keyplan state push kept.json"
    )


def _lineage(journal: bytes, run: str) -> str | None:
    entries = read_journal(journal, run=run).entries
    head = entries[0] if entries else None
    return head.lineage if isinstance(head, RunStarted) else None


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
) -> None:
    """Archive each journal that a committed state already holds.

    Called after a commit; it also tidies up after a crash between commit and archive.
    """
    for log in store.open_logs():
        if log in state.closed_runs:
            store.archive(log, lease=lease)
