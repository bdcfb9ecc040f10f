"""The contract of a store. A store keeps bytes; what they mean is `keyplan.state`'s.

Three things: a versioned blob with compare-and-swap (the state), append-only logs
(the journals), and a lease. Tests: `keyplan.testing.store_contract`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Blob:
    """The state's bytes and the opaque version to commit against."""

    content: bytes
    version: str


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """Who holds the lease: shown to whoever is refused."""

    id: str
    holder: str  # user@host
    operation: str  # "apply"
    created_at: datetime
    expires_at: datetime | None = None  # a lease that is renewed ends there if nobody renews it


@runtime_checkable
class Lease(Protocol):
    """The right to write, until released or lost.

    A lease that lives in a service is renewed in the background while it is held. It
    carries a fence: a store refuses every write under a lease that is not the newest, so
    that a holder who was paused and wakes up cannot write.
    """

    @property
    def info(self) -> LeaseInfo:
        """What others are shown."""

    def check(self) -> None:
        """Raise `BusyError` if the lease was lost. Called before each durable write."""

    def release(self) -> None:
        """Give it back. Idempotent."""


@runtime_checkable
class Store(Protocol):
    """Where a stack's state and journals live. Reading needs no lease."""

    def describe(self) -> str:
        """One line for people: `local keyplan.state.json`."""

    def load(self) -> Blob | None:
        """The last committed state, or `None` if there is none yet."""

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Replace the state if its version is still `expected` (`None`: there is none yet).

        Durable on return; returns the new version. Raises `StateConflictError`. The
        version before stays retrievable with `previous`.
        """

    def previous(self) -> Blob | None:
        """The committed state before the current one, if it was kept."""

    def versions(self) -> Sequence[str]:
        """Versions of committed states that are still kept, oldest first, the present one last."""

    def content(self, version: str) -> bytes | None:
        """The bytes of a version that is kept, or `None`."""

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> Lease:
        """Take the lease, waiting up to `timeout` seconds. Raises `BusyError` with the holder."""

    def holder(self) -> LeaseInfo | None:
        """Who holds the lease now; `None` also where one has expired."""

    def unlock(self, lease_id: str) -> None:
        """Take the lease with that id away from its holder, who cannot write any more.

        Raises `BusyError` if the lease has another id, `StoreError` if nobody holds one.
        """

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Add lines (without line ends) to a log, durable on return. One flush for all of them."""

    def read_log(self, log: str) -> bytes:
        """Everything that was appended, or empty. A torn last line is returned as it is."""

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut a log back to `size` bytes: how a torn tail is discarded."""

    def open_logs(self) -> Sequence[str]:
        """Names of the logs that were not archived: runs that did not end."""

    def closed_logs(self) -> Sequence[str]:
        """Names of the archived logs, oldest first (names of runs sort by time)."""

    def archive(self, log: str, *, lease: Lease) -> None:
        """Close a log: it stays readable and is open no more."""


@runtime_checkable
class StorePlugin(Protocol):
    """How a store is configured and opened."""

    @property
    def name(self) -> str:
        """The name in `keyplan.state` (`local`, `s3`)."""

    @property
    def settings_model(self) -> type[BaseModel]:
        """Validates the store's block."""

    def open(self, settings: BaseModel, *, stack: Path, environment: Mapping[str, str]) -> Store:
        """Connect. Must not create anything before the first write."""
