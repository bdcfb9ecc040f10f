"""One HSM: its store, opened; its clock; its one way to read and its one way to write.

Rules: reading needs no secret and creates nothing, and a store that does not exist reads
as an empty HSM. Every write runs in a transaction together with its audit record, under
the lock of the whole store, so that what it checks still holds when it is done. Keys
whose deletion window has ended are destroyed by the next write and absent at once.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from keyplan.errors import (
    KeyplanError,
    RejectedError,
    TransientError,
)
from keyplan.model.timing import format_instant
from keyplan_hsm import schema
from keyplan_hsm.audit import Call, Chain
from keyplan_hsm.group_commit import GroupCommit, Job
from keyplan_hsm.private_files import check_private, make_directory, make_file
from keyplan_hsm.records import seconds
from keyplan_hsm.rows import Rows
from keyplan_hsm.sealing import StoreKeys
from keyplan_hsm.settings import OFFICER
from keyplan_hsm.store_errors import interrupted, lost, not_made, unavailable
from keyplan_hsm.store_facts import StoreFacts, read_facts, write_facts
from keyplan_hsm.unlocking import Unlocker
from keyplan_hsm.vault import Vault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """What a piece of work may touch: rows and material at one instant, and its audit record."""

    rows: Rows
    vault: Vault
    now: datetime
    call: Call


class Device:
    """An HSM that exists, or will with the first write. Safe to use from several threads."""

    def __init__(
        self,
        unlocker: Unlocker,
        *,
        clock: Callable[[], datetime],
        name: str,
        read_only: bool = False,
    ) -> None:
        self.path = unlocker.store
        self.name = name
        self.clock = clock
        self._unlocker = unlocker
        self._read_only = read_only
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._reading = threading.Lock()
        self._unlocking = threading.Lock()
        self._vault: Vault | None = None
        self._commits = GroupCommit(self._commit)

    # -- what it is ----------------------------------------------------------------------

    @property
    def absent_place(self) -> str:
        """What identifies an HSM that does not exist yet: where it will be."""
        return f"new:{self.name}"

    def facts(self) -> StoreFacts | None:
        """What the store says about itself, or `None` while there is none."""
        with self.reading() as rows:
            return None if rows is None else read_facts(rows)

    # -- reading -------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Rows | None]:
        """Rows to read at one instant; `None` if the store does not exist."""
        with self._reading:
            if self._reader is None:
                self._reader = self._open_reader()
            if self._reader is None:
                yield None
                return
            try:
                yield Rows(self._reader, seconds(self.clock()))
            except sqlite3.Error as error:
                raise unavailable(self.path, error) from error

    def _open_reader(self) -> sqlite3.Connection | None:
        if not self.path.exists() or self.path.stat().st_size == 0:
            return None
        check_private(self.path)
        try:
            connection = schema.open_reading(self.path)
        except sqlite3.Error as error:
            raise unavailable(self.path, error) from error
        made = False
        try:
            made = read_facts(Rows(connection, 0)) is not None
        except sqlite3.Error as error:
            raise unavailable(self.path, error) from error
        finally:
            if not made:
                connection.close()
        return connection if made else None

    # -- unlocking and creating ----------------------------------------------------------

    def unlock(self) -> Vault:
        """The material's vault; makes the store if there is none. Raises `UnauthenticatedError`."""
        with self._unlocking:
            if self._vault is None:
                facts = self.facts()
                if facts is None:
                    facts = self._create()
                if self._vault is None:
                    self._vault = Vault(self._unlocker.unlock(facts.lock))
            return self._vault

    def check_secret(self) -> None:
        """Raise where the store could not be opened, or not be made, with the secret there is."""
        if self.facts() is None:
            self._unlocker.check()
        else:
            self.unlock()

    def _create(self) -> StoreFacts:
        """Make the store, or take the one that another process made in the same moment."""
        self._refuse_if_read_only()
        self._make_file()
        connection: sqlite3.Connection | None = None
        try:
            connection = schema.open_writing(self.path)
            connection.execute("BEGIN IMMEDIATE")
            for statement in schema.TABLES.split(";"):
                connection.execute(statement)
            rows = Rows(connection, seconds(self.clock()))
            facts, keys = read_facts(rows), None
            if facts is None:
                facts, keys = self._initialise(connection, rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise unavailable(self.path, error) from error
        finally:
            if connection is not None:
                connection.close()
        if keys is not None:
            self._vault = Vault(keys)
        return facts

    def _make_file(self) -> None:
        """The store's empty file and its directory, unless it is there."""
        try:
            make_directory(self.path.parent)
            make_file(self.path)
        except FileExistsError:
            check_private(self.path)
        except OSError as error:
            raise not_made(self.path, error) from None

    def _initialise(
        self, connection: sqlite3.Connection, rows: Rows
    ) -> tuple[StoreFacts, StoreKeys]:
        lock, keys = self._unlocker.lock()
        now = self.clock()
        facts = StoreFacts(
            serial=secrets.token_hex(4).upper(),
            created_at=format_instant(now),
            formerly=self.absent_place,
            lock=lock,
        )
        write_facts(rows, facts)
        chain = Chain.begin(connection, keys.auditing, facts.serial)
        chain.append(Call(OFFICER, "initialise", detail={"lock": lock["kind"]}), "ok", now)
        chain.close()
        return facts, keys

    # -- writing -------------------------------------------------------------------------

    def perform(
        self, call: Call, work: Callable[[Session], T], *, timeout: float | None = None
    ) -> T:
        """Do one piece of work, durably on return, and record it in the audit chain.

        The record is kept when the work is refused, too. Raises what `work` raises,
        `TransientError` if its turn did not come, `OutcomeUnknownError` if the disk
        failed while it was committed.
        """
        self._refuse_if_read_only()
        self.unlock()
        job = Job(call, work)
        try:
            self._commits.submit(job, timeout)
        except TimeoutError:
            raise TransientError(
                "the HSM was busy for the whole time given",
                target=str(self.path),
                operation=call.event,
                advice="Try again, or give it more time.",
            ) from None
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def _commit(self, jobs: Sequence[Job]) -> None:
        """Run jobs in one transaction; each is decided on return, whatever happens."""
        committing = False
        try:
            if self._writer is None:
                self._writer = schema.open_writing(self.path)
            self._writer.execute("BEGIN IMMEDIATE")
            outcomes = self._transact(self._writer, jobs)
            committing = True
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            for job in jobs:
                job.fail(lost(self.path, error) if committing else unavailable(self.path, error))
        except KeyplanError as error:
            self._rollback()
            for job in jobs:
                job.fail(error)
        except BaseException:
            self._rollback()
            for job in jobs:
                job.fail(interrupted(self.path, committing=committing))
            raise
        else:
            for job, (result, problem) in zip(jobs, outcomes, strict=True):
                job.succeed(result) if problem is None else job.fail(problem)

    def _transact(
        self, connection: sqlite3.Connection, jobs: Sequence[Job]
    ) -> list[tuple[object, BaseException | None]]:
        now = self.clock()
        rows = Rows(connection, seconds(now))
        vault = self.unlock()
        chain = Chain.at_end(connection, vault.audit_key)
        for key_id in rows.ended():
            rows.purge(key_id)
            vault.forget(key_id)
            chain.append(Call(OFFICER, "destroy_key", key_id), "ok", now)
        outcomes = [
            self._one(connection, chain, Session(rows, vault, now, job.call), job) for job in jobs
        ]
        chain.close()
        return outcomes

    def _one(
        self, connection: sqlite3.Connection, chain: Chain, session: Session, job: Job
    ) -> tuple[object, BaseException | None]:
        """One job in a savepoint of its own: refused work leaves nothing but its record."""
        connection.execute("SAVEPOINT job")
        result: object = None
        problem: Exception | None = None
        try:
            result = job.work(session)
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  (decided for this job; the others go on)
            connection.execute("ROLLBACK TO job")
            session.rows.forget()
            session.vault.forget_all()
            problem = error
        connection.execute("RELEASE job")
        outcome = "ok"
        if problem is not None:
            outcome = problem.error_class if isinstance(problem, KeyplanError) else "failed"
        chain.append(job.call, outcome, session.now)
        return result, problem

    def _rollback(self) -> None:
        if self._writer is not None and self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        if self._vault is not None:
            self._vault.forget_all()

    def _refuse_if_read_only(self) -> None:
        if self._read_only:
            raise RejectedError(
                "this connection to the HSM was opened for reading only", target=str(self.path)
            )

    def close(self) -> None:
        """Close both connections. Idempotent."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None
