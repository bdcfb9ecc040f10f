"""Whether a neutral condition holds: yes, no, or not known.

Rules: a condition whose fact the situation does not mention is `None`, never `False`;
an encryption context that is given is complete, so what it does not name is absent.
A map of conditions holds when each of them holds. Nothing here reads a clock or a file
but the time zone database, for `hours`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from keyplan.access.atoms import Request
from keyplan.model.timing import parse_instant
from keyplan.model.values import Value

Truth: TypeAlias = "bool | None"
"""`True`, `False`, or `None` for what is not known."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@lru_cache(maxsize=4096)
def parse_conditions(text: str) -> Mapping[str, Any]:
    """The conditions of an atom's canonical text; empty text is no condition."""
    document: dict[str, Any] = json.loads(text) if text else {}
    return document


def both(truths: Iterable[Truth]) -> Truth:
    """Kleene's conjunction: a single no decides, then a single unknown."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def hold(conditions: Mapping[str, Any], request: Request) -> tuple[Truth, tuple[str, ...]]:
    """Whether all conditions hold, and the names of those whose facts are missing."""
    truths = {name: holds(name, wanted, request) for name, wanted in conditions.items()}
    missing = tuple(sorted(name for name, truth in truths.items() if truth is None))
    return both(truths.values()), missing


def holds(name: str, wanted: Any, request: Request) -> Truth:
    """Whether one condition holds in the situation of a request."""
    match name:
        case "context":
            return _subset(wanted, request.context)
        case "not_before":
            return request.now >= parse_instant(wanted)
        case "not_after":
            return request.now <= parse_instant(wanted, end=True)
        case "hours":
            return within_hours(wanted, request.now)
        case _ if name not in request.facts:
            return None
        case "source_ip":
            return _in_networks(wanted, request.facts[name])
        case "tags":
            fact = request.facts[name]
            return _subset(wanted, fact if isinstance(fact, Mapping) else {})
        case _:
            return _among(wanted, request.facts[name])


def _among(wanted: Any, fact: Value) -> bool:
    """A list means any of its values, on either side; anything else means equality."""
    accepted = wanted if isinstance(wanted, list) else [wanted]
    present = fact if isinstance(fact, list) else [fact]
    return any(item in accepted for item in present)


def _subset(wanted: Mapping[str, Any], present: Mapping[str, Any] | None) -> Truth:
    """Whether every wanted entry is there; more may be there."""
    if present is None:
        return None
    return all(name in present and _among(value, present[name]) for name, value in wanted.items())


def _in_networks(wanted: Any, fact: Value) -> bool:
    networks = wanted if isinstance(wanted, list) else [wanted]
    source = ip_address(str(fact))
    return any(source in ip_network(network, strict=False) for network in networks)


def within_hours(window: Mapping[str, Any], now: datetime) -> bool:
    """Whether an instant lies in `{days, from, to, timezone}`; all four may be left out.

    `to` is exclusive; a window with `from` after `to` runs over midnight and belongs to
    the day on which it begins. Raises `ValueError` for a day, time or zone there is not.
    """
    local = now.astimezone(_zone(str(window.get("timezone", "UTC"))))
    days = {day_number(day) for day in window.get("days", DAYS)}
    begin = time.fromisoformat(str(window.get("from", "00:00")))
    end = time.fromisoformat(str(window["to"])) if "to" in window else None
    clock = local.time()
    today = local.weekday() in days
    if end is None:
        return today and clock >= begin
    if begin < end:
        return today and begin <= clock < end
    yesterday = (local - timedelta(days=1)).weekday() in days
    return (today and clock >= begin) or (yesterday and clock < end)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is not a time zone: write UTC or Europe/Berlin") from None


def day_number(day: object) -> int:
    """0 for `mon`, `Monday`, ...; raises `ValueError` for anything else."""
    short = str(day).lower()[:3]
    if short not in DAYS:
        raise ValueError(f"{day!r} is not a day: write mon, tue, wed, thu, fri, sat or sun")
    return DAYS.index(short)
