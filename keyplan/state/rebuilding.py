"""A state made again from what is left: a version that is kept, and the journals after it.

Rules: reading only; nothing is guessed. A journal is folded onto the state that it began
with, so what comes out is what was committed, or nothing. Which stack it is the journals say,
and not the file in the place of the state: that may be another stack's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from keyplan.errors import NewerStateError, RefusedStateError, StateError, StoreError
from keyplan.state.codec import decode_state
from keyplan.state.entries import Entry, RunStarted, StateReplaced
from keyplan.state.fold import fold
from keyplan.state.integrity import verify
from keyplan.state.model import State
from keyplan.state.runs import read_runs
from keyplan.state.snapshot import MEANT, Stored, restoring


class KeptStore(Protocol):
    """What rebuilding needs of a store (`keyplan.sdk.store.Store` has it)."""

    def describe(self) -> str:
        """One line for people."""

    def load(self) -> Stored | None:
        """The last committed state."""

    def versions(self) -> Sequence[str]:
        """Versions that are kept, oldest first."""

    def content(self, version: str) -> bytes | None:
        """The bytes of one of them."""

    def open_logs(self) -> Sequence[str]:
        """Journals of runs that did not end."""

    def closed_logs(self) -> Sequence[str]:
        """Journals of runs that ended, oldest first."""

    def read_log(self, log: str) -> bytes:
        """A journal's bytes."""


@dataclass(frozen=True, slots=True)
class Present:
    """What is in the place of the state: its version, and the state if it can be read at all.

    It is `sound` if keyplan wrote it; `newer` says that a newer one did. `lineage` and `serial`
    are of the newest state that this machine has seen there, if it keeps that.
    """

    version: str | None = None
    state: State | None = None
    sound: bool = False
    newer: NewerStateError | None = None
    lineage: str = ""
    serial: int = 0


def present_state(store: KeptStore) -> Present:
    """What a push replaces, also where it is damaged or edited."""
    try:
        blob = store.load()
    except RefusedStateError as error:
        newer = error.__cause__ if isinstance(error.__cause__, NewerStateError) else None
        return Present(error.version, newer=newer, lineage=error.lineage, serial=error.serial)
    if blob is None:
        return Present()
    for edited in (False, True):
        try:
            state = decode_state(blob.content, edited=edited)
            verify(state)
        except NewerStateError as error:
            return Present(blob.version, newer=error)
        except StateError:
            continue
        return Present(blob.version, state, sound=not edited)
    return Present(blob.version)


def lineage_of(store: KeptStore, found: Present) -> str:
    """Which stack this is; empty if nothing says it.

    That is what the present state says, if it is sound and holds a run whose journal is there;
    else what the newest run left, ended before open; else what is there or kept.
    """
    present = found.state if found.sound else None
    closed = store.closed_logs()
    if present is not None and not set(present.closed_runs).isdisjoint(closed):
        return present.lineage
    for logs in (closed, store.open_logs()):
        runs = [(head, item.entries) for item in read_runs(store, logs) if (head := item.head)]
        if runs:
            return _left(*max(runs, key=lambda run: run[0].serial))
    return next((state.lineage for state in (present, *_kept(store)) if state is not None), "")


def _left(head: RunStarted, entries: Sequence[Entry]) -> str:
    """The lineage of the state that a run left."""
    for entry in entries:
        if isinstance(entry, StateReplaced):
            return decode_state(entry.content.encode(), edited=entry.edited).lineage
    return head.lineage


def state_of_serial(store: KeptStore, serial: int) -> State:
    """The state that was committed with that serial. Raises `StateError` if it cannot be had.

    Of this stack first; of one that was pushed over, if this one has none of that serial.
    """
    kept, ended = list(_kept(store)), _ended(store)
    of_runs = (head.lineage for head, _ in ended)
    own = lineage_of(store, present_state(store))
    for lineage in dict.fromkeys((own, *(state.lineage for state in kept), *of_runs)):
        if lineage:
            found = _forward(_base(kept, lineage, until=serial), ended, until=serial)
            if found.serial == serial:
                return found
    raise StateError(
        f"the state of serial {serial} cannot be made again",
        target=store.describe(),
        why="Neither is it kept, nor are an earlier one and the journals since then.",
        advice="See which runs there were: keyplan state history",
    )


def newest_state(store: KeptStore) -> State | None:
    """The newest state of this stack that can be had, or `None`."""
    lineage = lineage_of(store, present_state(store))
    kept = list(_kept(store))
    found = _forward(_base(kept, lineage), _ended(store))
    return found if found.serial or any(state.lineage == lineage for state in kept) else None


def misfit(store: KeptStore, head: RunStarted, state: State) -> str:
    """What to do about an open run that began with another state than the present one.

    Empty for one that `resume` or `rollback` can end.
    """
    same = head.lineage == state.lineage
    if same and head.serial <= state.serial:
        return ""
    meant = f"{MEANT}, then keyplan resume" if same else MEANT
    if lineage_of(store, present_state(store)) != head.lineage:
        return meant
    try:
        state_of_serial(store, head.serial)
    except StateError:
        return f"If you have the state of serial {head.serial}: keyplan state push FILE\n{meant}"
    return f"{restoring(head.serial)}, then keyplan resume\n{meant}"


def _base(kept: Sequence[State], lineage: str, *, until: int | None = None) -> State:
    """The kept state of a lineage with the highest serial, or the empty one it began with."""
    fitting = [
        state
        for state in kept
        if state.lineage == lineage and (until is None or state.serial <= until)
    ]
    return max(fitting, key=lambda state: state.serial, default=State(lineage))


def _ended(store: KeptStore) -> list[tuple[RunStarted, Sequence[Entry]]]:
    """The runs that ended, in the order of their serials."""
    logs = (*store.closed_logs(), *store.open_logs())
    ended = [(head, run.entries) for run in read_runs(store, logs) if (head := run.ended)]
    return sorted(ended, key=lambda run: run[0].serial)


def _forward(
    state: State, ended: Sequence[tuple[RunStarted, Sequence[Entry]]], *, until: int | None = None
) -> State:
    """A state with the runs folded in that began with it, one after the other."""
    for head, entries in ended:
        if state.serial == until:
            break
        if (head.lineage, head.serial) != (state.lineage, state.serial):
            continue
        try:
            after = fold(state, entries)
            verify(after)
        except StateError:
            continue
        state = after
    return state


def _kept(store: KeptStore) -> Iterator[State]:
    """Kept states that can be read, newest first."""
    for version in reversed(store.versions()):
        try:
            state = decode_state(store.content(version) or b"")
            verify(state)
        except StoreError:
            raise
        except StateError:
            continue
        yield state
