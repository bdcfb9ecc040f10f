"""The table of expressions: the right side works, and the left side is led to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyplan.config.expressions import ExpressionError, Scope, parse_expression
from keyplan.config.source import SourceFile
from keyplan.config.tree import ScalarNode
from tests.docs.pages import DOCS

PAGE = DOCS / "coming-from-terraform.md"
SCOPE = Scope(
    {
        "var": {
            "n": 2, "on": True, "off": False, "x": None, "a": "abcd", "b": "b", "m": {"a": 1},
            "names": ["a", "b"], "places": ["c"], "people": [{"name": "eve"}, {"name": "bob"}],
        }
    }
)  # fmt: skip
BOTH = {'contains(var.names, "a")'}
"""What is right in both languages, and only shown with a shorter spelling."""


def rows() -> list[tuple[str, str]]:
    section = (
        PAGE.read_text(encoding="utf-8").partition("\n## Expressions\n")[2].partition("\n## ")[0]
    )
    found = re.findall(r"^\| `(.+)` \| `(.+)` \|$", section, re.MULTILINE)
    return [(left.replace("\\|", "|"), right.replace("\\|", "|")) for left, right in found]


def value(text: str) -> object:
    node = ScalarNode(text, 1, 1, SourceFile.of("f", Path("f"), text))
    return parse_expression(node).evaluate(SCOPE)


@pytest.mark.parametrize("text", sorted({right for _, right in rows()}))
def test_what_the_page_says_to_write_can_be_evaluated(text: str) -> None:
    value(text)


@pytest.mark.parametrize("text", [left for left, _ in rows() if left not in BOTH])
def test_what_people_write_out_of_habit_is_answered_with_advice(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.diagnostic.advice


def test_there_is_a_row_for_every_habit() -> None:
    left = " ".join(text for text, _ in rows())
    for habit in ("?", "&&", "||", "!", "null", "[*]", "for ", "=>", "${"):
        assert habit in left
