"""The attributes of a key: which there are, what may stand in them, one spelling each.

Rules: every attribute that the emulator reports is always there, `None` or empty where
nothing is set; what it is given is refused if it is not in canonical form's shape.
`canonical` is pure and idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keyplan.errors import RejectedError
from keyplan.model.keys import Protection
from keyplan.model.policies import GROUPS, OPERATIONS
from keyplan.model.timing import (
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)
from keyplan.model.values import Value
from keyplan_hsm import policy

AT_CREATE: dict[str, Value] = {
    "description": None,
    "labels": {},
    "policy": None,
    "rotation": None,
    "expires_at": None,
    "exportable": False,
    "protection": Protection.HSM.value,
    "state": "active",
}
"""What `CreateKey` carries, with what each becomes if it is left out."""

SETTABLE = frozenset({"description", "rotation", "expires_at", "exportable"})
"""What `SetAttribute` changes; policies, labels, names and states have operations of their own."""


def canonical(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """The one spelling of each attribute; what the emulator does not know stays as it is."""
    return {
        name: _SPELLINGS[name](value) if name in _SPELLINGS and value is not None else value
        for name, value in attributes.items()
    }


def accepted(name: str, value: Value) -> Value:
    """The canonical spelling of one attribute. Raises `RejectedError` for a malformed one."""
    try:
        if name in _CHECKS and value is not None:
            _CHECKS[name](value)
        return canonical({name: value})[name]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RejectedError(
            f"{name} cannot be this",
            why=f"The HSM wants {_WANTED[name]}. {error}".rstrip(),
            operation="set_attribute",
        ) from None


def accepted_grant(name: str, terms: Mapping[str, Value]) -> dict[str, Value]:
    """The canonical terms of a grant. Raises `RejectedError`."""
    try:
        _check_grant(terms)
        return _grant(terms)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RejectedError(
            f"the terms of grant {name} cannot be used",
            why=f"The HSM wants {_WANTED['grants']}. {error}".rstrip(),
            operation="create_grant",
        ) from None


_WANTED = {
    "description": "text",
    "labels": "a map of text",
    "policy": "a policy document",
    "rotation": '{"every": "90d", "overlap"?: "14d", "keep"?: 3}',
    "expires_at": "an instant such as 2027-06-30T23:59:59Z",
    "exportable": "true or false",
    "protection": "software or hsm (it emulates an HSM, and has nothing outside itself)",
    "state": "a state",
    "grants": '{"principal": [identity], "operations": [...], "context"?, "expires_at"?}',
}


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError("It is not text.")


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError("It is neither.")


def _labels(value: Any) -> None:
    for label in value.values():
        _text(label)


def _rotation(value: Any) -> None:
    if value.keys() - {"every", "overlap", "keep"} or not isinstance(value.get("keep", 1), int):
        raise ValueError("It has other fields.")
    parse_duration(value["every"])
    parse_duration(value.get("overlap", "0s"))


def _protection(value: Any) -> None:
    if value not in (Protection.SOFTWARE.value, Protection.HSM.value):
        raise ValueError("It is neither.")


def _check_grant(terms: Any) -> None:
    if terms.keys() - {"principal", "operations", "context", "expires_at"}:
        raise ValueError("It has other fields.")
    strange = set(terms["operations"]) - OPERATIONS - GROUPS
    if strange or not terms["operations"] or not terms["principal"]:
        raise ValueError(f"No such operations: {sorted(strange)}" if strange else "It is empty.")
    if not isinstance(terms["principal"], list) or not isinstance(terms["operations"], list):
        raise TypeError("Principal and operations are lists.")


_CHECKS: dict[str, Callable[[Any], object]] = {
    "description": _text,
    "labels": _labels,
    "policy": policy.validate,
    "rotation": _rotation,
    "expires_at": parse_instant,
    "exportable": _flag,
    "protection": _protection,
}


def _grant(terms: Any) -> dict[str, Value]:
    spelt: dict[str, Value] = {
        "principal": sorted(set(terms["principal"])),
        "operations": sorted(set(terms["operations"])),
        "context": dict(terms.get("context") or {}),
    }
    if terms.get("expires_at"):
        spelt["expires_at"] = format_instant(parse_instant(terms["expires_at"], end=True))
    return spelt


def _spelt_rotation(value: Any) -> dict[str, Value]:
    spelt = {
        name: format_duration(parse_duration(value[name]))
        for name in ("every", "overlap")
        if name in value
    }
    return {**value, **spelt}


_SPELLINGS: dict[str, Callable[[Any], Value]] = {
    "aliases": lambda value: sorted(set(value)),
    "labels": dict,
    "policy": policy.canonical,
    "rotation": _spelt_rotation,
    "expires_at": lambda value: format_instant(parse_instant(value, end=True)),
    "grants": lambda value: {name: _grant(terms) for name, terms in value.items()},
    "certificate": lambda value: {
        **value,
        "valid": format_duration(parse_duration(value["valid"])),
        "usages": sorted(set(value.get("usages") or [])),
    },
}
