"""From an offset in a scalar's text to the character that was written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.config.expressions import ExpressionError, Scope, parse_template
from keyplan.config.places import locate
from keyplan.config.tree import MapNode, ScalarNode
from keyplan.diagnostics import Diagnostic, Position

Read = Callable[[str], tuple[MapNode | None, list[Diagnostic]]]
MARK = "HERE"


def marked(read: Read, text: str) -> tuple[Position, str]:
    """Where `HERE` of the value under `a` is said to be, and what stands there."""
    tree, problems = read(text)
    assert not problems
    assert tree is not None
    node = tree.entries["a"].value
    assert isinstance(node, ScalarNode)
    start = node.text.index(MARK)
    position = locate(node, start, start + len(MARK))
    line = text.splitlines()[position.line - 1]
    return position, line[position.column - 1 : position.end_column - 1]


@pytest.mark.parametrize(
    "text",
    [
        "a: HERE\n",
        "a: text HERE more\n",
        "a:   'HERE'\n",
        "a: 'it''s HERE'\n",
        'a: "tab \\t x \\x41 \\u00e9 \\U0001F600 \\" HERE"\n',
        'a: "ünï HERE"\n',
        "b: 1\na: |\n  first\n  second HERE\n",
        "a: |-\n    first\n\n      deeper HERE\n    last\n",
        "a: |2\n   odd HERE\n",
        "a: >\n  folded\n  text HERE\n\n  more\n",
        "a: plain\n  goes on\n  HERE\n",
        "a: 'quoted\n  goes on HERE'\n",
        "a: 'quoted HERE\n  goes on'\n",
        'a: "double\n  goes on HERE\n  and on"\n',
        "b: HERE\na: x HERE\n",
        'a: "HERE" # HERE\n',
        "a: | # comment\n  HERE\n",
    ],
)
def test_the_place_is_exact(read: Read, text: str) -> None:
    _, found = marked(read, text)
    assert found == MARK


def test_escapes_over_several_lines_degrade_to_the_start_of_the_value(read: Read) -> None:
    text = 'a: "one \\t two\n  three HERE"\n'
    tree, _ = read(text)
    assert tree is not None
    node = tree.entries["a"].value
    assert isinstance(node, ScalarNode)
    position = locate(node, node.text.index(MARK))
    assert (position.line, position.column) == (1, 4)


def test_a_span_over_lines_has_no_end_column(read: Read) -> None:
    tree, _ = read("a: |\n  x\n  y\n")
    assert tree is not None
    node = tree.entries["a"].value
    assert isinstance(node, ScalarNode)
    position = locate(node, 0, 3)
    assert (position.line, position.column, position.end_column) == (2, 3, 0)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: x ${nope}\n", 1, 8),
        ("a: 'it''s ${nope}'\n", 1, 13),
        ("a: |\n  first\n  second ${nope}\n", 3, 12),
        ("a: >-\n  first\n  second ${nope} and\n  ${more}\n", 3, 12),
        ("a: one\n  two ${nope}\n", 2, 9),
    ],
)
def test_errors_of_expressions_stand_at_the_character_that_was_written(
    read: Read, text: str, line: int, column: int
) -> None:
    tree, _ = read(text)
    assert tree is not None
    node = tree.entries["a"].value
    assert isinstance(node, ScalarNode)
    with pytest.raises(ExpressionError) as caught:
        parse_template(node).evaluate(Scope())
    found = caught.value.diagnostic
    assert found.position == Position("keyplan.yaml", line, column, column + 4)
    assert found.snippet == text.splitlines()[line - 1]
