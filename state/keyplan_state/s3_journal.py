"""Journals in S3: one object for each flush, numbered, and never deleted.

    journal/<run>/00000001     the lines of the first flush
    journal/<run>/00000002     ...; one with the field `keyplan-cut` cuts what is before it
    archive/<run>              the run is closed

Rules: each number is written only where there is none, so that of two writers one is
refused. A holder that finds a number taken has lost its lease in fact. What a run writes
first is followed by another look at the lease, since nobody else would meet that number.
Lines whose write stayed undecided are looked for before they are written again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from keyplan.errors import BusyError, StoreError
from keyplan_state.held_lease import HeldLease
from keyplan_state.paths import checked_log_name
from keyplan_state.s3_objects import Object, Objects, Write

_CUT = "keyplan-cut"
_FENCE = "keyplan-fence"
_READERS = 8


@dataclass(slots=True)
class _End:
    """Where the next flush of a log goes; `undecided` may be there already."""

    number: int
    fence: int
    undecided: Write | None = None


class S3Journals:
    """The logs of one state. The caller has required the lease."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._ends: dict[str, _End] = {}

    def append(self, log: str, lines: Sequence[bytes], *, lease: HeldLease) -> None:
        """Add lines: one PUT, or two after one that stayed undecided."""
        target = self._objects.target(_folder(log))
        if any(b"\n" in line for line in lines):
            raise StoreError("a line has a line end inside", target=target)
        if not lines:
            return
        end = self._end(log, lease)
        body = b"\n".join([*lines, b""])
        if end.undecided is not None:
            body = self._decided(end, body)
        if body:
            self._write(log, end, body, {}, lease)

    def read(self, log: str) -> bytes:
        """All of it, in order. A number that is missing is an error."""
        folder = _folder(log)
        names = sorted(self._objects.names(folder))
        if names != [_name(number) for number in range(1, len(names) + 1)]:
            raise StoreError(
                "parts of the journal are missing or are none of keyplan's",
                target=self._objects.target(folder),
                why=f"There are {len(names)} objects, and their numbers have gaps.",
                advice="Restore them from the bucket's versions. Do not apply before that.",
            )
        content = bytearray()
        with ThreadPoolExecutor(_READERS) as pool:
            for found in pool.map(self._objects.get, [f"{folder}/{name}" for name in names]):
                _add(content, found)
        return bytes(content)

    def truncate(self, log: str, size: int, *, lease: HeldLease) -> None:
        """Cut back: an object that says so."""
        target = self._objects.target(_folder(log))
        self._ends.pop(log, None)  # what stayed undecided is there or is not
        end = self._end(log, lease)
        present = len(self.read(log))
        if end.number == 1:
            raise StoreError("there is no such journal", target=target)
        if not 0 <= size <= present:
            raise StoreError(
                f"it has {present} bytes and cannot be cut back to {size}", target=target
            )
        self._write(log, end, b"", {_CUT: str(size)}, lease)

    def open(self) -> list[str]:
        """Those without a mark that they are closed, sorted."""
        begun = self._objects.names("journal", delimiter="/")
        closed = set(self._objects.names("archive"))
        return sorted(log for log in begun if log not in closed)

    def closed(self) -> list[str]:
        """Those with one, sorted."""
        return sorted(self._objects.names("archive"))

    def archive(self, log: str, *, lease: HeldLease) -> None:
        """Mark it as closed. One that is closed already is left alone."""
        if not any(True for _ in self._objects.names(_folder(log))):
            target = self._objects.target(_folder(log))
            raise StoreError("cannot archive the journal: there is none", target=target)
        self._close(log, lease, guard=lease.check_deadline)

    def _close(self, log: str, lease: HeldLease, *, guard: Callable[[], None]) -> None:
        write = Write(_mark(log), b"", fields={_FENCE: str(lease.fence)})
        self._objects.put(write, guard=guard)
        self._ends.pop(log, None)

    def _end(self, log: str, lease: HeldLease) -> _End:
        """Where to write, looked up once for each lease."""
        end = self._ends.get(log)
        if end is None or end.fence != lease.fence:
            if self._objects.get(_mark(log)) is not None:
                target = self._objects.target(_folder(log))
                raise StoreError("the journal is closed", target=target)
            last = max(self._objects.names(_folder(log)), default="0")
            end = self._ends[log] = _End(int(last) + 1 if last.isdigit() else 1, lease.fence)
        return end

    def _decided(self, end: _End, body: bytes) -> bytes:
        """What is left to write, once it is known whether the write before arrived."""
        before = end.undecided
        assert before is not None  # noqa: S101  (the caller looked)
        there = self._objects.get(before.name)
        if there is not None and there.token == before.token:
            if not body.startswith(before.body):
                raise _taken(self._objects.target(before.name))
            end.number += 1
            body = body.removeprefix(before.body)
        end.undecided = None
        return body

    def _write(
        self, log: str, end: _End, body: bytes, fields: dict[str, str], lease: HeldLease
    ) -> None:
        name = f"{_folder(log)}/{_name(end.number)}"
        write = Write(name, body, fields={_FENCE: str(lease.fence), **fields})
        end.undecided = write
        why = "If it is not there, the effect that it announced was not begun."
        if self._objects.put(write, guard=lease.check_deadline, why=why) is None:
            del self._ends[log]
            raise _taken(self._objects.target(name))
        end.undecided = None
        end.number += 1
        if end.number == 2:
            self._confirm(log, lease)

    def _confirm(self, log: str, lease: HeldLease) -> None:
        """Was the lease still ours? If not, the log is closed again: no effect followed."""
        try:
            lease.check()
        except BusyError:
            with suppress(StoreError):  # it stays open then, and `keyplan resume` closes it
                self._close(log, lease, guard=lambda: None)
            raise


def _add(content: bytearray, found: Object | None) -> None:
    """Add what a flush wrote, or cut back as it says."""
    if found is None:
        raise StoreError("a part of the journal vanished", advice="Run the command again.")
    cut = found.fields.get(_CUT)
    if cut is None:
        content += found.body
        return
    if not cut.isdecimal() or int(cut) > len(content):
        raise StoreError(f"a part of the journal cuts it back to {cut!r}, which it has not")
    del content[int(cut) :]


def _taken(target: str) -> BusyError:
    return BusyError(
        "another run has written to this journal",
        target=target,
        why="Its lease was newer, so this run must not go on.",
        advice="Nothing more was written. See who else works on this state, then run"
        " `keyplan resume`.",
    )


def _folder(log: str) -> str:
    return f"journal/{checked_log_name(log)}"


def _mark(log: str) -> str:
    return f"archive/{checked_log_name(log)}"


def _name(number: int) -> str:
    return f"{number:08d}"
