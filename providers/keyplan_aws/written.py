"""What this connection has written, which other parts of AWS may not know yet."""

from __future__ import annotations

from threading import Lock

from keyplan_aws.pacing import Clock

SETTLING = 300.0
"""Seconds after its creation in which a key that is not found is not visible yet."""


class Written:
    """Keys by ARN. Safe to use from several threads; what is read of it is never changed.

    `tagged` have tags that may have been written, of `changed` keys anything may.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._made: dict[str, float] = {}
        self.tagged: frozenset[str] = frozenset()
        self.changed: frozenset[str] = frozenset()

    def note(self, arn: str, *, tagged: bool, made: bool = False) -> None:
        """Remember a write, also one that may not have been done."""
        with self._lock:
            self.changed |= {arn}
            if tagged:
                self.tagged |= {arn}
            if made:
                self._made.setdefault(arn, self._clock.monotonic())

    def is_new(self, arn: str) -> bool:
        """Whether the key was made a moment ago."""
        made = self._made.get(arn)
        return made is not None and self._clock.monotonic() - made < SETTLING
