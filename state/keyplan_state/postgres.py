"""The `postgres` store: a state in a database that a team shares.

`{url: {env: KEYPLAN_STATE_URL}, schema: keyplan, stack: payments}`: the tables of the
schema hold many stacks; `stack` names this one in them.

Rules: reading creates nothing and needs no lease. Every write is a transaction that first
locks the lease's row and looks whether it still has our fence, by the server's clock: who
was paused and wakes up writes nothing. It is durable when it returns, whatever the
server's default. An answer that was lost is decided by what the row says was written last.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.sdk.store import Blob, Lease, LeaseInfo
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks
from keyplan_state.leases import Leases
from keyplan_state.postgres_leases import LeaseRow
from keyplan_state.postgres_link import Link, LostConnectionError, Statements, lines_of
from keyplan_state.postgres_tables import present
from keyplan_state.postgres_target import PostgresSettings, Target, resolve

T = TypeVar("T")

_TTL = 60.0
_LEAST_PATIENCE = 5.0
_KEPT = 100
"""How many states before the present one are kept."""

_TRIES = 3

# `on` or better: a commit that was answered survives a crash of the server.
_FENCE = """
    SELECT written, CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
        THEN set_config('synchronous_commit', 'on', true) END
    FROM {s}.leases WHERE stack = %s AND fence = %s AND holder = %s
        AND renewed > clock_timestamp() - make_interval(secs => ttl) FOR UPDATE"""

_MARK = "UPDATE {s}.leases SET written = %s WHERE stack = %s"

_APPEND = """
    INSERT INTO {s}.lines (stack, log, seq, line)
    SELECT %s, %s, base.seq + added.number, added.line
    FROM unnest(%s::bytea[]) WITH ORDINALITY AS added (line, number), (
        SELECT coalesce(max(seq), 0) AS seq FROM {s}.lines WHERE stack = %s AND log = %s
    ) AS base"""

_OPEN = "INSERT INTO {s}.logs (stack, log) VALUES (%s, %s) ON CONFLICT DO NOTHING"

_PRUNE = "DELETE FROM {s}.states WHERE stack = %s AND number < %s"

_ENDS = """
    SELECT seq, (sum(octet_length(line) + 1) OVER (ORDER BY seq))::bigint
    FROM {s}.lines WHERE stack = %s AND log = %s ORDER BY seq"""


class PostgresStore:
    """A `keyplan.sdk.store.Store`. Connects when it is first asked something."""

    def __init__(self, target: Target, *, ttl: float = _TTL, clocks: Clocks | None = None) -> None:
        self._target = target
        self._link = Link(target)
        # A heartbeat that the server does not answer must be over in time for the next one.
        heart = Link(target, patience=max(ttl / 3, _LEAST_PATIENCE))
        self._leases = Leases(LeaseRow(heart, target), ttl=ttl, clocks=clocks)

    def describe(self) -> str:
        """`postgres keyplan, stack payments`."""
        return self._target.name

    # -- the state -----------------------------------------------------------------------

    def load(self) -> Blob | None:
        """The last committed state, or `None`."""
        return self._kept(0)

    def previous(self) -> Blob | None:
        """The one before it."""
        return self._kept(1)

    def _kept(self, before: int) -> Blob | None:
        rows = self._read(
            "SELECT content, version FROM {s}.states WHERE stack = %s"
            " ORDER BY number DESC LIMIT 1 OFFSET %s",
            before,
        )
        return Blob(bytes(rows[0][0]), rows[0][1]) if rows else None

    def versions(self) -> Sequence[str]:
        """The states that are kept, oldest first."""
        return lines_of(
            self._read("SELECT version FROM {s}.states WHERE stack = %s ORDER BY number")
        )

    def content(self, version: str) -> bytes | None:
        """The bytes of one of them."""
        rows = self._read(
            "SELECT content FROM {s}.states WHERE stack = %s AND version = %s", version
        )
        return bytes(rows[0][0]) if rows else None

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Add a state if the newest is still `expected`; the oldest beyond 100 goes."""
        stack = self._target.stack

        def add(sql: Statements) -> str:
            rows = sql(
                "SELECT number, version FROM {s}.states WHERE stack = %s"
                " ORDER BY number DESC LIMIT 1",
                stack,
            )
            number, present_version = rows[0] if rows else (0, None)
            if present_version != expected:
                raise StateConflictError(
                    "the state has changed since it was read",
                    target=self.describe(),
                    why="Somebody else committed, or the database was restored.",
                    advice="Nothing was written. Plan again on the state as it is now.",
                )
            version = f"{number + 1}-{sha256(content).hexdigest()[:16]}"
            sql(
                "INSERT INTO {s}.states (stack, number, version, content) VALUES (%s, %s, %s, %s)",
                stack, number + 1, version, content,
            )  # fmt: skip
            sql(
                "DELETE FROM {s}.states WHERE stack = %s AND number < %s", stack, number + 1 - _KEPT
            )
            return version

        return self._write(lease, add)

    # -- the lease -----------------------------------------------------------------------

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> Lease:
        """Take the lease, waiting up to `timeout` seconds. Raises `BusyError`."""
        return self._leases.acquire(info, timeout=timeout)

    def holder(self) -> LeaseInfo | None:
        """Who holds the lease now."""
        return self._leases.holder()

    def unlock(self, lease_id: str) -> None:
        """Take the lease away from a run that hangs: it cannot write any more."""
        self._leases.unlock(lease_id)

    # -- journals ------------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Add lines to an open journal: one transaction."""
        if any(b"\n" in line for line in lines):
            self._refuse(log, "a line has a line end inside")
        stack = self._target.stack

        def add(sql: Statements) -> None:
            if not lines:
                return
            if self._is_archived(sql, log) is True:
                self._refuse(log, "the journal is closed")
            sql(
                "INSERT INTO {s}.logs (stack, log) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                stack,
                log,
            )
            sql(_APPEND, stack, log, list(lines), stack, log)

        self._write(lease, add)

    def read_log(self, log: str) -> bytes:
        """The journal, open or closed; empty if there is none."""
        rows = self._read(
            "SELECT line FROM {s}.lines WHERE stack = %s AND log = %s ORDER BY seq", log
        )
        return b"".join(bytes(row[0]) + b"\n" for row in rows)

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut an open journal back to `size` bytes, the end of one of its lines."""

        def cut(sql: Statements) -> None:
            if self._is_archived(sql, log) is not False:
                self._refuse(log, "there is no open journal of that name")
            ends = {end: seq for seq, end in sql(_ENDS, self._target.stack, log)} | {0: 0}
            if size not in ends:
                self._refuse(log, f"no line of the journal ends after {size} bytes")
            sql(
                "DELETE FROM {s}.lines WHERE stack = %s AND log = %s AND seq > %s",
                self._target.stack, log, ends[size],
            )  # fmt: skip

        self._write(lease, cut)

    def open_logs(self) -> Sequence[str]:
        """Names of the journals that are not archived, sorted."""
        return self._logs(archived=False)

    def closed_logs(self) -> Sequence[str]:
        """Names of the archived journals, sorted."""
        return self._logs(archived=True)

    def _logs(self, *, archived: bool) -> list[str]:
        return lines_of(
            self._read(
                "SELECT log FROM {s}.logs WHERE stack = %s AND archived = %s ORDER BY log", archived
            )
        )

    def archive(self, log: str, *, lease: Lease) -> None:
        """Close a journal. One that is closed already is left alone."""

        def close(sql: Statements) -> None:
            if self._is_archived(sql, log) is None:
                self._refuse(log, "there is no journal of that name")
            sql(
                "UPDATE {s}.logs SET archived = true WHERE stack = %s AND log = %s",
                self._target.stack, log,
            )  # fmt: skip

        self._write(lease, close)

    # -- how -----------------------------------------------------------------------------

    def _is_archived(self, sql: Statements, log: str) -> bool | None:
        rows = sql(
            "SELECT archived FROM {s}.logs WHERE stack = %s AND log = %s", self._target.stack, log
        )
        return bool(rows[0][0]) if rows else None

    def _refuse(self, log: str, problem: str) -> NoReturn:
        raise StoreError(problem, target=f"{self.describe()}, journal {log}")

    def _read(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a question about this stack; none where there are no tables yet."""

        def ask(sql: Statements) -> list[tuple[Any, ...]]:
            there = present(sql, self._target.schema)
            return sql(statement, self._target.stack, *parameters) if there else []

        return self._link.read(ask)

    def _write(self, lease: Lease, effect: Callable[[Statements], T]) -> T:
        """Do something under the lease, exactly once, although answers are lost.

        The row of the lease holds the mark of the last write. It stays locked until the
        transaction that wrote it has ended, so what it says then is final.
        """
        held = self._leases.owned(lease)
        mark = uuid.uuid4()
        done: list[T] = []
        for attempt in range(1, _TRIES + 1):
            try:
                return self._link.run(lambda sql: self._fenced(sql, held, mark, effect, done))
            except LostConnectionError:
                if attempt == _TRIES:
                    raise
        raise AssertionError("unreachable")

    def _fenced(
        self,
        sql: Statements,
        held: HeldLease,
        mark: uuid.UUID,
        effect: Callable[[Statements], T],
        done: list[T],
    ) -> T:
        rows = sql(_FENCE, self._target.stack, held.fence, held.info.id)
        if not rows:
            held.check()
            raise BusyError(
                "the lease was lost",
                target=self.describe(),
                why="By the clock of the database it was not renewed in time.",
                advice="Nothing was written. See who else works on this state, then run"
                " `keyplan resume`.",
            )
        if rows[0][0] == mark:
            return done[-1]  # it was committed, only the answer was lost
        done.append(effect(sql))
        sql(_MARK, mark, self._target.stack)
        return done[-1]


class PostgresStorePlugin:
    """A `keyplan.sdk.store.StorePlugin`."""

    @property
    def name(self) -> str:
        """As `keyplan.state` names it."""
        return "postgres"

    @property
    def settings_model(self) -> type[BaseModel]:
        """`{url: {env: NAME}, schema: keyplan, stack: NAME}`."""
        return PostgresSettings

    def open(
        self, settings: BaseModel, *, stack: Path, environment: Mapping[str, str]
    ) -> PostgresStore:
        """The store of a stack. Reads the address and connects to nothing."""
        checked = PostgresSettings.model_validate(settings.model_dump(by_alias=True))
        return PostgresStore(resolve(checked, stack, environment), ttl=checked.lease_seconds)


STORE = PostgresStorePlugin()
"""The entry point `keyplan.stores: postgres`."""
