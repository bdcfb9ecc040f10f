"""The attributes of a key: one spelling each. Pure and idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.model.values import Value
from keyplan_aws.grants import canonical_grant

ALIAS = "alias/"

DEFAULTS: Mapping[str, Value] = {
    "description": None,
    "labels": {},
    "policy": None,
    "rotation": None,
    "aliases": [],
    "grants": {},
    "multi_region": False,
    "exportable": False,
    "protection": "hsm",
    "state": "active",
}
"""What an omitted attribute becomes on creation."""


def canonical(
    attributes: Mapping[str, Value], policy: Callable[[Value], Value]
) -> dict[str, Value]:
    """The one spelling of each attribute; `policy` spells a key policy."""
    spelt: dict[str, Value] = {}
    for name, value in attributes.items():
        if value is None:
            spelt[name] = None
        elif name == "policy":
            spelt[name] = policy(value)
        else:
            spelt[name] = _SPELLINGS[name](value) if name in _SPELLINGS else value
    return spelt


def alias_name(written: str) -> str:
    """An alias without AWS's prefix."""
    return written.removeprefix(ALIAS)


def rotation_days(rotation: Any) -> int:
    """The period in whole days. Raises `ValueError`."""
    period = parse_duration(str(rotation["every"]))
    if period.seconds or not 90 <= period.days <= 2560:
        raise ValueError("AWS rotates every 90 to 2560 days, in whole days")
    return period.days


def _rotation(value: Any) -> Value:
    spelt = {
        name: format_duration(parse_duration(value[name]))
        for name in ("every", "overlap")
        if name in value
    }
    return {**value, **spelt}


_SPELLINGS: Mapping[str, Callable[[Any], Value]] = {
    "aliases": lambda value: [*sorted({alias_name(str(name)) for name in value})],
    "description": lambda value: value or None,
    "expires_at": lambda value: format_instant(parse_instant(value, end=True)),
    "grants": lambda value: {name: canonical_grant(terms) for name, terms in value.items()},
    "labels": lambda value: {name: str(value[name]) for name in sorted(value)},
    "rotation": _rotation,
}
