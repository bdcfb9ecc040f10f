"""What exists and nobody declared, for people and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from keyplan.plans.discovery import Discovery, LeftOut, Proposal, together
from keyplan.render.layout import clean, count, entry, paragraph, wrap

_SHOWN = 200
_COLUMN = 14


def discovery_text(found: Discovery, *, written: str = "", hints: bool = True) -> str:
    """The keys, grouped under what could be declared; `written` is the file that was made."""
    lines = [_summary(found)]
    for item in found.proposals[:_SHOWN]:
        lines += ["", *_proposal(item)]
    if len(found.proposals) > _SHOWN:
        lines += ["", f"and {count(len(found.proposals) - _SHOWN, 'more key', 'more keys')}"]
    if found.left_out:
        lines += ["", "Left out"]
        for out, how_many in together(found.left_out)[:_SHOWN]:
            more = f" and {count(how_many - 1, 'more key', 'more keys')}" if how_many > 1 else ""
            lines += paragraph(f"{out.provider} {out.id}{more}: {out.why}", 2, 4)
    lines += _next(found, written) if hints or written else []
    return "\n".join(lines) + "\n"


def discovery_document(found: Discovery) -> dict[str, Any]:
    """Everything as JSON data."""
    return {
        "format_version": "1.0",
        "scanned": found.scanned,
        "managed_by_service": found.managed_by_service,
        "keys": [_record(item) for item in found.proposals],
        "left_out": [_left_out(item) for item in found.left_out],
    }


def _summary(found: Discovery) -> str:
    new = count(len(found.proposals), "key")
    text = f"Looked at {count(found.scanned, 'key')}; this stack does not have {new}."
    if found.managed_by_service:
        text += f" {count(found.managed_by_service, 'key')} more belong to the service itself."
    return "\n".join(wrap(text, 78))


def _proposal(item: Proposal) -> Iterator[str]:
    kind = " ".join(str(item.attributes.get(name, "")) for name in ("usage", "algorithm")).strip()
    yield from paragraph(f"{item.address}  {item.provider}  {item.tier}  {kind}".rstrip(), 2, 4)
    yield from entry(6, "id", item.id, width=_COLUMN)
    if item.parent is not None:
        yield from entry(6, "parent", f"{item.parent} ({item.relation})", width=_COLUMN)
    aliases = item.attributes.get("aliases")
    if isinstance(aliases, list):
        yield from entry(6, "aliases", ", ".join(map(str, aliases)), width=_COLUMN)
    if item.observe:
        yield from entry(6, "lifecycle", "observe only: keyplan cannot declare it", width=_COLUMN)
    for note in item.notes:
        yield from entry(6, "note", note, width=_COLUMN)


def _next(found: Discovery, written: str) -> list[str]:
    if not found.proposals:
        return []
    if not written:
        return ["", "Next: keyplan discover --generate-config-out adopted.keyplan.yaml"]
    lines = ["", f"Written to {clean(shlex.quote(written))}. Look at names, tiers and parents."]
    if not written.endswith(".keyplan.yaml"):
        lines += paragraph("keyplan reads it once it is called NAME.keyplan.yaml in the stack.")
    return [*lines, "Next: keyplan plan    shows the imports and nothing else"]


def _record(item: Proposal) -> dict[str, Any]:
    return {
        "address": item.address,
        "provider": item.provider,
        "id": item.id,
        "tier": item.tier.value,
        "parent": item.parent,
        "relation": None if item.relation is None else item.relation.value,
        "attributes": dict(item.attributes),
        "observe": item.observe,
        "notes": list(item.notes),
    }


def _left_out(item: LeftOut) -> dict[str, str]:
    return {"provider": item.provider, "id": item.id, "why": item.why}
