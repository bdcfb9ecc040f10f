"""Loading a state from a store, and committing one. Stores keep bytes; here they mean something.

Rules: loading writes nothing and needs no lease. Invariants are checked on both ways: a
state that was edited by hand is refused before a plan rests on it, and one that breaks an
invariant never reaches the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from keyplan.state.codec import decode_state, encode_state
from keyplan.state.entries import RunStarted
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

    A journal whose run the state already holds (a crash between commit and archive) is
    not open. Should there be several, the first by name is; the others follow when it
    is closed. An empty store gives an empty state with the lineage of the open run, so
    that the marks it left on keys stay ours, or with `new_lineage()`, a fresh UUID.
    Raises `StateError`, `JournalError`, `StoreError`.
    """
    blob = store.load()
    state = None if blob is None else decode_state(blob.content)
    if state is not None:
        verify(state)
    closed = () if state is None else state.closed_runs
    runs = (log for log in store.open_logs() if not log.startswith(KEYRING))
    open_run = min((log for log in runs if log not in closed), default=None)
    if state is None:
        begun = None if open_run is None else _lineage(store.read_log(open_run), open_run)
        state = State(lineage=begun or new_lineage())
    return StateSnapshot(state, None if blob is None else blob.version, open_run)


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
