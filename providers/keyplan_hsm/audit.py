"""The audit chain: one record for each call, each sealed to the one before.

A record's digest is SHA-256 over the digest before it, its number and its text; its
seal is an HMAC of that digest under a key that only an unlocked store has, and the head
seals the number of records. So whoever edits, removes, inserts or cuts off records, and
recomputes all the digests, is found out all the same.

What it cannot show: that the file, or the whole chain with its end, was put back to an
earlier copy. Keep the head (`keyplan hsm audit --verify` prints it) somewhere else to
detect that.

Rules: a record is written in the transaction of what it records, so neither exists
without the other; it never holds data, key material or secrets. Nothing is added to an
end whose seal is wrong: sealing it anew would make a cut-off chain look whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keyplan.errors import RejectedError
from keyplan.model.canonical import canonical_json
from keyplan.model.timing import format_instant
from keyplan.model.values import Value

_GENESIS = b"keyplan-hsm audit chain of "


@dataclass(slots=True)
class Call:
    """What is being done, by whom; `key` and `detail` may be filled in while it is."""

    actor: str
    event: str
    key: str = ""
    detail: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One audit record. `outcome` is `ok` or the class of the error (`denied`, `rejected`)."""

    sequence: int
    at: str
    actor: str
    event: str
    key: str
    outcome: str
    detail: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of `verify`. `broken_at` is the first record that is not as it was written.

    `sealed` says whether the seals could be checked, which needs an unlocked store.
    """

    records: int
    head: str
    sealed: bool
    broken_at: int | None = None
    problem: str = ""


class Chain:
    """The end of the chain within one writing transaction."""

    def __init__(
        self, connection: sqlite3.Connection, key: bytes, sequence: int, digest: bytes
    ) -> None:
        self._connection = connection
        self._key = key
        self._sequence = sequence
        self._digest = digest

    @classmethod
    def begin(cls, connection: sqlite3.Connection, key: bytes, serial: str) -> Chain:
        """The chain of a new store, without records."""
        return cls(connection, key, 0, genesis(serial))

    @classmethod
    def at_end(cls, connection: sqlite3.Connection, key: bytes) -> Chain:
        """The chain as it was sealed last. Raises `RejectedError` if the end was tampered with."""
        head = connection.execute("SELECT sequence, digest, seal FROM head").fetchone()
        if head is None or not _is_sealed_end(key, *head):
            raise RejectedError(
                "the end of the HSM's audit chain was changed, so nothing more is done",
                why="Its seal is missing or wrong: records may have been cut off, and going on"
                " would hide it.",
                advice="See `keyplan hsm audit --verify`, and restore the store from a copy.",
            )
        return cls(connection, key, head[0], head[1])

    def append(self, call: Call, outcome: str, at: datetime) -> None:
        """Add a record; `close` must follow before the transaction is committed."""
        text = canonical_json(
            {
                "at": format_instant(at),
                "actor": call.actor,
                "event": call.event,
                "key": call.key,
                "outcome": outcome,
                "detail": call.detail,
            }
        )
        self._sequence += 1
        self._digest = link(self._digest, self._sequence, text)
        self._connection.execute(
            "INSERT INTO audit (sequence, record, digest, seal) VALUES (?, ?, ?, ?)",
            (self._sequence, text, self._digest, record_seal(self._key, self._digest)),
        )

    def close(self) -> None:
        """Seal the new end."""
        self._connection.execute(
            "INSERT INTO head (only, sequence, digest, seal) VALUES (1, ?, ?, ?) "
            "ON CONFLICT (only) DO UPDATE SET sequence = excluded.sequence, "
            "digest = excluded.digest, seal = excluded.seal",
            (self._sequence, self._digest, head_seal(self._key, self._sequence, self._digest)),
        )


def genesis(serial: str) -> bytes:
    """What the first record follows: the store itself."""
    return hashlib.sha256(_GENESIS + serial.encode()).digest()


def link(before: bytes, sequence: int, text: str) -> bytes:
    """The digest of a record."""
    return hashlib.sha256(before + sequence.to_bytes(8, "big") + text.encode()).digest()


def record_seal(key: bytes, digest: bytes) -> bytes:
    """HMAC-SHA-256 over a record's digest."""
    return hmac.digest(key, b"record" + digest, "sha256")


def head_seal(key: bytes, sequence: int, digest: bytes) -> bytes:
    """HMAC-SHA-256 over how many records there are, and the last one's digest."""
    return hmac.digest(key, b"head" + sequence.to_bytes(8, "big") + digest, "sha256")


def records(connection: sqlite3.Connection, *, last: int | None = None) -> Iterator[Record]:
    """The records in order; only the `last` few if that is given."""
    skip = 0
    if last is not None:
        count = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
        skip = max(0, count - last)
    rows = connection.execute(
        "SELECT sequence, record FROM audit ORDER BY sequence LIMIT -1 OFFSET ?", (skip,)
    )
    for sequence, text in rows:
        try:
            yield _record(sequence, json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise RejectedError(
                f"audit record {sequence} is not as it was written",
                why="It cannot be read: somebody changed the store without the HSM.",
                advice="See `keyplan hsm audit --verify`, and restore the store from a copy.",
            ) from None


def _record(sequence: int, data: dict[str, Any]) -> Record:
    """Raises `TypeError` for other fields or other types."""
    detail = data.pop("detail")
    if not all(isinstance(value, str) for value in data.values()):
        raise TypeError
    return Record(sequence=sequence, detail=detail, **data)


def end(connection: sqlite3.Connection) -> tuple[int, str]:
    """How many records the head counts, and its digest in hexadecimal; nothing is checked."""
    row = connection.execute("SELECT sequence, digest FROM head").fetchone()
    return (0, "") if row is None else (row[0], row[1].hex())


def _is_sealed_end(key: bytes, sequence: object, digest: object, seal: object) -> bool:
    return (
        isinstance(sequence, int)
        and sequence >= 0
        and isinstance(digest, bytes)
        and _same(head_seal(key, sequence, digest), seal)
    )


def _same(expected: bytes, stored: object) -> bool:
    """Constant-time equality; a column that was given another type is not equal."""
    return isinstance(stored, bytes) and hmac.compare_digest(expected, stored)


def verify(connection: sqlite3.Connection, serial: str, key: bytes | None) -> Verification:
    """Walk the chain. Without `key` the seals are not checked.

    Names the first record that was altered, removed, inserted or cut off.
    """
    digest, sequence = genesis(serial), 0
    head = connection.execute("SELECT sequence, digest, seal FROM head").fetchone()
    counted = head[0] if head and isinstance(head[0], int) else 0

    def broken(at: int, problem: str) -> Verification:
        return Verification(counted, digest.hex(), key is not None, at, problem)

    for number, text, stored, seal in connection.execute(
        "SELECT sequence, record, digest, seal FROM audit ORDER BY sequence"
    ):
        if number != sequence + 1:
            return broken(sequence + 1, "it is missing")
        expected = link(digest, number, str(text))
        if not _same(expected, stored):
            return broken(number, "its text or digest was changed, or the record before it")
        if key is not None and not _same(record_seal(key, expected), seal):
            return broken(number, "it was not written by this HSM: its seal is wrong")
        digest, sequence = expected, number
    if head is None or not sequence:
        return broken(1, "the chain or its end is missing: all of it may be cut off")
    if sequence < counted:
        return broken(
            sequence + 1, f"it is missing: the chain was cut off ({counted} were written)"
        )
    if sequence > counted or head[1] != digest:
        return broken(counted + 1, "it does not belong to the sealed end of the chain")
    if key is not None and not _is_sealed_end(key, *head):
        return broken(counted + 1, "the seal of the chain's end is wrong: records may be cut off")
    return Verification(counted, digest.hex(), key is not None)
