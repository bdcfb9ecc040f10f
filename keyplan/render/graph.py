"""The hierarchy and its order as DOT, Mermaid and JSON.

Rules: the same graph gives the same text; arrows point from what comes first to what
needs it, so parents stand above their children; a name from a stack can never end a
quotation, start markup or move a cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeAlias

FORMAT_VERSION = "1.0"

EdgeKind: TypeAlias = Literal["parent", "depends_on", "reference"]
"""Why one key needs another: it is its parent, or is named, or is read in an expression."""


@dataclass(frozen=True, slots=True)
class GraphKey:
    """One key. `order` counts from 0: keys of one order need nothing of each other."""

    address: str
    provider: str
    tier: str
    usage: str
    algorithm: str
    order: int
    parent: str = ""
    relation: str = ""

    @property
    def facts(self) -> str:
        """What a box says below the address."""
        return " ".join(part for part in (self.tier, self.usage, self.algorithm) if part)


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """`target` needs `source`. `relation` is that of parent and child."""

    source: str
    target: str
    kind: EdgeKind
    relation: str = ""

    @property
    def label(self) -> str:
        """What stands at the arrow."""
        return self.relation or {"depends_on": "before", "reference": "read by"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class GraphView:
    """A stack's keys in dependency order, and what each needs."""

    stack: str
    keys: Sequence[GraphKey]
    edges: Sequence[GraphEdge]


def graph_dot(view: GraphView) -> str:
    """Graphviz DOT, one cluster a provider; solid arrows are the hierarchy."""
    lines = [
        f"digraph {_dot(view.stack)} {{",
        "  rankdir=TB",
        "  node [shape=box, fontname=monospace]",
        "  edge [fontname=monospace]",
    ]
    for number, (provider, keys) in enumerate(_by_provider(view.keys)):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_dot(provider)}"]
        lines += [f"    {_dot(key.address)} [label={_dot_lines(key)}]" for key in keys]
        lines.append("  }")
    for edge in view.edges:
        style = "" if edge.kind == "parent" else ", style=dashed"
        lines.append(
            f"  {_dot(edge.source)} -> {_dot(edge.target)} [label={_dot(edge.label)}{style}]"
        )
    return "\n".join([*lines, "}"]) + "\n"


def graph_mermaid(view: GraphView) -> str:
    """A Mermaid flowchart, as GitHub and GitLab draw it in Markdown."""
    names = {key.address: f"k{number}" for number, key in enumerate(view.keys)}
    lines = ["flowchart TD"]
    for number, (provider, keys) in enumerate(_by_provider(view.keys)):
        lines.append(f'  subgraph p{number}["{_mermaid(provider)}"]')
        lines += [
            f'    {names[key.address]}["{_mermaid(key.address)}<br/>{_mermaid(key.facts)}"]'
            for key in keys
        ]
        lines.append("  end")
    for edge in view.edges:
        arrow = "-->" if edge.kind == "parent" else "-.->"
        label = f'|"{_mermaid(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def graph_document(view: GraphView) -> dict[str, Any]:
    """JSON: keys in dependency order, and an edge for each thing that a key needs."""
    return {
        "format_version": FORMAT_VERSION,
        "stack": view.stack,
        "keys": [
            {
                "address": key.address,
                "provider": key.provider,
                "tier": key.tier,
                "usage": key.usage or None,
                "algorithm": key.algorithm or None,
                "parent": key.parent or None,
                "relation": key.relation or None,
                "order": key.order,
            }
            for key in view.keys
        ],
        "edges": [
            {
                "from": edge.source,
                "to": edge.target,
                "kind": edge.kind,
                "relation": edge.relation or None,
            }
            for edge in view.edges
        ],
    }


def _by_provider(keys: Iterable[GraphKey]) -> list[tuple[str, list[GraphKey]]]:
    ordered = sorted(keys, key=lambda key: key.provider)  # stable: dependency order within
    return [(name, list(group)) for name, group in groupby(ordered, lambda key: key.provider)]


def _dot_lines(key: GraphKey) -> str:
    return '"' + r"\n".join(_dot(text)[1:-1] for text in (key.address, key.facts)) + '"'


def _dot(text: str) -> str:
    """A quoted identifier: only a quotation mark and a backslash mean anything in it."""
    escaped = _visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _mermaid(text: str) -> str:
    """Text in a quoted label: whatever could be markup as a numeric entity."""
    return "".join(
        character if character.isalnum() or character in " ._,:/()=-" else f"#{ord(character)};"
        for character in _visible(text)
    )


def _visible(text: str) -> str:
    """The text without characters that cannot be seen, which are escaped as in Python."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
