"""YAML becomes nodes with the text as written and the place of everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from keyplan.config.source import SourceFile
from keyplan.config.tree import (
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    parse,
    parse_any,
    plain_value,
    snippet,
)
from keyplan.diagnostics import Diagnostic, Diagnostics

Read = Callable[[str], tuple[MapNode | None, list[Diagnostic]]]


def plain(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {name: plain(entry.value) for name, entry in node.entries.items()}


@pytest.mark.parametrize(
    "text",
    ["09:00", "17:30", "012345678901", "12e4567", "1.10", "yes", "on", "1_000", "0x1f", "null",
     "2027-01-31", "1234567890", "~", "True", "=", ".inf"],
)  # fmt: skip
def test_scalars_keep_the_text_that_was_written(read: Read, text: str) -> None:
    tree, problems = read(f"a: {text}\nb: '{text}'\n")
    assert not problems
    assert tree is not None
    plain_scalar, quoted = tree.entries["a"].value, tree.entries["b"].value
    assert isinstance(plain_scalar, ScalarNode)
    assert isinstance(quoted, ScalarNode)
    assert (plain_scalar.text, plain_scalar.quoted) == (text, False)
    assert (quoted.text, quoted.quoted) == (text, True)


def test_a_comment_ends_a_plain_value_and_not_a_quoted_one(read: Read) -> None:
    tree, _ = read("a: b # c\nd: 'b # c'\ne: b#c\n")
    assert tree is not None
    assert plain(tree) == {"a": "b", "d": "b # c", "e": "b#c"}


def test_block_scalars_count_as_quoted_and_keep_their_last_newline(read: Read) -> None:
    tree, _ = read("a: |\n  true\n")
    assert tree is not None
    node = tree.entries["a"].value
    assert isinstance(node, ScalarNode)
    assert (node.text, node.quoted) == ("true\n", True)


def test_keys_that_yaml_1_1_takes_for_booleans_are_text(read: Read) -> None:
    tree, problems = read("on: 1\nno: 2\nyes: 3\ny: 4\n")
    assert not problems
    assert tree is not None
    assert list(tree.entries) == ["on", "no", "yes", "y"]


def test_everything_has_its_place(read: Read) -> None:
    tree, _ = read("key:\n  a:\n    list: [x, 'y']\n    é: ünï\n")
    assert tree is not None
    key = tree.entries["key"]
    assert (key.key_position.line, key.key_position.column) == (1, 1)
    inner = key.value
    assert isinstance(inner, MapNode)
    block = inner.entries["a"].value
    assert isinstance(block, MapNode)
    assert (block.position.line, block.position.column) == (3, 5)
    items = block.entries["list"].value
    assert isinstance(items, ListNode)
    assert [(str(item.position), item.position.end_column) for item in items.items] == [
        ("keyplan.yaml:3:12", 13),
        ("keyplan.yaml:3:15", 0),
    ]
    accent = block.entries["é"]
    assert (accent.key_position.column, accent.value.position.column) == (5, 8)
    assert snippet(accent.value) == "    é: ünï"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n"])
def test_an_empty_file_is_an_empty_map(read: Read, text: str) -> None:
    tree, problems = read(text)
    assert not problems
    assert tree is not None
    assert tree.entries == {}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "KP-LANG-014", "3:1"),
        ("a: {b: 1, b: 2}\n", "KP-LANG-014", "1:11"),
        ("a: 1\n'a': 2\n", "KP-LANG-014", "2:1"),
        ("x: &b {c: 1}\na:\n  <<: *b\n  d: 1\n", "KP-LANG-012", "3:3"),
        ("a: !!str 1\n", "KP-LANG-011", "1:4"),
        ("a: !key.exportable\n", "KP-LANG-011", "1:4"),
        ("a: !x [1]\n", "KP-LANG-011", "1:4"),
        ("a: !!binary aGk=\n", "KP-LANG-011", "1:4"),
        ("? [a, b]\n: 1\nc: 2\n", "KP-LANG-013", "1:3"),
        ("? {a: b}\n: 1\nc: 2\n", "KP-LANG-013", "1:3"),
        ("x: &a k\n*a : 1\n", "KP-LANG-013", "2:1"),
        ("1: x\n", "KP-LANG-013", "1:1"),
        ("true: x\n", "KP-LANG-013", "1:1"),
        ("null: x\n", "KP-LANG-013", "1:1"),
        ("~: x\n", "KP-LANG-013", "1:1"),
        ("?\n: x\n", "KP-LANG-013", "1:2"),
        ("1.5e3: x\n", "KP-LANG-013", "1:1"),
        ("a: *nowhere\n", "KP-LANG-010", "1:4"),
        ("a: &x [*x]\n", "KP-LANG-010", "1:8"),
        ("a: 1\n---\nb: 2\n", "KP-LANG-015", "2:1"),
        ("- a\n", "KP-LANG-016", "1:1"),
        ("just text\n", "KP-LANG-016", "1:1"),
    ],
)
def test_what_is_not_part_of_the_language_is_reported_at_its_place(
    read: Read, text: str, code: str, place: str
) -> None:
    _, problems = read(text)
    assert [problem.code for problem in problems] == [code]
    assert str(problems[0].position) == f"keyplan.yaml:{place}"
    assert problems[0].snippet == text.splitlines()[int(place.split(":", maxsplit=1)[0]) - 1]
    assert problems[0].advice


def test_quoting_makes_any_key_text(read: Read) -> None:
    tree, problems = read("'1': a\n\"true\": b\n'<<': c\n")
    assert not problems
    assert tree is not None
    assert list(tree.entries) == ["1", "true", "<<"]


def test_reading_goes_on_after_a_mistake_so_that_all_are_reported(read: Read) -> None:
    tree, problems = read("a: !t 1\na: 2\n<<: 3\n? [x]\n: {y: 1, y: 2}\nb: *n\nlast: 1\n")
    assert [problem.code for problem in problems] == [
        "KP-LANG-011",
        "KP-LANG-014",
        "KP-LANG-012",
        "KP-LANG-013",
        "KP-LANG-014",
        "KP-LANG-010",
    ]
    assert tree is not None
    assert list(tree.entries) == ["a", "b", "last"]


def test_a_duplicate_shows_the_first_place_too(read: Read) -> None:
    tree, (problem,) = read("a: 1\nb: 2\na: 3\n")
    assert [str(other.position) for other in problem.related] == ["keyplan.yaml:1:1"]
    assert tree is not None
    assert plain(tree) == {"a": "1", "b": "2"}


def test_aliases_share_the_anchored_node(read: Read) -> None:
    tree, problems = read("a: &x {b: [1, 2]}\nc: *x\nd: &s text\ne: *s\n")
    assert not problems
    assert tree is not None
    assert tree.entries["c"].value is tree.entries["a"].value
    assert plain(tree)["e"] == "text"  # type: ignore[index]


def test_alias_expansion_is_bounded(read: Read) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    started = time.process_time()
    _, problems = read("\n".join(lines) + "\n")
    assert [problem.code for problem in problems] == ["KP-LANG-010"]
    assert time.process_time() - started < 1


def test_aliases_do_not_get_round_the_depth_limit(read: Read) -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} {'[' * 20}*a{n - 1}{']' * 20}" for n in range(1, 9)]
    _, problems = read("\n".join(lines) + "\n")
    assert [problem.code for problem in problems] == ["KP-LANG-009"]


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{a: " * 50_000, "- " * 100_000, "? " * 5_000, "a:\n " + "[" * 60_000]
)
def test_hostile_nesting_is_refused_at_once(read: Read, text: str) -> None:
    started = time.process_time()
    tree, problems = read(text)
    assert tree is None
    assert {problem.code for problem in problems} - {"KP-LANG-013"} == {"KP-LANG-009"}
    assert time.process_time() - started < 2


def test_a_hundred_levels_are_read(read: Read) -> None:
    tree, problems = read("a: " + "[" * 99 + "]" * 99 + "\n")
    assert tree is not None
    assert not problems


def test_the_slower_parser_gives_the_same_nodes(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a: {b: [1, 'x', \"y\"]}\nc: |\n  text\n  more\nd: &z plain words\ne: *z\nf:\n- g: h\n"
    fast, _ = read(text)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    slow, problems = read(text)
    assert not problems
    assert fast is not None
    assert slow is not None
    assert plain(fast) == plain(slow)
    assert [str(entry.value.position) for entry in fast.entries.values()] == [
        str(entry.value.position) for entry in slow.entries.values()
    ]
    _, problems = read('a: [key.m["p"]]\nb: c: d\n')
    assert [problem.code for problem in problems] == ["KP-LANG-007"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("", None), ("~", None), ("null", None), ("none", None),
        ("5", 5), ("-3", -3), ("1.5", 1.5), ("0", 0), ("1.10", "1.10"), ("012", "012"),
        ("1e5", "1e5"), ("0x1f", "0x1f"), ("1_000", "1_000"), ("111122223333", 111122223333),
        ("012345678901", "012345678901"), ("True", "True"), ("yes", "yes"), ("-0", "-0"),
        ("99999999999999999999999999", "99999999999999999999999999"), ("2027-01-31", "2027-01-31"),
    ],
)  # fmt: skip
def test_an_untyped_scalar_never_loses_what_was_written(text: str, value: object) -> None:
    file = SourceFile.of("f", Path("f"), text)
    found = plain_value(ScalarNode(text, 1, 1, file))
    assert found == value
    assert type(found) is type(value)
    assert plain_value(ScalarNode(text, 1, 1, file, quoted=True)) == text


def test_any_kind_of_value_can_be_outermost_where_it_is_asked_for() -> None:
    diagnostics = Diagnostics()
    node = parse_any(SourceFile.of("f", Path("f"), "- a\n- b\n"), diagnostics)
    assert node is not None
    assert plain(node) == ["a", "b"]


def test_a_large_stack_is_read_in_about_linear_time() -> None:
    def seconds(count: int) -> float:
        text = "key:\n" + "".join(
            f"  k{n}:\n    provider: hsm\n    scope: {{tenant: t{n}}}\n    aliases: [a/k{n}]\n"
            for n in range(count)
        )
        source = SourceFile.of("f", Path("f"), text)
        started = time.process_time()
        assert parse(source, Diagnostics()) is not None
        return time.process_time() - started

    seconds(100)
    assert seconds(4000) < 20 * max(seconds(400), 0.002)
