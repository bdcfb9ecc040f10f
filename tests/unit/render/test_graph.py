"""Graphs in three languages, safe whatever the names of keys are."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from keyplan.render.graph import (
    GraphEdge,
    GraphKey,
    GraphView,
    graph_document,
    graph_dot,
    graph_mermaid,
)


def key(address: str, order: int = 0, provider: str = "hsm") -> GraphKey:
    return GraphKey(address, provider, "master", "wrap", "aes-256", order)


VIEW = GraphView(
    "payments",
    [key("key.root"), key('key.master["prod"]', 1), key("key.app", 2, provider="aws.dr")],
    [
        GraphEdge("key.root", 'key.master["prod"]', "parent", "wraps"),
        GraphEdge('key.master["prod"]', "key.app", "parent", "governs"),
        GraphEdge("key.root", "key.app", "depends_on"),
        GraphEdge('key.master["prod"]', "key.app", "reference"),
    ],
)


def test_dot_shows_providers_relations_and_dependencies() -> None:
    assert (
        graph_dot(VIEW)
        == r"""digraph "payments" {
  rankdir=TB
  node [shape=box, fontname=monospace]
  edge [fontname=monospace]
  subgraph cluster_0 {
    label="aws.dr"
    "key.app" [label="key.app\nmaster wrap aes-256"]
  }
  subgraph cluster_1 {
    label="hsm"
    "key.root" [label="key.root\nmaster wrap aes-256"]
    "key.master[\"prod\"]" [label="key.master[\"prod\"]\nmaster wrap aes-256"]
  }
  "key.root" -> "key.master[\"prod\"]" [label="wraps"]
  "key.master[\"prod\"]" -> "key.app" [label="governs"]
  "key.root" -> "key.app" [label="before", style=dashed]
  "key.master[\"prod\"]" -> "key.app" [label="read by", style=dashed]
}
"""
    )


def test_mermaid_shows_the_same() -> None:
    assert (
        graph_mermaid(VIEW)
        == """flowchart TD
  subgraph p0["aws.dr"]
    k2["key.app<br/>master wrap aes#45;256"]
  end
  subgraph p1["hsm"]
    k0["key.root<br/>master wrap aes#45;256"]
    k1["key.master#91;#34;prod#34;#93;<br/>master wrap aes#45;256"]
  end
  k0 -->|"wraps"| k1
  k1 -->|"governs"| k2
  k0 -.->|"before"| k2
  k1 -.->|"read by"| k2
""".replace("#45;", "-")
    )


def test_json_has_keys_in_order_and_every_edge() -> None:
    document = graph_document(VIEW)
    assert [item["address"] for item in document["keys"]] == [item.address for item in VIEW.keys]
    assert document["keys"][0]["parent"] is None
    assert document["edges"][0] == {
        "from": "key.root", "to": 'key.master["prod"]', "kind": "parent", "relation": "wraps",
    }  # fmt: skip
    assert json.loads(json.dumps(document)) == document


def test_an_empty_stack_is_an_empty_graph() -> None:
    empty = GraphView("none", [], [])
    assert graph_dot(empty).endswith("}\n")
    assert graph_mermaid(empty) == "flowchart TD\n"
    assert graph_document(empty)["keys"] == []


_DOT_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_ends_a_quotation_or_begins_markup(one: str, other: str) -> None:
    view = GraphView(
        one,
        [key(f"key.{one}"), key(f"key.{one}.{other}", 1, provider=other)],
        [GraphEdge(f"key.{one}", f"key.{one}.{other}", "parent", "wraps")],
    )
    dot = graph_dot(view)
    assert '"' not in _DOT_STRING.sub("", dot)
    mermaid = graph_mermaid(view)
    for text in (dot, mermaid):
        assert all(character.isprintable() for character in text.replace("\n", ""))
    for label in re.findall(r'\["(.*)"\]', mermaid):
        assert not set(label.replace("<br/>", "")) & set('"<>[]{}`|')
