"""The stack's keys, what each needs and why, for `keyplan graph`. Offline."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.app.workspace import Workspace
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.resources import DesiredKey
from keyplan.render.graph import EdgeKind, GraphEdge, GraphKey, GraphView


def graph_view(workspace: Workspace) -> GraphView:
    """The linked stack as it is drawn. Raises `ConfigurationError`."""
    graph = workspace.graph
    order = _order(graph)
    keys = [_key(key, order[address]) for address, key in graph.keys.items()]
    edges = [
        _edge(key, needed) for key in graph.keys.values() for needed in _needs(graph, key.address)
    ]
    return GraphView(graph.stack.name, keys, edges)


def _order(graph: ResourceGraph) -> Mapping[Address, int]:
    """The length of the longest chain of keys that must come before each."""
    order: dict[Address, int] = {}
    for address in graph.keys:  # in dependency order
        order[address] = max((order[needed] + 1 for needed in _needs(graph, address)), default=0)
    return order


def _needs(graph: ResourceGraph, address: Address) -> list[Address]:
    """What a key depends on, its parent first, then in lexical order."""
    parent = graph.keys[address].parent
    needed = (item for item in graph.edges.get(address, ()) if item in graph.keys)
    return sorted(needed, key=lambda item: (item != parent, item))


def _key(key: DesiredKey, order: int) -> GraphKey:
    return GraphKey(
        address=key.address,
        provider=key.provider,
        tier=key.tier.value,
        usage="" if key.usage is None else key.usage.value,
        algorithm=key.algorithm or "",
        order=order,
        parent=key.parent or "",
        relation="" if key.relation is None else key.relation.value,
    )


def _edge(key: DesiredKey, needed: Address) -> GraphEdge:
    kind: EdgeKind = "reference"
    relation = ""
    if needed == key.parent:
        kind = "parent"
        relation = "" if key.relation is None else key.relation.value
    elif needed in key.depends_on:
        kind = "depends_on"
    return GraphEdge(needed, key.address, kind, relation)
