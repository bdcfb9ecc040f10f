"""The lease of whoever holds it: a heartbeat, a fence, and an end that it knows by itself.

Rules: it counts from the moment before it asked, by a clock that goes on while the machine
sleeps, and refuses by itself when its time is over. Lost is lost: it never comes back.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from threading import Event, Thread

from keyplan.errors import BusyError, KeyplanError, StoreError
from keyplan.sdk.store import LeaseInfo
from keyplan_state.lease_record import Clocks, LeaseRecord, LeaseTable, Seen

_TRIES = 5
"""How often our record is written over our own when answers are lost."""


class HeldLease:
    """A `keyplan.sdk.store.Lease` with a heartbeat, until it is released or lost."""

    def __init__(
        self, table: LeaseTable, record: LeaseRecord, version: str, *, since: float, clocks: Clocks
    ) -> None:
        self._table = table
        self._record = record
        self._version = version
        self._clocks = clocks
        self._deadline = since + record.ttl
        self._lost = ""
        self._stop = Event()
        self._heart = Thread(target=self._beat, name="keyplan-lease", daemon=True)
        self._heart.start()

    @property
    def info(self) -> LeaseInfo:
        """What others are shown."""
        assert self._record.holder is not None  # noqa: S101  (a held record names its holder)
        return self._record.holder

    @property
    def fence(self) -> int:
        """Greater than that of every holder before."""
        return self._record.fence

    @property
    def place(self) -> str:
        """Of which state it is."""
        return self._table.place

    def check_deadline(self) -> None:
        """Raise `BusyError` if it is known to be lost or its time is over. Asks nobody."""
        if not self._lost and self._clocks.steady() >= self._deadline:
            self._lost = (
                f"It was not renewed for {self._record.ttl:g} seconds: the machine slept or the"
                " store could not be reached. Another run may have begun since."
            )
        if self._lost:
            raise BusyError(
                "the lease was lost",
                target=self.place,
                why=self._lost,
                advice="Nothing more was written. See who else works on this state, then run"
                " `keyplan resume`.",
            )

    def check(self) -> None:
        """Raise `BusyError` if it was lost, by its own clock or by the record as it is now."""
        self.check_deadline()
        seen = self._table.read()
        if not self._is_ours(seen):
            self._lost = _taken(seen)
        self.check_deadline()

    def release(self) -> None:
        """Give it back. Idempotent; if the store cannot be reached, it ends by itself."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._heart.join()
        if not self._lost:
            with suppress(StoreError):  # its time to live ends it
                self._swap(self._record.released())
            self._lost = "It was given back already. This is a defect of keyplan: report it."

    def _beat(self) -> None:
        """Renew after a third of the time to live; sooner after a failure."""
        pause = self._record.ttl / 3
        while not self._stop.wait(pause):
            try:
                self.check_deadline()
                self._renew()
                pause = self._record.ttl / 3
            except BusyError:
                return
            except KeyplanError:
                pause = self._record.ttl / 12

    def _renew(self) -> None:
        asked = self._clocks.steady()
        ends = self._clocks.now() + timedelta(seconds=self._record.ttl)
        if self._swap(self._record.renewed(ends)):
            self._deadline = asked + self._record.ttl

    def _swap(self, record: LeaseRecord) -> bool:
        """Write our record over our own, whichever of our versions is there."""
        for _ in range(_TRIES):
            version = self._table.swap(record, expected=self._version)
            if version is None:
                seen = self._table.read()
                if seen is None or not self._is_ours(seen):
                    self._lost = _taken(seen)
                    return False
                self._version = seen.version
                if seen.record.beat != record.beat:
                    continue
            else:
                self._version = version
            self._record = record if record.holder is not None else self._record
            return True
        return False

    def _is_ours(self, seen: Seen | None) -> bool:
        return (
            seen is not None
            and seen.record.fence == self.fence
            and seen.record.holder is not None
            and seen.record.holder.id == self.info.id
        )


def _taken(seen: Seen | None) -> str:
    """Why a holder has it no more."""
    found = None if seen is None else seen.record.holder
    if found is None:
        return "Somebody took it away with `keyplan state unlock`."
    return f"{found.holder} holds it now for `{found.operation}` (lease {found.id})."
