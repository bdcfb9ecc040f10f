"""Whatever is written, the language answers with a diagnostic, and soon."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType

from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyplan.config.codes import CODES
from keyplan.config.engine.jinja import parse_expression as parse_fully
from keyplan.config.engine.references import read_plain
from keyplan.config.engine.run import Run
from keyplan.config.expressions import (
    ExpressionError,
    Scope,
    parse_expression,
    parse_template,
)
from keyplan.config.faults import PlacedFault
from keyplan.config.source import SourceFile
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode, parse
from keyplan.diagnostics import Diagnostics

WORDS = [
    "key", "a", "b", ":", ": ", "- ", "\n", "\n  ", "[", "]", "{", "}", ",", "'", '"', "*x", "&x ",
    "!", "<<: ", "|", ">", "#", " #", "? ", "---\n", "%", "\t", "${", "}", "1", "true", "~", "é",
]  # fmt: skip
TOKENS = [
    "${", "}", "%{", "%{ if ", "%{ else }", "%{ endif }", "%{ for x in ", "%{ endfor }", "$${",
    "var", ".x", ".y", "[", "]", "(", ")", "{", ":", ",", "'", '"', "\\", "+", "-", "*", "/", "%",
    "~", "==", "<", " in ", " not ", " and ", " or ", " if ", " else ", " is ", "none", "true",
    "1", "2.5", "length", "join", "range", "jsonencode", "regex", "format", "try", "|", "!", "?",
    "&&", "**", "é", "\n", " ", "=", ";", "null", "for", "upper", "duration", "'90d'", "999999999",
]  # fmt: skip
NAMES = MappingProxyType({"var": {"x": [1, "a", {"y": None}], "y": {"x": "text"}}, "this": {}})


def nodes(node: Node) -> list[Node]:
    found: list[Node] = [node]
    if isinstance(node, ListNode):
        for item in node.items:
            found += nodes(item)
    elif isinstance(node, MapNode):
        for entry in node.entries.values():
            found += nodes(entry.value)
    return found


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map("".join), st.text(max_size=60)))
@example("a: &x [*x]\nb: *x\n")
@example("? - a\n: b\n")
@example("\ufeffa: 1")
def test_any_text_becomes_nodes_or_located_diagnostics(text: str) -> None:
    diagnostics = Diagnostics()
    source = SourceFile.of("f.yaml", Path("f.yaml"), text)
    tree = parse(source, diagnostics)
    assert tree is not None or diagnostics.has_errors
    for problem in diagnostics:
        assert problem.code in CODES
        assert problem.position is not None
        assert 1 <= problem.position.line <= len(source.lines) + 1
        assert problem.position.column >= 1
        assert problem.snippet == source.line(problem.position.line)
    for node in nodes(tree) if tree is not None else ():
        assert 1 <= node.position.line <= len(source.lines) + 1


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join), st.text(max_size=50)),
    st.booleans(),
)
@example("${'" + "\\'" * 50, False)
@example("-" * 300 + "1", True)
@example("not " * 900 + "1", True)
def test_any_expression_ends_soon_with_a_value_or_a_located_error(
    text: str, expression: bool
) -> None:
    source = SourceFile.of("f.yaml", Path("f.yaml"), text)
    node = ScalarNode(text, 1, 1, source)
    started = time.process_time()
    try:
        made = (parse_expression if expression else parse_template)(node)
        assert all(path and path[0].isidentifier() for path in made.references)
        found = made.evaluate(Scope(NAMES))
    except ExpressionError as error:
        problem = error.diagnostic
        assert problem.code in CODES
        assert problem.summary
        assert not problem.summary.endswith(".")
        assert problem.position is not None
        assert 1 <= problem.position.line <= len(source.lines)
    else:
        assert found is None or isinstance(found, (str, int, float, bool, list, dict))
    assert time.process_time() - started < 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["var", "each", ".x", ".key", '["a"]', "[0]", "[each.key]", "[var.x]", "."]
        ),
        min_size=1,
        max_size=5,
    ).map("".join)
)
def test_the_short_way_for_references_means_what_the_parser_means(text: str) -> None:
    names = {
        "var": {"x": {"key": [{"x": 1}], "a": 2}, "key": "x", "a": [1]},
        "each": {"key": "x", "x": 0, "a": {"x": 3}},
    }
    plain = read_plain(text, 0, frozenset())
    if plain is None:
        return
    expression, paths = plain
    try:
        full, full_paths = parse_fully(text, 0, frozenset())
    except PlacedFault as fault:
        raise AssertionError(f"only the short way reads {text}") from fault
    assert set(paths) == set(full_paths)
    assert (expression.start, expression.end) == (full.start, full.end)
    node = ScalarNode(text, 1, 1, SourceFile.of("f", Path("f"), text))
    outcomes: list[object] = []
    for either in (expression, full):
        try:
            outcomes.append(either.evaluate(Run(Scope(names), node)))
        except ExpressionError as error:
            outcomes.append(error.diagnostic)
    assert outcomes[0] == outcomes[1]
