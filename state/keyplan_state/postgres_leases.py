"""The lease of a `postgres` store: a row, the server's clock, and a lock of the session.

Rules: the server's clock alone says how long a holder was silent. While it holds, a holder
keeps an advisory lock, which ends with its connection: where that is gone, so is the
holder, and nobody waits for its time to end. Behind a pooler that lends sessions a lock
means nothing, and none is used. Fences only grow.
"""

from __future__ import annotations

import math

from keyplan_state.lease_record import LeaseRecord, Seen
from keyplan_state.postgres_link import Link, LostConnectionError, Statements
from keyplan_state.postgres_tables import make, number, present
from keyplan_state.postgres_target import Target

# pg_locks shows the two halves of an advisory lock's key. A session's lock is looked for in
# this database only.
_READ = """
    SELECT record, version, extract(epoch FROM clock_timestamp() - renewed)::float8,
        session AND NOT EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid::bigint << 32 | objid::bigint = %s)
    FROM {s}.leases WHERE stack = %s"""

_FIRST = """
    INSERT INTO {s}.leases (stack, version, fence, holder, record, ttl, session)
    VALUES (%s, 1, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING version"""

_NEXT = """
    UPDATE {s}.leases SET version = version + 1, fence = %s, holder = %s, record = %s, ttl = %s,
        session = %s, renewed = clock_timestamp()
    WHERE stack = %s AND version = %s AND fence <= %s RETURNING version"""


class LeaseRow:
    """A `keyplan_state.lease_record.LeaseTable` over a connection of its own."""

    def __init__(self, link: Link, target: Target) -> None:
        self._link = link
        self._target = target
        self._lock = number(f"keyplan lease {target.schema} {target.stack}")
        self._locked: int | None = None  # the session that has the advisory lock

    @property
    def place(self) -> str:
        """As people know it."""
        return self._target.name

    def read(self) -> Seen | None:
        """The record; a holder whose connection ended was silent for ever."""
        return self._link.read(self._read)

    def _read(self, sql: Statements) -> Seen | None:
        if not present(sql, self._target.schema):
            return None
        rows = sql(_READ, self._lock, self._target.stack)
        if not rows:
            return None
        record, version, age, gone = rows[0]
        return Seen(LeaseRecord.decode(record, self.place), str(version), math.inf if gone else age)

    def swap(self, record: LeaseRecord, *, expected: str | None) -> str | None:
        """Write the record over the expected one; the advisory lock first, or last of all.

        A lost answer is `None`: the caller reads back what became of it.
        """
        try:
            if record.holder is not None:
                self._hold()
            version = self._link.run(lambda sql: self._swap(sql, record, expected))
        except LostConnectionError:
            return None
        if record.holder is None and version is not None:
            self._let_go()
        return version

    def _swap(self, sql: Statements, record: LeaseRecord, expected: str | None) -> str | None:
        make(sql, self._target.schema)
        holder = record.holder.id if record.holder else None
        session = holder is not None and self._has_lock
        values = (record.fence, holder, record.encode(), record.ttl, session)
        if expected is None:
            rows = sql(_FIRST, self._target.stack, *values)
        else:
            rows = sql(_NEXT, *values, self._target.stack, int(expected), record.fence)
        return str(rows[0][0]) if rows else None

    @property
    def _has_lock(self) -> bool:
        return self._locked is not None and self._locked == self._link.session

    def _hold(self) -> None:
        """Take the advisory lock, unless another session still has it."""
        if self._has_lock:
            return
        taken = self._link.run_alone("SELECT pg_try_advisory_lock(%s)", self._lock)[0][0]
        if taken and self._link.pooled:
            self._link.run_alone("SELECT pg_advisory_unlock(%s)", self._lock)
        self._locked = self._link.session if taken and not self._link.pooled else None

    def _let_go(self) -> None:
        if self._has_lock:
            self._link.run_alone("SELECT pg_advisory_unlock(%s)", self._lock)
        self._locked = None
