"""The state for people and for machines: what keyplan last knew of each key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.model.address import Address
from keyplan.model.values import Value
from keyplan.render.attributes import COLUMN, INDENT
from keyplan.render.errors import FORMAT_VERSION
from keyplan.render.layout import clean, count, entry, paragraph, with_right
from keyplan.render.report import outputs_lines
from keyplan.render.terraform import state_values
from keyplan.render.values import attribute_text
from keyplan.state.model import Phase, ResourceState, State

_HEADLINE = ("tier", "usage", "algorithm")


def state_text(state: State, *, store: str) -> str:
    """Every key of the state, children below their parents."""
    keys = count(len(state.resources), "key")
    lines = paragraph(f"State {store}, serial {state.serial}: {keys}", 0, 2)
    widths = [
        max((len(_fact(item, name)) for item in state.resources.values()), default=0)
        for name in _HEADLINE
    ]
    for resource, depth in _tree(state):
        lines += ["", *_resource(resource, depth, widths)]
    lines += outputs_lines(dict(state.outputs))
    return "\n".join(lines) + "\n"


def state_document(state: State, *, store: str, version: str) -> dict[str, Any]:
    """Terraform's state representation; what only keyplan has under `keyplan`."""
    return {
        "format_version": FORMAT_VERSION,
        "values": state_values(
            {
                address: (item.provider, {"id": item.id, **item.attributes})
                for address, item in state.resources.items()
            },
            state.outputs,
        ),
        "keyplan": {
            "version": version,
            "store": store,
            "lineage": state.lineage,
            "serial": state.serial,
            "resources": {
                str(address): {
                    "phase": item.phase.value,
                    "until": item.until or None,
                    "managed": sorted(item.managed),
                    "dependencies": [str(key) for key in item.dependencies],
                    "protected": item.protected,
                }
                for address, item in sorted(state.resources.items())
            },
        },
    }


def output_document(outputs: Mapping[str, Value]) -> dict[str, Any]:
    """What `output --json` prints: `{name: {"sensitive": false, "value": ...}}`."""
    return {name: {"sensitive": False, "value": value} for name, value in sorted(outputs.items())}


def _fact(resource: ResourceState, name: str) -> str:
    return str(resource.attributes.get(name) or "")


def _resource(resource: ResourceState, depth: int, widths: list[int]) -> list[str]:
    facts = [
        _fact(resource, name).ljust(width) for name, width in zip(_HEADLINE, widths, strict=True)
    ]
    block = "   ".join([f"{resource.provider:<3}", *facts])
    head = paragraph(clean(resource.address), 2 + 2 * min(depth, 6))
    lines = with_right(head, block)
    lines += entry(INDENT, "id", resource.id)
    if resource.phase is not Phase.LIVE:
        until = f" until {resource.until[:10]}" if resource.until else ""
        lines += entry(INDENT, "phase", f"{resource.phase.value.replace('_', ' ')}{until}")
    for name, value in sorted(resource.attributes.items()):
        if name not in (*_HEADLINE, "id") and value not in (None, [], {}):
            lines += entry(INDENT, name, attribute_text(name, value), width=COLUMN - INDENT)
    return lines


def _tree(state: State) -> list[tuple[ResourceState, int]]:
    children: dict[str, list[ResourceState]] = {}
    for resource in sorted(state.resources.values(), key=lambda item: item.address):
        parent = str(resource.attributes.get("parent") or "")
        children.setdefault(parent if parent in state.resources else "", []).append(resource)
    ordered: list[tuple[ResourceState, int]] = []
    waiting = [(item, 0) for item in reversed(children.get("", []))]
    seen: set[Address] = set()
    while waiting:
        resource, depth = waiting.pop()
        if resource.address in seen:
            continue
        seen.add(resource.address)
        ordered.append((resource, depth))
        waiting += [(item, depth + 1) for item in reversed(children.get(resource.address, []))]
    return ordered
