"""A YAML syntax error says what to write, at the character that caused it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.config.tree import MapNode
from keyplan.diagnostics import Diagnostic

Read = Callable[[str], tuple[MapNode | None, list[Diagnostic]]]


def only(read: Read, text: str) -> Diagnostic:
    tree, problems = read(text)
    assert tree is None
    (problem,) = problems
    return problem


def test_an_address_in_flow_style_gets_the_documented_message(read: Read) -> None:
    text = 'moved:\n  - {from: key.legacy["payments-db-000"], to: key.payments}\n'
    problem = only(read, text)
    assert problem.code == "KP-LANG-007"
    assert problem.summary == 'an address with ["..."] must be quoted here'
    assert problem.why == "inside { } and [ ] YAML ends the value here"
    assert problem.advice == (
        "Write 'key.legacy[\"payments-db-000\"]' in single quotes, or one entry per line."
    )
    assert str(problem.position) == "keyplan.yaml:2:22"
    assert problem.snippet == '  - {from: key.legacy["payments-db-000"], to: key.payments}'


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('keys: [key.master["prod"]]\n', "'key.master[\"prod\"]'"),
        ('policies: [p.x["a"], policy.b]\n', "'p.x[\"a\"]'"),
        ('a: {value: key.m["p"].id}\n', "'key.m[\"p\"].id'"),
        ("import: [{to: key.legacy[each.key], id: x}]\n", "'key.legacy[each.key]'"),
        ('a: {\n  b: 1,\n  c: module.t["x"].key.data["y"]\n}\n', '\'module.t["x"].key.data["y"]\''),
    ],
)
def test_every_address_in_flow_style_is_shown_quoted(read: Read, text: str, quoted: str) -> None:
    problem = only(read, text)
    assert problem.code == "KP-LANG-007"
    assert quoted in problem.advice


@pytest.mark.parametrize(
    ("text", "code", "place", "advice"),
    [
        ("scope: {environment: ${each.key}}\n", "KP-LANG-008", "1:22", '"${each.key}"'),
        ("x: %{ if a }b%{ endif }\n", "KP-LANG-008", "1:4", "'%{ if a }b%{ endif }'"),
        ('require: "prod" in this.x\n', "KP-LANG-008", "1:17", "'\"prod\" in this.x'"),
        ("require: [1] == x\n", "KP-LANG-008", "1:14", "'[1] == x'"),
        ("x: ${ a ? 1 : 2 }\n", "KP-LANG-008", "1:13", "'${ a ? 1 : 2 }'"),
        ('when: a == {"b": 1}\n', "KP-LANG-008", "1:16", "'a == {\"b\": 1}'"),
        ("a: @x\n", "KP-LANG-008", "1:4", "'@x'"),
        ("principals: [*]\n", "KP-LANG-006", "1:14", '"*" in quotes'),
        ("a:\n\tb: 1\n", "KP-LANG-006", "2:1", "spaces"),
        ('m: "bad \\d"\n', "KP-LANG-006", "1:9", "backslash twice"),
        ("a: {b: 1\nc: 2\n", "KP-LANG-006", "1:4", "Close it with }"),
        ("a: [1, 2\n", "KP-LANG-006", "1:4", "Close it with ]"),
        ('a: "x\n', "KP-LANG-006", "1:4", "quotes"),
        ("x: 'it's'\n", "KP-LANG-006", "1:7", "written twice"),
        ('a: {"b": 1}}\n', "KP-LANG-006", "1:12", "Remove it"),
        ("a: 1\n  b: 2\n", "KP-LANG-006", "2:4", "indentation"),
        ("a: - b\n", "KP-LANG-006", "1:4", "indentation"),
        ("- a\nb: 1\n", "KP-LANG-006", "2:1", "indentation"),
    ],
)
def test_common_mistakes_show_what_to_write(
    read: Read, text: str, code: str, place: str, advice: str
) -> None:
    problem = only(read, text)
    assert problem.code == code
    assert str(problem.position) == f"keyplan.yaml:{place}"
    assert advice in problem.advice
    assert problem.snippet == text.splitlines()[int(place.split(":", maxsplit=1)[0]) - 1]


def test_quoting_what_the_message_shows_repairs_the_file(read: Read) -> None:
    for value in ('"prod" in this.x', "[1] == x", "${ a ? 1 : 2 }", "%{ if a }b%{ endif }"):
        advice = only(read, f"x: {value}\n").advice
        quoted = advice.removeprefix("Write ").removesuffix(" in single quotes.")
        tree, problems = read(f"x: {quoted}\n")
        assert not problems
        assert tree is not None
        assert tree.entries["x"].value.text == value  # type: ignore[union-attr]
