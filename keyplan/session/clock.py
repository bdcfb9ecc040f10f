"""Time as an input: nothing in the core asks the operating system what time it is.

Rules: instants are aware UTC. Durations and deadlines are measured with `monotonic`, which
no correction of the clock moves, and which stands still while the machine sleeps, as a call
in flight does; leases with `steady`, which goes on then. Sleeping is part of time, so that
tests wait for nothing.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What may be asked of time. Used from several threads."""

    def now(self) -> datetime:
        """The instant, aware UTC: for people and records."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary beginning: for durations."""

    def steady(self) -> float:
        """The same, and it goes on while the machine sleeps: for leases."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The instant, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary beginning."""
        return time.monotonic()

    def steady(self) -> float:
        """The same, and it goes on while the machine sleeps, where the platform can tell."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


SYSTEM_CLOCK = SystemClock()
"""The clock of everything that is not a test."""
