"""A state made again from what is left: a version that is kept, and the journals after it.

Rules: reading only; nothing is guessed. A journal is folded onto the state that it began
with, so what comes out is what was committed, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from keyplan.errors import StateError
from keyplan.state.codec import decode_state
from keyplan.state.fold import fold
from keyplan.state.integrity import verify
from keyplan.state.model import State
from keyplan.state.runs import read_runs


class KeptStore(Protocol):
    """What rebuilding needs of a store (`keyplan.sdk.store.Store` has it)."""

    def describe(self) -> str:
        """One line for people."""

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


def state_of_serial(store: KeptStore, serial: int) -> State:
    """The state that was committed with that serial. Raises `StateError` if it cannot be had."""
    base = next((state for state in _kept(store) if state.serial <= serial), None)
    found = _forward(store, base, until=serial)
    if found is not None and found.serial == serial:
        return found
    raise StateError(
        f"the state of serial {serial} cannot be made again",
        target=store.describe(),
        why="Neither is it kept, nor are an earlier one and the journals since then.",
        advice="See which runs there were: keyplan state history",
    )


def newest_state(store: KeptStore) -> State | None:
    """The newest state that can be had, or `None`."""
    return _forward(store, next(_kept(store), None))


def _forward(store: KeptStore, base: State | None, *, until: int | None = None) -> State | None:
    """A state with the runs folded in that began with it, one after the other."""
    state = base
    logs = (*store.closed_logs(), *store.open_logs())
    ended = [(head, run) for run in read_runs(store, logs) if (head := run.ended)]
    for head, run in sorted(ended, key=lambda item: item[0].serial):
        if state is not None and state.serial == until:
            break
        if state is None and head.serial == 0:
            state = State(head.lineage)
        if state is None or (head.lineage, head.serial) != (state.lineage, state.serial):
            continue
        try:
            after = fold(state, run.entries)
            verify(after)
        except StateError:
            continue
        state = after
    return state


def _kept(store: KeptStore) -> Iterator[State]:
    """Kept states that can be read, newest first."""
    for version in reversed(store.versions()):
        content = store.content(version)
        try:
            state = decode_state(content or b"")
            verify(state)
        except StateError:
            continue
        yield state
