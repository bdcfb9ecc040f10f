"""Holding the lease of a state for as long as something writes, and knowing that it is held."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from keyplan.errors import BusyError, StateError
from keyplan.sdk.store import Lease, LeaseInfo, Store
from keyplan.session.clock import Clock


@contextmanager
def leased(
    store: Store, *, holder: str, operation: str, timeout: float, clock: Clock
) -> Iterator[Lease]:
    """The lease, waited for up to `timeout` seconds and given back in any case.

    Raises `BusyError` with the holder if somebody else has it.
    """
    info = LeaseInfo(
        id=secrets.token_hex(8), holder=holder, operation=operation, created_at=clock.now()
    )
    lease = store.acquire(info, timeout=timeout)
    try:
        yield lease
    finally:
        lease.release()


class LeaseWatch:
    """When the lease was last looked at. Asked by every thread of a run.

    A service may have to be asked, so it is not asked for each step. One that does not
    answer proves nothing, and the next flush needs it anyway.
    """

    def __init__(self, check: Callable[[], None], clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._seen_at = clock.steady()

    def require(self, *, within: float) -> None:
        """Raise `BusyError` if it was lost; look only if nobody did for so many seconds."""
        if self._clock.steady() - self._seen_at < within:
            return
        try:
            self._check()
        except BusyError:
            raise
        except StateError:
            pass
        self._seen_at = self._clock.steady()
