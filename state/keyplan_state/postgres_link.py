"""A connection to PostgreSQL that is opened when it is needed and again when it was lost.

Rules: every statement ends, by the server's timeout or, should the server hang, by ours.
What the driver raises becomes a `StoreError` without the password. A connection that is
lost is a `LostConnectionError`: only the caller knows whether trying again is safe.
"""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock, Timer
from typing import TYPE_CHECKING, Any, TypeVar

from keyplan.errors import StoreError
from keyplan_state.postgres_errors import explained
from keyplan_state.postgres_target import Target, driver

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_STATEMENT_SECONDS = 60.0
_LOCK_SECONDS = 15.0
_IDLE_SECONDS = 15.0
"""A holder that is paused inside a transaction loses it, so that nobody waits for it."""

_SETTINGS = (
    "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
    " set_config('idle_in_transaction_session_timeout', %s, false)"
)


class LostConnectionError(StoreError):
    """The connection ended: what was sent last was done, or not."""


class Statements:
    """Runs statements on one connection; `{s}` in them is the schema."""

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def __call__(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, or none."""
        sql = driver().sql
        composed = sql.SQL(statement).format(s=sql.Identifier(self._schema))
        cursor = self._connection.execute(composed, parameters or None, binary=True)
        return cursor.fetchall() if cursor.description else []


class Link:
    """One connection to one database, for one thread at a time."""

    def __init__(self, target: Target, *, patience: float = _STATEMENT_SECONDS + 15.0) -> None:
        self._target = target
        self._patience = patience
        self._lock = RLock()
        self._open: list[psycopg.Connection] = []
        weakref.finalize(self, _close, self._open)

    def close(self) -> None:
        """End the connection; the next statement opens another."""
        with self._lock:
            _close(self._open)

    def read(self, question: Callable[[Statements], T]) -> T:
        """Ask something; a question that was lost is asked once more."""
        try:
            return self.run(question)
        except LostConnectionError:
            return self.run(question)

    def run(self, work: Callable[[Statements], T]) -> T:
        """Do something in a transaction of its own."""
        with (
            self._lock,
            self._explained(),
            self._watched(self._connected()) as connection,
            connection.transaction(),
        ):
            return work(Statements(connection, self._target.schema))

    def _connected(self) -> psycopg.Connection:
        if self._open and not self._open[0].closed:
            return self._open[0]
        _close(self._open)
        made = self._connect()
        self._open.append(made)
        waits = (_STATEMENT_SECONDS, _LOCK_SECONDS, _IDLE_SECONDS)
        with self._watched(made):
            made.execute(_SETTINGS, [f"{seconds:g}s" for seconds in waits])
        return made

    def _connect(self) -> psycopg.Connection:
        """A new connection. What cannot be reached was sent nothing: that is no lost answer."""
        errors = driver()
        try:
            made: psycopg.Connection = errors.connect(
                autocommit=True, prepare_threshold=None, **self._target.parameters
            )
        except errors.Error as error:
            raise explained(error, self._target) from None
        return made

    @contextmanager
    def _watched(self, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
        """Cut the connection off if the server is silent for too long."""
        timer = Timer(self._patience, _cut, (connection,))
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        errors = driver()
        try:
            yield
        except errors.Error as error:
            found = explained(error, self._target)
            if self._open and not self._open[0].closed:
                raise found from None
            _close(self._open)
            raise LostConnectionError(
                found.what, target=found.target, why=found.why, advice=found.advice
            ) from None


def _cut(connection: psycopg.Connection) -> None:
    with (
        suppress(Exception),  # it has just ended by itself
        socket.socket(fileno=os.dup(connection.fileno())) as ours,
    ):
        ours.shutdown(socket.SHUT_RDWR)


def _close(opened: list[psycopg.Connection]) -> None:
    while opened:
        with suppress(Exception):  # it is of no use any more, whatever it says
            opened.pop().close()


def lines_of(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """The only column of some rows, as text."""
    return [str(row[0]) for row in rows]
