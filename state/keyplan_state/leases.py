"""A lease that lives in a service: renewed in the background, fenced, never freed early.

    leases = Leases(table, ttl=60.0)
    lease = leases.acquire(info, timeout=0.0)     # HeldLease: a heartbeat renews it
    leases.require(lease)                         # before each durable write
    lease.fence                                   # grows with each holder, never shrinks

A store brings a `LeaseTable`: one record with compare-and-swap. Releasing keeps the record
and its fence.

Rules: no runner's wall clock decides. Another's lease is over when its record was seen
unchanged for its whole time to live, or when the service's own clock says so (`Seen.age`).
An answer that was lost is decided by reading back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from keyplan.errors import BusyError, StoreError
from keyplan.model.timing import format_instant
from keyplan.sdk.store import Lease, LeaseInfo
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks, LeaseRecord, LeaseTable, Seen

_POLL_SECONDS = 1.0
_TRIES = 5
"""How often a lease is taken away that its holder renews at the same moment."""


class Leases:
    """The lease of one state, as one process sees it."""

    def __init__(self, table: LeaseTable, *, ttl: float, clocks: Clocks | None = None) -> None:
        self._table = table
        self._ttl = ttl
        self._clocks = clocks or Clocks()
        self._unchanged: tuple[str, float] | None = None  # a version, and since when it is seen

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> HeldLease:
        """Take the lease, waiting up to `timeout` seconds. Raises `BusyError` with the holder."""
        until = self._clocks.steady() + timeout
        while True:
            seen = self._look()
            if self._is_free(seen) and (lease := self._take(seen, info)):
                return lease
            remaining = until - self._clocks.steady()
            if remaining <= 0:
                raise self._refused(self._look())
            self._clocks.sleep(min(_POLL_SECONDS, self._ttl / 3, remaining))

    def holder(self) -> LeaseInfo | None:
        """Who holds it now; `None` if nobody, or if it is known to be over."""
        seen = self._look()
        return None if seen is None or self._is_free(seen) else seen.record.holder

    def unlock(self, lease_id: str) -> None:
        """Take the lease with that id away: its holder's next write is refused."""
        for attempt in range(_TRIES):
            seen = self._table.read()
            if seen is None or seen.record.holder is None:
                if attempt:
                    return
                raise StoreError(
                    "nobody holds the lease",
                    target=self._table.place,
                    advice="There is nothing to unlock.",
                )
            found = seen.record.holder
            if found.id != lease_id:
                raise BusyError(
                    f"the lease has the id {found.id}",
                    target=self._table.place,
                    why=f"{found.holder} holds it for `{found.operation}`.",
                    advice=f"If that run is gone for certain: keyplan state unlock {found.id}",
                )
            if self._table.swap(seen.record.released(), expected=seen.version) is not None:
                return
        raise StoreError(
            "the lease is renewed faster than it can be taken away",
            target=self._table.place,
            advice="Its holder is alive. Stop it, or run the command again.",
        )

    def owned(self, lease: Lease) -> HeldLease:
        """The lease, if it is one of this state and its time is not over. Asks nobody."""
        if not isinstance(lease, HeldLease) or lease.place != self._table.place:
            raise BusyError(
                "the lease is not one of this state",
                target=self._table.place,
                why=f"It has the id {lease.info.id}.",
                advice="Nothing was written. This is a defect of keyplan: please report it.",
            )
        lease.check_deadline()
        return lease

    def require(self, lease: Lease) -> HeldLease:
        """As `owned`, and the record still says so."""
        held = self.owned(lease)
        held.check()
        return held

    def _look(self) -> Seen | None:
        seen = self._table.read()
        if seen is None:
            self._unchanged = None
        elif self._unchanged is None or self._unchanged[0] != seen.version:
            self._unchanged = (seen.version, self._clocks.steady())
        return seen

    def _is_free(self, seen: Seen | None) -> bool:
        """Nobody has it, or its holder was silent for all of its time to live."""
        if seen is None or seen.record.holder is None or self._unchanged is None:
            return True
        silent = max(self._clocks.steady() - self._unchanged[1], seen.age or 0.0)
        return silent >= seen.record.ttl

    def _take(self, seen: Seen | None, info: LeaseInfo) -> HeldLease | None:
        asked = self._clocks.steady()
        ends = self._clocks.now() + timedelta(seconds=self._ttl)
        fence = 1 if seen is None else seen.record.fence + 1
        record = LeaseRecord(fence, self._ttl, replace(info, expires_at=ends))
        version = self._table.swap(record, expected=None if seen is None else seen.version)
        if version is None:
            there = self._look()
            if there is None or there.record.mark != record.mark:
                return None
            version = there.version
        return HeldLease(self._table, record, version, since=asked, clocks=self._clocks)

    def _refused(self, seen: Seen | None) -> BusyError:
        found = None if seen is None else seen.record.holder
        if seen is None or found is None:
            who = "Somebody else took it just now."
        else:
            since = format_instant(found.created_at)
            who = (
                f"{found.holder} holds it for `{found.operation}` since {since} (lease"
                f" {found.id}). If that run is dead, it is free {seen.record.ttl:g} seconds"
                " after it fell silent."
            )
        unlock = (
            "" if found is None else f"\nIf it is dead for certain: keyplan state unlock {found.id}"
        )
        return BusyError(
            "the state is locked by another run",
            target=self._table.place,
            why=who,
            advice=f"Wait until it ends, or let this run wait: --lock-timeout 5m{unlock}",
        )
