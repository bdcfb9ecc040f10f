"""The store behind `s3`, over objects of one prefix.

    state                       the present state
    states/00000007-<sha256>    the states before, each kept before it was replaced
    lease                       who writes, with a fence
    journal/<run>/..., archive/<run>

Rules: each write is conditional (`If-Match`, `If-None-Match`); of any number of writers one
wins and the others are told. A holder's lease is read before each write, and not used after
its time is over by its own clock. Nothing is deleted: versions and Object Lock do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from keyplan.errors import StateConflictError, StoreError
from keyplan.sdk.store import Blob, Lease, LeaseInfo
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks
from keyplan_state.leases import Leases
from keyplan_state.s3 import S3Settings
from keyplan_state.s3_client import connect
from keyplan_state.s3_journal import S3Journals
from keyplan_state.s3_lease import S3LeaseTable
from keyplan_state.s3_objects import Object, Objects, Write

_STATE = "state"
_KEPT = re.compile(r"([0-9]{8})-([0-9a-f]{64})")


def open_store(settings: S3Settings) -> S3Store:
    """The store that the settings describe."""
    reader, writer = connect(settings)
    objects = Objects(
        reader,
        writer,
        bucket=settings.bucket,
        prefix=settings.key,
        account=settings.account,
    )
    return S3Store(
        objects, ttl=settings.lease_seconds, prove_conditions=settings.endpoint_url is not None
    )


class S3Store:
    """A `keyplan.sdk.store.Store`.

    With `prove_conditions`, each lease begins with a proof that the endpoint honours
    conditional writes: one that ignores them would lose states in silence.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        ttl: float,
        clocks: Clocks | None = None,
        prove_conditions: bool = False,
    ) -> None:
        self._objects = objects
        self._leases = Leases(S3LeaseTable(objects), ttl=ttl, clocks=clocks)
        self._journals = S3Journals(objects)
        self._prove_conditions = prove_conditions

    def describe(self) -> str:
        """`s3 s3://bucket/key`."""
        return f"s3 {self._objects.place}"

    # -- the state -----------------------------------------------------------------------

    def load(self) -> Blob | None:
        """The last committed state, or `None`. Its version is its SHA-256."""
        found = self._objects.get(_STATE)
        return None if found is None else _blob(found)

    def previous(self) -> Blob | None:
        """The state before the present one."""
        versions = self.versions()
        content = self.content(versions[-2]) if len(versions) > 1 else None
        return None if content is None else Blob(content, versions[-2])

    def versions(self) -> Sequence[str]:
        """The states that are kept, oldest first, the present one last."""
        kept = [match[2] for match in self._kept()]
        present = self.load()
        if present is None:
            return kept
        return [*(version for version in kept if version != present.version), present.version]

    def content(self, version: str) -> bytes | None:
        """A state that is kept, if it is still what it was."""
        present = self.load()
        if present is not None and present.version == version:
            return present.content
        for match in self._kept():
            if match[2] == version:
                found = self._objects.get(f"states/{match[0]}")
                if found is not None and _version(found.body) == version:
                    return found.body
        return None

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Replace the state if it is still `expected`; the one before is kept first."""
        held = self._leases.require(lease)
        present = self._objects.get(_STATE)
        if (None if present is None else _version(present.body)) != expected:
            raise self._conflict()
        if present is not None:
            self._keep(present, held)
        write = self._write(_STATE, content, held, etag=present.etag if present else None)
        why = "It is either as it was before or has what was written: look before you go on."
        if self._objects.put(write, guard=held.check_deadline, why=why) is None:
            raise self._conflict()
        return _version(content)

    def _keep(self, present: Object, held: HeldLease) -> None:
        kept, version = self._kept(), _version(present.body)
        if kept and kept[-1][2] == version:
            return  # a crash came between this and the commit
        number = int(kept[-1][1]) + 1 if kept else 1
        write = self._write(f"states/{number:08d}-{version}", present.body, held)
        self._objects.put(write, guard=held.check_deadline, why="The state is as it was before.")

    def _kept(self) -> list[re.Match[str]]:
        found = (_KEPT.fullmatch(name) for name in self._objects.names("states"))
        return [match for match in found if match]

    def _conflict(self) -> StateConflictError:
        return StateConflictError(
            "the state has changed since it was read",
            target=self._objects.target(_STATE),
            why="Somebody else committed, or the object was restored or replaced.",
            advice="Nothing was written. Plan again on the state as it is now.",
        )

    # -- the lease -----------------------------------------------------------------------

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> HeldLease:
        """Take the lease, waiting up to `timeout` seconds. Raises `BusyError`."""
        lease = self._leases.acquire(info, timeout=timeout)
        try:
            if self._prove_conditions:
                self._prove(lease)
        except BaseException:
            lease.release()
            raise
        return lease

    def holder(self) -> LeaseInfo | None:
        """Who holds the lease now."""
        return self._leases.holder()

    def unlock(self, lease_id: str) -> None:
        """Take the lease with that id away: its holder's next write is refused."""
        self._leases.unlock(lease_id)

    def _prove(self, lease: HeldLease) -> None:
        """Three writes to an object of no meaning; the last two must be refused."""
        name, body = "conditional-writes", b"{}"
        for etag, must_hold in ((None, False), (None, True), (f'"{"0" * 32}"', True)):
            write = self._write(name, body, lease, etag=etag)
            if self._objects.put(write, guard=lease.check_deadline) is not None and must_hold:
                raise StoreError(
                    "this endpoint does not honour conditional writes",
                    target=self._objects.place,
                    why="It overwrote an object in spite of If-None-Match or If-Match, so two"
                    " runs at once would lose each other's state.",
                    advice="Use an endpoint that supports both, or the postgres store.",
                )

    def _write(self, name: str, body: bytes, held: HeldLease, *, etag: str | None = None) -> Write:
        return Write(name, body, etag, {"keyplan-fence": str(held.fence)})

    # -- journals ------------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Add lines to an open journal: one PUT."""
        self._journals.append(log, lines, lease=self._leases.require(lease))

    def read_log(self, log: str) -> bytes:
        """The journal, open or closed; empty if there is none."""
        return self._journals.read(log)

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut a journal back to `size` bytes."""
        self._journals.truncate(log, size, lease=self._leases.require(lease))

    def open_logs(self) -> Sequence[str]:
        """Names of the journals that are not closed, sorted."""
        return self._journals.open()

    def closed_logs(self) -> Sequence[str]:
        """Names of the closed journals, sorted."""
        return self._journals.closed()

    def archive(self, log: str, *, lease: Lease) -> None:
        """Close a journal. One that is closed already is left alone."""
        self._journals.archive(log, lease=self._leases.require(lease))


def _blob(found: Object) -> Blob:
    return Blob(found.body, _version(found.body))


def _version(content: bytes) -> str:
    return sha256(content).hexdigest()
