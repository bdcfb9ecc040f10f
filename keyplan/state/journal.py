"""The journal of a run: one line per entry, chained, durable before its effect.

A line is `{"seq": 7, "prev": <SHA-256 of the line before>, "entry": {...}}`. `seq` counts
from 1 and the first `prev` is empty, so a journal cannot be edited, cut in the middle or
mixed with another without notice. What a crash tore off at the end is discarded: it was
never durable, so the effect it announced was never begun.

Rules: entries keep the order in which they were appended; `flush` returns when everything
appended before it is durable. Several threads may append and flush: they share one write.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from keyplan.errors import JournalError, SealedJournalError
from keyplan.state import documents
from keyplan.state.documents import MalformedError
from keyplan.state.entries import Entry
from keyplan.state.entry_codec import decode_entry, encode_entry
from keyplan.state.reading import SEALED

_LINE = frozenset({"entry", "prev", "seq"})
_NOT_JSON = object()
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

LeaseT_contra = TypeVar("LeaseT_contra", contravariant=True)


class LogStore(Protocol[LeaseT_contra]):
    """What a journal needs of a store (`keyplan.sdk.store.Store` has it)."""

    def append(self, log: str, lines: Sequence[bytes], *, lease: LeaseT_contra) -> None:
        """Add lines to a log, durable on return."""


@dataclass(frozen=True, slots=True)
class JournalReading:
    """A journal as it was read.

    `good_size` is the length in bytes of what is well-formed; what follows it is a torn
    tail, which the store's `truncate_log` discards. `last` is the digest of the last
    good line, for the next one.
    """

    entries: tuple[Entry, ...]
    good_size: int
    torn: bool
    last: str = ""


class JournalWriter(Generic[LeaseT_contra]):
    """Appends to the journal of one run. Entries wait in memory until they are flushed.

    Give `after` to go on with a journal that was read; its torn tail must be discarded
    first.
    """

    def __init__(
        self,
        store: LogStore[LeaseT_contra],
        lease: LeaseT_contra,
        run: str,
        *,
        after: JournalReading | None = None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._run = run
        self._sequence = len(after.entries) if after else 0
        self._last = after.last if after else ""
        self._waiting: list[bytes] = []
        self._appending = Lock()
        self._flushing = Lock()

    def append(self, entries: Sequence[Entry], *, durable: bool = False) -> None:
        """Add entries; with `durable`, return when they are on disk.

        Raises `JournalError` if one cannot be written as JSON; then none is added.
        """
        texts = [self._encode(entry) for entry in entries]
        with self._appending:
            for text in texts:
                self._sequence += 1
                line = f'{{"seq":{self._sequence},"prev":"{self._last}","entry":{text}}}'.encode()
                self._last = sha256(line).hexdigest()
                self._waiting.append(line)
        if durable:
            self.flush()

    def flush(self) -> None:
        """Make everything appended so far durable, in one write of the store.

        Raises what the store raises; the entries then wait for the next flush.
        """
        with self._flushing:
            with self._appending:
                lines, self._waiting = self._waiting, []
            if not lines:
                return  # another thread's flush has just written them
            try:
                self._store.append(self._run, lines, lease=self._lease)
            except BaseException:
                with self._appending:
                    self._waiting[:0] = lines
                raise

    def _encode(self, entry: Entry) -> str:
        try:
            return _ENCODE(encode_entry(entry))
        except (TypeError, ValueError) as error:
            raise JournalError(
                f"the entry {entry.kind} cannot be written: {error}",
                target=self._run,
                advice="This is a defect of keyplan or of a provider: please report it.",
            ) from None


def read_journal(content: bytes, *, run: str = "") -> JournalReading:
    """The entries of a journal; `run` is only named in errors.

    A last line without its end, or one that is not JSON, is a torn tail and left out.
    Raises `JournalError` with the number of the first line that is not as it was written.
    """
    if content.startswith(SEALED):
        raise SealedJournalError(
            "the journal is sealed",
            target=run,
            why="It was encrypted, and `keyplan.state` does not say how to open it.",
            advice="To read it, write `sealed` beside the store again as it was.",
        )
    lines = content.split(b"\n")
    unfinished = lines.pop()
    entries: list[Entry] = []
    good_size, last = 0, ""
    for number, line in enumerate(lines, 1):
        data = _parse(line)
        if data is _NOT_JSON:
            if number == len(lines) and not unfinished:
                return JournalReading(tuple(entries), good_size, torn=True, last=last)
            _broken(run, number, "it is not JSON")
        entries.append(_entry(data, number, last, run))
        last = sha256(line).hexdigest()
        good_size += len(line) + 1
    return JournalReading(tuple(entries), good_size, torn=bool(unfinished), last=last)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, or nested absurdly
        return _NOT_JSON


def _entry(data: Any, number: int, last: str, run: str) -> Entry:
    try:
        found = documents.document(data, _LINE, "")
        sequence, previous = documents.number(found, "seq", ""), documents.text(found, "prev", "")
        if sequence != number:
            _broken(run, number, f"it says that it is line {sequence}")
        if previous != last:
            _broken(run, number, "its `prev` is not the digest of the line before it")
        return decode_entry(found["entry"])
    except MalformedError as error:
        _broken(run, number, str(error))


def _broken(run: str, number: int, problem: str) -> NoReturn:
    raise JournalError(
        f"line {number} of the journal is not as it was written: {problem}",
        target=run,
        why="Journals are chained line by line: this one was edited, or mixed with another run's.",
        advice="Restore the journal from a backup. Do not apply before that: what it recorded"
        " may have been done.",
    )
