"""The run's record: its entries in memory, and the journal that makes them durable."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.errors import KeyplanError
from keyplan.sdk.store import Lease
from keyplan.state.entries import Entry
from keyplan.state.journal import JournalWriter


class Recorder:
    """Writes a run's journal and keeps what it wrote. For one thread.

    `add` buffers, `flush` makes everything added so far durable with one flush of the
    store; nothing may have an effect before that. `entries` are all of the run so far, and
    `durable` is how many of them are.
    """

    def __init__(self, journal: JournalWriter[Lease], entries: Sequence[Entry] = ()) -> None:
        self._journal = journal
        self._pending = False
        self.entries: list[Entry] = list(entries)
        self.durable = len(self.entries)

    def add(self, *entries: Entry) -> None:
        """Add entries, in order."""
        self._journal.append(entries)
        self.entries.extend(entries)
        self._pending = True

    def flush(self) -> None:
        """Make everything durable that is not yet."""
        if self._pending:
            self._journal.flush()
            self._pending = False
            self.durable = len(self.entries)


def explain(error: KeyplanError) -> str:
    """What happened and why, as one text for journals and reports."""
    parts = [error.what, error.why]
    if error.target:
        parts[0] = f"{error.target}: {error.what}"
    return ". ".join(part.rstrip(".") for part in parts if part)
