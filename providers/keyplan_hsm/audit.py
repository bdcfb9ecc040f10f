"""The audit chain: one record for each call, each sealed to the one before.

A record's digest is SHA-256 over the digest before it, its number and its text; its
seal is an HMAC of that digest under a key that only an unlocked store has, and the head
seals the number of records. So whoever edits, removes, inserts or cuts off records, and
recomputes all the digests, is found out all the same.

What it cannot show: that the whole file was put back to an earlier copy. Keep the head
(`keyplan hsm audit --verify` prints it) somewhere else to detect that.

Rules: a record is written in the transaction of what it records, so neither exists
without the other; it never holds data, key material or secrets.
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

    def __init__(self, connection: sqlite3.Connection, key: bytes, serial: str) -> None:
        self._connection = connection
        self._key = key
        row = connection.execute("SELECT sequence, digest FROM head").fetchone()
        self._sequence: int = row[0] if row else 0
        self._digest: bytes = row[1] if row else genesis(serial)

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
        data: dict[str, Any] = json.loads(text)
        yield Record(sequence=sequence, **data)


def end(connection: sqlite3.Connection) -> tuple[int, str]:
    """How many records the head counts, and its digest in hexadecimal; nothing is checked."""
    row = connection.execute("SELECT sequence, digest FROM head").fetchone()
    return (0, "") if row is None else (row[0], row[1].hex())


def verify(connection: sqlite3.Connection, serial: str, key: bytes | None) -> Verification:
    """Walk the chain. Without `key` the seals are not checked.

    Names the first record that was altered, removed, inserted or cut off.
    """
    digest, sequence = genesis(serial), 0
    head = connection.execute("SELECT sequence, digest, seal FROM head").fetchone()
    counted = head[0] if head else 0

    def broken(at: int, problem: str) -> Verification:
        return Verification(counted, digest.hex(), key is not None, at, problem)

    for number, text, stored, seal in connection.execute(
        "SELECT sequence, record, digest, seal FROM audit ORDER BY sequence"
    ):
        if number != sequence + 1:
            return broken(sequence + 1, "it is missing")
        expected = link(digest, number, str(text))
        if not hmac.compare_digest(expected, stored):
            return broken(number, "its text or digest was changed, or the record before it")
        if key is not None and not hmac.compare_digest(record_seal(key, stored), seal):
            return broken(number, "it was not written by this HSM: its seal is wrong")
        digest, sequence = stored, number
    if head is None:
        return (
            Verification(0, digest.hex(), key is not None)
            if not sequence
            else broken(1, "the seal of the chain's end is missing")
        )
    if sequence < counted:
        return broken(
            sequence + 1, f"it is missing: the chain was cut off ({counted} were written)"
        )
    if sequence > counted or head[1] != digest:
        return broken(counted + 1, "it does not belong to the sealed end of the chain")
    if key is not None and not hmac.compare_digest(head_seal(key, counted, digest), head[2]):
        return broken(counted + 1, "the seal of the chain's end is wrong: records may be cut off")
    return Verification(counted, digest.hex(), key is not None)
