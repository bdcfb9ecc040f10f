"""Dependency order over random graphs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.graph.dag import dependency_order

NODES = [f"n{number}" for number in range(8)]
EDGES = st.dictionaries(
    st.sampled_from(NODES), st.lists(st.sampled_from([*NODES, "elsewhere"]), max_size=4)
)


@given(EDGES)
@settings(max_examples=50)
def test_everything_comes_once_and_after_what_it_needs_unless_there_is_a_circle(
    edges: dict[str, list[str]],
) -> None:
    order, circles = dependency_order(NODES, edges)
    assert sorted(order) == NODES
    for circle in circles:
        for node, needed in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert needed in edges[node]
    misplaced = [
        node
        for node, needs in edges.items()
        for needed in needs
        if needed in NODES and order.index(needed) >= order.index(node)
    ]
    assert bool(misplaced) == bool(circles)


def test_without_edges_the_order_stays() -> None:
    assert dependency_order(NODES, {}) == (NODES, [])


def test_a_chain_longer_than_the_stack_of_python() -> None:
    names = [str(number) for number in range(50_000)]
    edges = {name: [str(number + 1)] for number, name in enumerate(names)}
    order, circles = dependency_order(names, edges)
    assert order == names[::-1]
    assert circles == []
