"""Holding the lease of a state for as long as something writes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

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
