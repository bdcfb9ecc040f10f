"""Conditions of policy statements, evaluated as IAM does.

Operators are ANDed, keys are ANDed, values are ORed. A key that is missing is false for a
positive operator, true for a negated one and for `...IfExists`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, list[str]]
"""The facts of a request: lower-case condition keys, each with its values."""

_OPERATOR = re.compile(
    r"(?:(?P<set>forallvalues|foranyvalue):)?"
    r"(?P<kind>string|arn|numeric|date|bool|null|binary|ipaddress)(?P<negated>not)?"
    r"(?P<how>equals|equalsignorecase|like|ipaddress|lessthan(?:equals)?|greaterthan(?:equals)?)?"
    r"(?P<optional>ifexists)?"
)

_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "equals": lambda a, b: a == b,
    "lessthan": lambda a, b: a < b,
    "lessthanequals": lambda a, b: a <= b,
    "greaterthan": lambda a, b: a > b,
    "greaterthanequals": lambda a, b: a >= b,
}


def is_operator(name: str) -> bool:
    """Whether IAM knows the operator."""
    return name.lower() == "notipaddress" or _OPERATOR.fullmatch(name.lower()) is not None


def hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all conditions of a statement hold."""
    return all(
        _holds(operator, context.get(key.lower()), _texts(wanted))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, found: list[str] | None, wanted: list[str]) -> bool:
    parts = _OPERATOR.fullmatch(operator.lower())
    assert parts is not None, f"{operator} was not refused"
    if parts["kind"] == "null":
        return (found is None) == (wanted[0].lower() == "true")
    negated = parts["negated"] is not None
    if not found:
        return negated or parts["optional"] is not None or parts["set"] == "forallvalues"

    def matches(value: str) -> bool:
        any_wanted = any(_matches(parts["kind"], parts["how"] or "", value, w) for w in wanted)
        return any_wanted != negated

    return all(map(matches, found)) if parts["set"] == "forallvalues" else any(map(matches, found))


def _matches(kind: str, how: str, value: str, wanted: str) -> bool:
    match kind:
        case "arn":
            return fnmatchcase(value, wanted)
        case "bool":
            return value.lower() == wanted.lower()
        case "numeric":
            return _NUMERIC[how](float(value), float(wanted))
        case "string" if how == "like":
            return fnmatchcase(value, wanted)
        case "string" if how == "equalsignorecase":
            return value.lower() == wanted.lower()
        case _:
            return value == wanted


def _texts(wanted: Any) -> list[str]:
    values = wanted if isinstance(wanted, list) else [wanted]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
