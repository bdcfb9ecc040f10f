"""The lease of a `postgres` store: a row, and the server's clock.

Rules: the server's clock alone says how long a holder was silent. A connection that ends
says nothing of its holder, who may be in the middle of a call to a provider and comes back
over another one: until its time is over, the lease is its own. Fences only grow.
"""

from __future__ import annotations

from keyplan_state.lease_record import LeaseRecord, Seen
from keyplan_state.postgres_link import Link, LostConnectionError, Statements
from keyplan_state.postgres_tables import make, present
from keyplan_state.postgres_target import Target

_READ = """
    SELECT record, version, extract(epoch FROM clock_timestamp() - renewed)::float8
    FROM {s}.leases WHERE stack = %s"""

_FIRST = """
    INSERT INTO {s}.leases (stack, version, fence, holder, record, ttl, session)
    VALUES (%s, 1, %s, %s, %s, %s, false) ON CONFLICT DO NOTHING RETURNING version"""

_NEXT = """
    UPDATE {s}.leases SET version = version + 1, fence = %s, holder = %s, record = %s, ttl = %s,
        session = false, renewed = clock_timestamp()
    WHERE stack = %s AND version = %s AND fence <= %s RETURNING version"""


class LeaseRow:
    """A `keyplan_state.lease_record.LeaseTable` over a connection of its own."""

    def __init__(self, link: Link, target: Target) -> None:
        self._link = link
        self._target = target

    @property
    def place(self) -> str:
        """As people know it."""
        return self._target.name

    def read(self) -> Seen | None:
        """The record, and for how long it was not renewed."""
        return self._link.read(self._read)

    def _read(self, sql: Statements) -> Seen | None:
        if not present(sql, self._target.schema):
            return None
        rows = sql(_READ, self._target.stack)
        if not rows:
            return None
        record, version, age = rows[0]
        return Seen(LeaseRecord.decode(record, self.place), str(version), age)

    def swap(self, record: LeaseRecord, *, expected: str | None) -> str | None:
        """Write the record over the expected one.

        A lost answer is `None`: the caller reads back what became of it.
        """
        try:
            return self._link.run(lambda sql: self._swap(sql, record, expected))
        except LostConnectionError:
            return None

    def _swap(self, sql: Statements, record: LeaseRecord, expected: str | None) -> str | None:
        make(sql, self._target.schema)
        holder = record.holder.id if record.holder else None
        values = (record.fence, holder, record.encode(), record.ttl)
        if expected is None:
            rows = sql(_FIRST, self._target.stack, *values)
        else:
            rows = sql(_NEXT, *values, self._target.stack, int(expected), record.fence)
        return str(rows[0][0]) if rows else None
