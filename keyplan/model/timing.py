"""Durations and dates as the language writes them, and instants in UTC.

Rules: `now` is always an argument, never read here. A year is 365 days
(LANGUAGE.md §1). A bare date is 00:00 UTC as a beginning and the last second of
the day as an end.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "y": 365 * 86_400}
_DURATION = re.compile(r"(0|[1-9][0-9]{0,9})([smhdy])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")


def parse_duration(text: str) -> timedelta:
    """`90s 15m 12h 30d 1y` as a `timedelta`; raises `ValueError` with the accepted forms."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write 90s, 15m, 12h, 30d or 1y")
    try:
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError(f"{text!r} is too long for a duration") from None


def format_duration(duration: timedelta) -> str:
    """The canonical spelling: the largest of d, h, m, s that divides it (`365d`, `90m`)."""
    seconds = int(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def parse_instant(text: str, *, end: bool = False) -> datetime:
    """An RFC 3339 instant or `YYYY-MM-DD` as an aware UTC `datetime`.

    With `end`, a bare date means its last second. Raises `ValueError`.
    """
    if _DATE.fullmatch(text):
        day = date.fromisoformat(text)
        return datetime.combine(day, time(23, 59, 59) if end else time(), tzinfo=UTC)
    if _RFC3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{text!r} is out of range") from None
    raise ValueError(f"{text!r} is not a date: write 2027-06-30 or 2027-06-30T12:00:00Z")


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC to the second, `2027-06-30T12:00:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_date(instant: datetime) -> str:
    """The UTC day, `2027-06-30`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d")
