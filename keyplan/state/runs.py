"""The runs of a store: which of its logs are journals, and what is in them.

Rules: a name decides: a word and a hexadecimal number, as in `20270101T120000Z-9f31c0a2`. An
editor's backup or a copy beside a journal is no run, and neither is the key ring of a
sealed store. Nothing else is read from a name: the clock that is in it may have been wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from keyplan.errors import StateError
from keyplan.state.entries import Entry, RunEnded, RunStarted
from keyplan.state.journal import read_journal

KEYRING = "keyring-"
"""How the logs are called that keep the keys of a sealed store."""

_NAME = re.compile(rf"(?!{KEYRING})[0-9A-Za-z]+-[0-9a-f]+")

_WITHIN = re.compile(r"(?<![0-9A-Za-z])[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}(?![0-9a-f])")


class LogReader(Protocol):
    """What reading runs needs of a store (`keyplan.sdk.store.Store` has it)."""

    def read_log(self, log: str) -> bytes:
        """A journal's bytes."""


@dataclass(frozen=True, slots=True)
class RunJournal:
    """The journal of one run as it was read; `error` says why it could not be."""

    run: str
    entries: tuple[Entry, ...] = ()
    torn: bool = False
    error: StateError | None = None

    @property
    def head(self) -> RunStarted | None:
        """How the run began; `None` if nothing is durable."""
        first = self.entries[0] if self.entries else None
        return first if isinstance(first, RunStarted) else None

    @property
    def ended(self) -> RunStarted | None:
        """How a run began that ended; one that broke off before it did anything did not."""
        return self.head if self.entries and isinstance(self.entries[-1], RunEnded) else None


def runs(logs: Iterable[str]) -> list[str]:
    """Those that are journals of runs, each once, in their order."""
    return [log for log in dict.fromkeys(logs) if _NAME.fullmatch(log)]


def strays(logs: Iterable[str]) -> list[str]:
    """Those that are neither journals nor key rings."""
    return [log for log in logs if not _NAME.fullmatch(log) and not log.startswith(KEYRING)]


def run_in(log: str) -> str:
    """The run whose name is in that of a log, as a file manager names a copy; or nothing."""
    found = _WITHIN.search(log)
    return found[0] if found else ""


def read_runs(store: LogReader, logs: Iterable[str]) -> Iterator[RunJournal]:
    """The runs among some logs, read one by one as they are asked for."""
    for run in runs(logs):
        try:
            journal = read_journal(store.read_log(run), run=run)
        except StateError as error:
            yield RunJournal(run, error=error)
        else:
            yield RunJournal(run, journal.entries, journal.torn)
