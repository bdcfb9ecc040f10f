"""What is written about a lease, and the table where it is.

Rules: the fence only grows and outlives its holder. What is read was written by another
process: texts are made printable, and a record that cannot be understood is an error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from keyplan.errors import StoreError
from keyplan.model.timing import format_instant, parse_instant
from keyplan.sdk.store import LeaseInfo

_LONGEST_TTL = 3600.0


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The record of a lease; `holder` is `None` once it was given back or taken away.

    `beat` counts renewals, so that no two writings of a record are the same.
    """

    fence: int
    ttl: float
    holder: LeaseInfo | None
    beat: int = 0

    @property
    def mark(self) -> tuple[int, int, str | None]:
        """Tells it from all others: an answer that was lost is decided by it."""
        return self.fence, self.beat, self.holder.id if self.holder else None

    def renewed(self, ends: datetime) -> LeaseRecord:
        """The same holder, for another time to live."""
        assert self.holder is not None  # noqa: S101  (only a holder renews)
        return replace(self, holder=replace(self.holder, expires_at=ends), beat=self.beat + 1)

    def released(self) -> LeaseRecord:
        """Nobody has it; the fence stays."""
        return replace(self, holder=None, beat=self.beat + 1)

    def encode(self) -> bytes:
        """One JSON document."""
        document = {
            "fence": self.fence,
            "ttl": self.ttl,
            "beat": self.beat,
            "holder": None if self.holder is None else _encode_holder(self.holder),
        }
        return f"{json.dumps(document)}\n".encode()

    @classmethod
    def decode(cls, content: bytes, place: str) -> LeaseRecord:
        """Raises `StoreError` if it is not what `encode` writes; `place` is named in it."""
        try:
            return _decode(json.loads(content))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise StoreError(
                "the record of the lease is not one that keyplan wrote",
                target=place,
                advice="Make sure that nobody runs keyplan on this state, then remove the record.",
            ) from None


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was read, and the version to swap it against.

    `age` is for how many seconds it has not been written, by the clock of the service
    that keeps it and with a margin for its faults; `None` if that cannot be told.
    """

    record: LeaseRecord
    version: str
    age: float | None = None


class LeaseTable(Protocol):
    """Where the record of one state's lease is. Raises `StoreError`; called by two threads."""

    @property
    def place(self) -> str:
        """What people know it by, the same for every client: `s3://bucket/key`."""

    def read(self) -> Seen | None:
        """The record, or `None` if there never was one."""

    def swap(self, record: LeaseRecord, *, expected: str | None) -> str | None:
        """Write it if the version is still `expected` (`None`: there is none).

        Returns the new version, or `None` if it was not, or may not have been, written.
        """


def steady() -> float:
    """Seconds by a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as leases use it; `now` is only ever shown."""

    steady: Callable[[], float] = steady
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = _now


def _decode(document: Any) -> LeaseRecord:
    fence, beat, ttl = document["fence"], document["beat"], document["ttl"]
    if type(fence) is not int or type(beat) is not int or not 0 < ttl <= _LONGEST_TTL:
        raise ValueError
    holder = document["holder"]
    return LeaseRecord(fence, float(ttl), _decode_holder(holder) if holder else None, beat)


def _encode_holder(info: LeaseInfo) -> dict[str, str | None]:
    return {
        "id": info.id,
        "holder": info.holder,
        "operation": info.operation,
        "created_at": format_instant(info.created_at),
        "expires_at": format_instant(info.expires_at) if info.expires_at else None,
    }


def _decode_holder(document: Any) -> LeaseInfo:
    ends = document["expires_at"]
    return LeaseInfo(
        id=_text(document["id"]),
        holder=_text(document["holder"]),
        operation=_text(document["operation"]),
        created_at=parse_instant(_text(document["created_at"])),
        expires_at=parse_instant(_text(ends)) if ends else None,
    )


def _text(found: Any) -> str:
    """A printable text: the record is only a message from another process."""
    if not isinstance(found, str):
        raise ValueError
    return "".join(filter(str.isprintable, found))
