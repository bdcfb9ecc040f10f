"""One spelling per meaning for the fake's attributes (`keyplan.model.resources` has the forms)."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.canonical import canonical_json
from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.model.values import Value

_DURATIONS = frozenset({"every", "overlap", "soak", "window", "valid"})


def canonical(attributes: Mapping[str, Value]) -> Mapping[str, Value]:
    """Every attribute in its one spelling; names it does not know stay as they are."""
    return {name: canonical_value(name, value) for name, value in attributes.items()}


def canonical_value(name: str, value: Value) -> Value:
    """One attribute in its one spelling."""
    match name, value:
        case "aliases", list():
            return _sorted(value)
        case "expires_at", str():
            return format_instant(parse_instant(value, end=True))
        case (("rotation" | "deletion" | "certificate"), dict()):
            return {
                key: format_duration(parse_duration(str(item))) if key in _DURATIONS else item
                for key, item in value.items()
            }
        case "labels", dict():
            return {key: str(item) for key, item in sorted(value.items())}
        case "grants", dict():
            return {
                grant: _grant(terms) if isinstance(terms, dict) else terms
                for grant, terms in sorted(value.items())
            }
        case "policy", dict():
            return {key: _statements(item) for key, item in value.items()}
        case _:
            return value


def _grant(terms: dict[str, Value]) -> Value:
    spelt: dict[str, Value] = {"context": {}}
    for part, item in terms.items():
        spelt[part] = canonical_value(part, item) if part == "expires_at" else _sorted(item)
    return spelt


def _sorted(value: Value) -> Value:
    return [*sorted({str(item) for item in value})] if isinstance(value, list) else value


def _statements(value: Value) -> Value:
    """Administrators sorted; statements by their text, their lists sorted."""
    if not isinstance(value, list) or not any(isinstance(item, dict) for item in value):
        return _sorted(value)
    spelt: list[Value] = [
        {key: _sorted(part) for key, part in item.items()} if isinstance(item, dict) else item
        for item in value
    ]
    return sorted(spelt, key=canonical_json)
