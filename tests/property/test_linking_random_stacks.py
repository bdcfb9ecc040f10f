"""Linking the text of a random stack gives the graph that the stack was drawn as."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings

from keyplan.graph.link import load_graph
from keyplan.graph.resources import ResourceGraph
from keyplan.testing.fake import fake_plugin
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import stacks


def linked(spec: StackSpec) -> ResourceGraph:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keyplan.yaml").write_text(spec.yaml(), encoding="utf-8")
        graph, _ = load_graph(folder, plugins={"fake": fake_plugin()}, environment={})
        return graph


@given(stacks(places=("dr", "us")))
@settings(max_examples=50, deadline=None)
def test_the_linked_graph_is_the_drawn_one(spec: StackSpec) -> None:
    graph, drawn = linked(spec), spec.graph()
    assert list(graph.keys) == list(drawn.keys)
    assert graph.edges == drawn.edges
    assert graph.principals == drawn.principals
    assert graph.stack.safety == drawn.stack.safety
    for address, wanted in drawn.keys.items():
        key = graph.keys[address]
        assert dict(key.attributes) == dict(wanted.attributes)
        assert key.policy == wanted.policy
        for name in ("provider", "tier", "usage", "algorithm", "parent", "relation", "keep_policy"):
            assert getattr(key, name) == getattr(wanted, name), name
