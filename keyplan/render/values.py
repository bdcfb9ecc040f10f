"""Values as people read them: `every 90d, overlap 14d`, `team=payments`, `1,204 bytes`.

Rules: no quotes where none are needed, dates in UTC, nothing guessed. A value too long
to read in a line is described by its size; `keyplan.render.explain` says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.canonical import canonical_json
from keyplan.model.values import Unknown, Value

ABSENT = "(none)"
UNKNOWN = "(known after apply)"
NOT_MANAGED = "(not managed)"

LONGEST = 240
"""Longer texts of structured values are given by size only."""


def text_of(value: Value) -> str:
    """Any value in a few words, without knowing what it is of."""
    match value:
        case None:
            return ABSENT
        case Unknown():
            return UNKNOWN
        case bool():
            return "true" if value else "false"
        case str():
            return value or '""'
        case list():
            return _joined([_inner(item) for item in value], value)
        case dict():
            return _joined([f"{name}={_inner(item)}" for name, item in value.items()], value)
        case _:
            return str(value)


def attribute_text(attribute: str, value: Value) -> str:
    """The value of a key's attribute (LANGUAGE.md §4) in the words of the language."""
    if value is None:
        return "none" if attribute == "rotation" else ABSENT
    match attribute, value:
        case "rotation", {"every": every, **rest}:
            return _list([f"every {every}", *(f"{name} {item}" for name, item in rest.items())])
        case "deletion", {"protection": protection, "soak": soak, "window": window}:
            word = "protected" if protection else "not protected"
            return f"{word}; soak {soak}, window {window}"
        case "certificate", {"subject": subject, "valid": valid}:
            usages = value.get("usages") if isinstance(value, dict) else None
            return _list([str(subject), f"valid {valid}", *_texts(usages)])
        case "policy", dict() | list() | str():
            return policy_size(value)
        case "grants", dict():
            return "; ".join(f"{name}: {grant_text(terms)}" for name, terms in value.items())
        case _:
            return text_of(value)


def grant_text(terms: Value) -> str:
    """`payments-api may decrypt, context tenant=acme, until 2027-06-30T23:59:59Z`."""
    if not isinstance(terms, Mapping):
        return text_of(terms)
    who = _list(_texts(terms.get("principal")))
    parts = [f"{who} may {_list(_texts(terms.get('operations')))}"]
    if context := terms.get("context"):
        parts.append(f"context {text_of(context)}")
    if until := terms.get("expires_at"):
        parts.append(f"until {text_of(until)}")
    return ", ".join(parts)


def policy_size(value: Value) -> str:
    """The size of a policy document in canonical form, `1,204 bytes`."""
    if value is None:
        return "the provider's default"
    size = len(canonical_json(value).encode()) if not isinstance(value, str) else len(value)
    return f"{size:,} bytes"


def policy_change(before: Value, after: Value) -> str:
    """Old and new size of a policy document, `1,204 -> 1,291 bytes`."""
    old, new = policy_size(before), policy_size(after)
    if old == new:
        return f"{new}, changed"
    return f"{old.removesuffix(' bytes') if new.endswith(' bytes') else old} -> {new}"


def is_long(value: Value) -> bool:
    """Whether a value is better explained by its differences than shown whole."""
    if isinstance(value, str):
        return len(value) > LONGEST
    return isinstance(value, list | dict) and len(canonical_json(value)) > LONGEST // 2


def _inner(value: Value) -> str:
    match value:
        case dict() | list():
            return canonical_json(value)
        case _:
            return text_of(value)


def _joined(parts: list[str], value: Value) -> str:
    text = ", ".join(parts)
    if not parts:
        return "{}" if isinstance(value, dict) else "[]"
    if len(text) > LONGEST and isinstance(value, dict | list):
        return f"{len(value)} entries, {policy_size(value)}"
    return text


def _texts(value: Value) -> list[str]:
    if isinstance(value, list):
        return [text_of(item) for item in value]
    return [] if value is None else [text_of(value)]


def _list(parts: list[str]) -> str:
    return ", ".join(parts)
