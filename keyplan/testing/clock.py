"""Time that moves only when told, so that a soak of thirty days takes a microsecond.

Rules: sleeping advances the clock and returns at once; every instant is aware UTC.
Safe to use from several threads.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock

DAWN = datetime(2027, 1, 1, tzinfo=UTC)
"""Where a manual clock starts unless told otherwise."""


class ManualClock:
    """A `keyplan.session.clock.Clock` for tests."""

    def __init__(self, start: datetime = DAWN) -> None:
        self._start = start
        self._now = start
        self._slept: list[float] = []
        self._lock = Lock()

    def now(self) -> datetime:
        """The instant, aware UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self.now() - self._start).total_seconds()

    def steady(self) -> float:
        """The same: this machine never sleeps."""
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Advance by `seconds` at once, and remember that somebody wanted to wait."""
        with self._lock:
            self._slept.append(seconds)
            self._now += timedelta(seconds=seconds)

    def advance(self, duration: timedelta) -> datetime:
        """Let time pass; returns the new instant."""
        with self._lock:
            self._now += duration
            return self._now

    @property
    def slept(self) -> tuple[float, ...]:
        """How long each sleep was to be, in seconds, oldest first."""
        with self._lock:
            return tuple(self._slept)
