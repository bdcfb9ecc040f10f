"""A store in memory that can die at any durable write.

    medium = Medium()
    store = MemoryStore(medium, crash=CrashPoint(3, Moment.TORN))
    ...                                  # SimulatedCrash at the third durable write
    store = MemoryStore(medium)          # the next process
    store.break_lease()                  # as an operator or a lock's timeout would

Rules: the medium is what survives a process, the store is the process; durable writes
are counted from 1 over commits, appends, cuts and archivings alike; a store that has
crashed does nothing more.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import NoReturn

from pydantic import BaseModel, ConfigDict

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.sdk.store import Blob, Lease, LeaseInfo, Store
from keyplan.testing.faults import SimulatedCrash


class Moment(StrEnum):
    """When in a durable write the process dies. What is not an append is never torn."""

    BEFORE = "before"
    TORN = "torn"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Die at the `nth` durable write, counted from 1."""

    nth: int
    moment: Moment = Moment.BEFORE


@dataclass(slots=True)
class Medium:
    """What survives a crash: committed states, logs, and a lease that nobody gave back."""

    states: list[bytes] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    lease: LeaseInfo | None = None
    fence: int = 0
    lease_ends: float = math.inf
    lock: RLock = field(default_factory=RLock)


class MemoryLease:
    """The right to write to one medium. Each check renews it, unless it is over."""

    def __init__(self, store: MemoryStore, info: LeaseInfo, fence: int) -> None:
        self._store = store
        self._info = info
        self.fence = fence

    @property
    def info(self) -> LeaseInfo:
        """What others are shown."""
        return self._info

    def check(self) -> None:
        """Raise `BusyError` if somebody else has had the lease since, or nobody has it."""
        self._store.renew(self)

    def release(self) -> None:
        """Give it back."""
        self._store.give_back(self)


class MemoryStore:
    """A `keyplan.sdk.store.Store` over a `Medium`."""

    def __init__(
        self,
        medium: Medium | None = None,
        *,
        crash: CrashPoint | None = None,
        sleep: Callable[[float], None] = time.sleep,
        lease_ttl: float = math.inf,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.medium = medium or Medium()
        self._crash = crash
        self._sleep = sleep
        self._lease_ttl = lease_ttl
        self._monotonic = monotonic
        self._crashed = False
        self.writes = 0

    def describe(self) -> str:
        """One line."""
        return "memory"

    # -- the state -------------------------------------------------------------------

    def load(self) -> Blob | None:
        """The last committed state."""
        self._alive()
        with self.medium.lock:
            states = self.medium.states
            return Blob(states[-1], _version(states)) if states else None

    def previous(self) -> Blob | None:
        """The one before it."""
        self._alive()
        with self.medium.lock:
            before = self.medium.states[:-1]
            return Blob(before[-1], _version(before)) if before else None

    def versions(self) -> Sequence[str]:
        """All of them."""
        self._alive()
        with self.medium.lock:
            states = self.medium.states
            return [_version(states[: count + 1]) for count in range(len(states))]

    def content(self, version: str) -> bytes | None:
        """The bytes of one of them."""
        return next(
            (
                state
                for known, state in zip(self.versions(), self.medium.states, strict=True)
                if known == version
            ),
            None,
        )

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Replace the state if its version is still `expected`."""
        with self.medium.lock:
            self._alive()
            lease.check()
            current = _version(self.medium.states) if self.medium.states else None
            if current != expected:
                raise StateConflictError(
                    "the state was changed by somebody else",
                    target=self.describe(),
                    advice="Plan again.",
                )
            self._durably(lambda: self.medium.states.append(content))
            return _version(self.medium.states)

    # -- the lease -------------------------------------------------------------------

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> Lease:
        """Take the lease, or raise `BusyError` with its holder."""
        waited = 0.0
        while True:
            with self.medium.lock:
                self._alive()
                holder = self.holder()
                if holder is None:
                    return self._take(info)
            if waited >= timeout:
                raise BusyError(
                    f"{holder.holder} is running {holder.operation}",
                    target=self.describe(),
                    advice="Wait for it to end, or see `keyplan state unlock`.",
                )
            self._sleep(0.05)
            waited += 0.05

    def _take(self, info: LeaseInfo) -> MemoryLease:
        if math.isfinite(self._lease_ttl):
            ends = datetime.now(UTC) + timedelta(seconds=self._lease_ttl)
            info = replace(info, expires_at=ends)
        self.medium.lease = info
        self.medium.fence += 1
        self.medium.lease_ends = self._monotonic() + self._lease_ttl
        return MemoryLease(self, info, self.medium.fence)

    def renew(self, lease: MemoryLease) -> None:
        """Let it live on, if it is the newest and not over."""
        with self.medium.lock:
            if self.holder() is None or self.medium.fence != lease.fence:
                raise BusyError("the lease of the state was lost", target=self.describe())
            self.medium.lease_ends = self._monotonic() + self._lease_ttl

    def holder(self) -> LeaseInfo | None:
        """Who has the lease."""
        with self.medium.lock:
            return self.medium.lease if self._monotonic() < self.medium.lease_ends else None

    def unlock(self, lease_id: str) -> None:
        """Take the lease with that id away."""
        with self.medium.lock:
            holder = self.medium.lease
            if holder is None:
                raise StoreError("nobody holds the lease", target=self.describe())
            if holder.id != lease_id:
                raise BusyError(
                    f"the lease has the id {holder.id}", target=self.describe(), why=holder.holder
                )
            self.medium.lease = None

    def give_back(self, lease: MemoryLease) -> None:
        """Release the lease if it is still the newest."""
        with self.medium.lock:
            if not self._crashed and self.medium.fence == lease.fence:
                self.medium.lease = None

    def break_lease(self) -> None:
        """Take the lease away from whoever died with it."""
        with self.medium.lock:
            self.medium.lease = None

    # -- the logs --------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Add lines to a log; a torn append leaves half of what was to be written."""
        with self.medium.lock:
            self._alive()
            lease.check()
            if log in self.medium.archived:
                raise StoreError("the log is archived", target=log)
            added = b"".join(line + b"\n" for line in lines)
            self._durably(
                lambda: self._extend(log, added),
                lambda: self._extend(log, added[: len(added) // 2]),
            )

    def read_log(self, log: str) -> bytes:
        """Everything appended so far."""
        self._alive()
        return self.medium.logs.get(log, b"")

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut a log back."""
        with self.medium.lock:
            self._alive()
            lease.check()
            self._durably(lambda: self._cut(log, size))

    def open_logs(self) -> Sequence[str]:
        """Logs that are not archived, oldest first."""
        self._alive()
        return [log for log in self.medium.logs if log not in self.medium.archived]

    def closed_logs(self) -> Sequence[str]:
        """Those that are."""
        self._alive()
        return sorted(self.medium.archived)

    def archive(self, log: str, *, lease: Lease) -> None:
        """Close a log."""
        with self.medium.lock:
            self._alive()
            lease.check()
            self._durably(lambda: self.medium.archived.add(log))

    # -- dying -----------------------------------------------------------------------

    def _extend(self, log: str, added: bytes) -> None:
        self.medium.logs[log] = self.medium.logs.get(log, b"") + added

    def _cut(self, log: str, size: int) -> None:
        self.medium.logs[log] = self.medium.logs.get(log, b"")[:size]

    def _alive(self) -> None:
        if self._crashed:
            self._die()

    def _die(self) -> NoReturn:
        self._crashed = True
        raise SimulatedCrash(f"durable write {self.writes}")

    def _durably(self, effect: Callable[[], None], torn: Callable[[], None] | None = None) -> None:
        self.writes += 1
        if self._crash is None or self._crash.nth != self.writes:
            effect()
            return
        match self._crash.moment:
            case Moment.TORN if torn is not None:
                torn()
            case Moment.AFTER:
                effect()
            case _:
                pass
        self._die()


def _version(states: Sequence[bytes]) -> str:
    return f"{len(states)}-{hashlib.sha256(states[-1]).hexdigest()[:16]}"


class MemorySettings(BaseModel):
    """The `memory` block of `keyplan.state`: nothing to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class MemoryStorePlugin:
    """`keyplan.state: {memory: {}}` for tests that go through the registry."""

    medium: Medium = field(default_factory=Medium)

    @property
    def name(self) -> str:
        """`memory`."""
        return "memory"

    @property
    def settings_model(self) -> type[BaseModel]:
        """`MemorySettings`."""
        return MemorySettings

    def open(
        self,
        settings: BaseModel,  # noqa: ARG002
        *,
        stack: Path,  # noqa: ARG002
        environment: Mapping[str, str],  # noqa: ARG002
    ) -> Store:
        """A store over this plugin's medium."""
        return MemoryStore(self.medium)
