"""Canonical layout: what changes, what never does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import assume, event, given

from keyplan.config.formatting import layout
from keyplan.config.formatting.concrete import read_concrete
from keyplan.config.formatting.layout import LayoutDefectError, format_file, same_meaning
from keyplan.config.formatting.nodes import Leaf, Node
from keyplan.config.language_stack import quotes_matter
from keyplan.config.source import SourceFile
from keyplan.config.tree import MapNode, parse
from keyplan.diagnostics import Diagnostics
from tests.unit.config.yaml_texts import documents

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("**/*keyplan.yaml"))
TEMPLATES = sorted((Path(__file__).parents[3] / "keyplan/app/templates").glob("*/*.yaml"))


def source(text: str) -> SourceFile:
    return SourceFile.of("keyplan.yaml", Path("keyplan.yaml"), text)


def formatted(text: str, *, apart: bool = True) -> str:
    diagnostics = Diagnostics()
    result = format_file(source(text), diagnostics, apart=apart, quotes_matter=quotes_matter)
    assert result is not None, [item.summary for item in diagnostics]
    return result


def tree(text: str) -> MapNode:
    diagnostics = Diagnostics()
    found = parse(source(text), diagnostics)
    assert found is not None
    assert not diagnostics.has_errors
    return found


def comments(text: str) -> list[str]:
    """Every comment of a text, those behind the header of a block scalar too."""
    concrete = read_concrete(text)
    found = [comment.text for comment in concrete.comments]

    def walk(node: Node | None) -> None:
        if isinstance(node, Leaf):
            header = node.source.partition("\n")[0]
            if node.style in ("|", ">") and "#" in header:
                found.append(header[header.index("#") :].rstrip())
        elif node is not None:
            for pair in node.pairs:
                walk(pair.value)

    walk(concrete.root)
    return sorted(found)


def usable(text: str) -> bool:
    diagnostics = Diagnostics()
    return parse(source(text), diagnostics) is not None and not diagnostics.has_errors


# -- properties --------------------------------------------------------------------------


@given(documents())
def test_meaning_comments_and_layout_are_stable(text: str) -> None:
    assume(usable(text))
    once = formatted(text)
    event("changed" if once != text else "canonical")
    assert same_meaning(tree(text), tree(once))
    assert comments(text) == comments(once)
    assert formatted(once) == once


@given(documents())
def test_lines_end_where_they_should(text: str) -> None:
    assume(usable(text))
    once = formatted(text)
    assert once == "" or once.endswith("\n")
    in_scalars = "|" in text or ">" in text
    assert in_scalars or not once.endswith("\n\n")
    assert in_scalars or "\n\n\n" not in once
    assert in_scalars or not any(line != line.rstrip() for line in once.split("\n"))


@pytest.mark.parametrize("file", EXAMPLES + TEMPLATES, ids=lambda path: "/".join(path.parts[-2:]))
def test_examples_and_templates_are_canonical(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert formatted(text) == text


# -- layout ------------------------------------------------------------------------------


def test_blocks_stand_apart_and_nothing_else_moves() -> None:
    assert formatted("b:\n    x:   1\n\n\n\n    y: 2\na:\n- 1\n-   2\n") == (
        "b:\n  x: 1\n\n  y: 2\n\na:\n  - 1\n  - 2\n"
    )


def test_variables_need_no_empty_lines_between() -> None:
    assert formatted("a:  1\nb:  2\n", apart=False) == "a: 1\nb: 2\n"


def test_no_empty_line_follows_what_opens_a_block() -> None:
    assert (
        formatted("\n\na:\n\n  b:\n\n    c: [\n\n 1]\n\n\n")
        == "a:\n  b:\n    c: [\n      1\n    ]\n"
    )


def test_flow_collections_have_single_spaces_and_keep_their_lines() -> None:
    assert formatted("a: { x:  1 ,y: [ 1,2,  3 ], z: {} , w }\n") == (
        "a: {x: 1, y: [1, 2, 3], z: {}, w}\n"
    )
    assert formatted("a: [1, 2,\n    3,]\n") == "a: [\n  1, 2,\n  3\n]\n"


def test_a_value_below_its_key_joins_it() -> None:
    assert formatted("a:\n   text\nb:\n  - - x\n    - y\n  -\n    c: 1\n") == (
        "a: text\n\nb:\n  - - x\n    - y\n  - c: 1\n"
    )


def test_block_scalars_keep_their_text() -> None:
    text = "a:\n      b: |\n            x\n              y  \n\n            z\nc: >2-\n    w\n"
    assert formatted(text) == "a:\n  b: |\n    x\n      y  \n\n    z\n\nc: >2-\n    w\n"


def test_empty_lines_that_belong_to_a_text_are_not_added_or_removed() -> None:
    assert formatted("a: |+\n  x\n\n\nb: 1\n") == "a: |+\n  x\n\n\nb: 1\n"
    assert formatted("a: |+\n  x\nb: 1\n") == "a: |+\n  x\nb: 1\n"
    assert formatted("a: |\n  x") == "a: |-\n  x\n"  # the file ended without a line end


def test_lines_of_a_quoted_text_are_indented_with_it() -> None:
    assert formatted('a:\n    "one\n  two\\\n       \\ three\n\n four"\n') == (
        'a: "one\n  two\\\n  \\ three\n\n  four"\n'
    )


def test_anchors_and_aliases_stay() -> None:
    assert formatted("a: &x   {b:  1}\nc:   *x\nd: &y\n   e: 1\n") == (
        "a: &x {b: 1}\n\nc: *x\n\nd: &y\n  e: 1\n"
    )


def test_a_document_start_stays() -> None:
    assert formatted("# c\n%YAML 1.1\n---\na:  1\n...\n# d\n") == "# c\n%YAML 1.1\n---\na: 1\n# d\n"


def test_an_empty_file_stays_empty() -> None:
    assert formatted("") == ""
    assert formatted("\n\n# only this\n\n\n# and this\n") == "# only this\n\n# and this\n"


# -- comments ----------------------------------------------------------------------------


def test_comments_stay_with_what_they_stand_above_or_behind() -> None:
    text = """\
# head

a:    # behind a
     # above b
     b: 1 # behind b
     # below b
# above c
c:
"""
    assert (
        formatted(text)
        == """\
# head

a:    # behind a
  # above b
  b: 1  # behind b
  # below b

# above c
c:
"""
    )


def test_comments_in_one_column_stay_in_one() -> None:
    assert formatted("a: {b:  1}   # x\nc: 1         # y\n", apart=False) == (
        "a: {b: 1}    # x\nc: 1         # y\n"
    )
    assert formatted("aaaa: 1 # x\nb: 1    # y\n", apart=False) == ("aaaa: 1  # x\nb: 1     # y\n")


def test_a_comment_between_a_key_and_its_value_goes_above_both() -> None:
    assert formatted("a:  # why\n  text\nb:\n  - # one\n    x: 1\n") == (
        "# why\na: text\n\nb:\n  # one\n  - x: 1\n"
    )


def test_comments_inside_flow_collections_stay_on_their_lines() -> None:
    assert formatted("a: [ # open\n  1, # one\n  # own\n  2\n  # last\n  ] # close\n") == (
        "a: [  # open\n  1,  # one\n  # own\n  2\n  # last\n]  # close\n"
    )


def test_a_hash_in_a_value_is_no_comment() -> None:
    text = "a: x#y\n\nb: '# no'\n\nc: {d: a#b}\n\ne: |\n  # text\n"
    assert formatted(text) == text
    assert comments(text) == []


# -- addresses ---------------------------------------------------------------------------


def test_an_address_is_in_single_quotes_in_flow_style_and_plain_elsewhere() -> None:
    text = """\
key:
  a:
    parent: "key.master[\\"prod\\"]"
    depends_on: ["key.b[\\"x\\"]", 'key.c["y"]', key.d]
  b: {parent: "key.master[\\"prod\\"]"}

removed:
  - from: 'key.old["a"]'
    mode: forget
"""
    assert (
        formatted(text)
        == """\
key:
  a:
    parent: key.master["prod"]
    depends_on: ['key.b["x"]', 'key.c["y"]', key.d]
  b: {parent: 'key.master["prod"]'}

removed:
  - from: key.old["a"]
    mode: forget
"""
    )


def test_quotes_stay_where_they_make_a_text_of_an_expression() -> None:
    text = "output:\n  a:\n    value: 'key.master[\"prod\"].id'\n\nlocals:\n  b: 'key.x[\"y\"]'\n"
    assert formatted(text) == text


def test_other_quotes_stay() -> None:
    text = 'a: {b: "x", c: \'y\', d: "${key.m[\\"p\\"].id}"}\n'
    assert formatted(text) == text


# -- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a: [1\n", "a: 1\na: 2\n", "a: !tag x\n", "- 1\n", "<<: {}\n"])
def test_a_file_with_a_syntax_error_is_reported_and_not_formatted(text: str) -> None:
    diagnostics = Diagnostics()
    assert format_file(source(text), diagnostics) is None
    assert diagnostics.has_errors


def test_a_defect_of_the_printer_is_found_before_anybody_gets_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout, "joined", lambda lines: "a: 2\n")
    with pytest.raises(LayoutDefectError):
        format_file(source("a: 1\n"), Diagnostics())


def test_large_files_take_linear_time() -> None:
    block = "  k{}:\n      provider: hsm\n      labels: {{a:  b}}  # c\n"
    text = "key:\n" + "".join(block.format(number) for number in range(2000))
    once = formatted(text)
    assert once.count("\n") == text.count("\n")
    assert "    labels: {a: b}" in once


def test_deep_nesting_is_formatted_up_to_the_limit() -> None:
    text = "a: " + "[" * 90 + "]" * 90 + "\n"
    assert formatted(text) == text


def test_a_comment_that_nobody_aligned_stands_two_spaces_behind() -> None:
    assert formatted("a:\n     b: 1 # x\n     c: [ 1 ]  # y\n     d: 1        # z\n") == (
        "a:\n  b: 1  # x\n  c: [1]  # y\n  d: 1           # z\n"
    )


def test_many_anchors_and_comments_take_linear_time() -> None:
    lines = [f"  k{number}: &a{number}  # c\n     b: 1\n" for number in range(4000)]
    started = time.process_time()
    once = formatted("key:\n" + "".join(lines))
    assert once.count("  # c\n    b: 1\n") == 4000
    assert time.process_time() - started < 20  # a quadratic printer takes minutes
