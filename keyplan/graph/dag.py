"""Dependency order, and the circles that make one impossible.

Rules: the order is stable: things come as they were declared, each preceded by what it
depends on. Nothing recurses, so a chain may be as long as it likes. Each circle is
found once, the first twenty at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=str)


MAX_CIRCLES = 20
"""Circles that are told apart among what one node reaches; there may be millions."""


def dependency_order(
    nodes: Iterable[Node], edges: Mapping[Node, Sequence[Node]]
) -> tuple[list[Node], list[list[Node]]]:
    """Nodes after what they depend on, and the circles, each from its first node on.

    `edges` maps a node to what it depends on; a node that is not among `nodes` is
    ignored. What is in a circle, or depends on one, is still in the order.
    """
    done: dict[Node, None] = {}
    circles: list[list[Node]] = []
    known = frozenset(nodes_in_order := list(nodes))
    for start in nodes_in_order:
        if start not in done:
            circles += _visit(start, known, edges, done)
    return list(done), circles


def _visit(
    start: Node,
    known: frozenset[Node],
    edges: Mapping[Node, Sequence[Node]],
    done: dict[Node, None],
) -> list[list[Node]]:
    """Depth first from one node, with an explicit path instead of recursion.

    Adds what was reached to `done`, in dependency order, and returns the circles met.
    """
    circles: list[list[Node]] = []
    path: dict[Node, None] = {start: None}
    waiting = [(start, iter(edges.get(start, ())))]
    while waiting:
        node, rest = waiting[-1]
        for needed in rest:
            if needed in path:
                if len(circles) == MAX_CIRCLES:
                    continue
                around = list(path)
                circles.append(around[around.index(needed) :])
            elif needed in known and needed not in done:
                path[needed] = None
                waiting.append((needed, iter(edges.get(needed, ()))))
                break
        else:
            waiting.pop()
            del path[node]
            done[node] = None
    return circles
