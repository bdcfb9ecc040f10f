"""Values of variables: where they come from, which wins, what they may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.values import Value

Link = Callable[..., ResourceGraph]
Mistakes = Callable[..., list[Diagnostic]]

STACK = "variable:\n  x: {type: string, default: from default}\noutput:\n  x: {value: var.x}\n"
FILES = {
    "keyplan.vars.yaml": "x: from vars",
    "a.auto.vars.yaml": "x: from a",
    "b.auto.vars.yaml": "x: from b",
}


@pytest.mark.parametrize(
    ("files", "environment", "assignments", "winner"),
    [
        ((), {}, (), "from default"),
        ((), {"KEYPLAN_VAR_x": "from env"}, (), "from env"),
        (("keyplan.vars.yaml",), {"KEYPLAN_VAR_x": "from env"}, (), "from vars"),
        (("keyplan.vars.yaml", "a.auto.vars.yaml"), {}, (), "from a"),
        (tuple(FILES), {}, (), "from b"),
        (tuple(FILES), {}, (("var", "x=from flag"),), "from flag"),
        (tuple(FILES), {}, (("var", "x=1"), ("var", "x=a=b")), "a=b"),
    ],
)
def test_the_last_source_wins(
    link: Link,
    files: tuple[str, ...],
    environment: dict[str, str],
    assignments: tuple[tuple[str, str], ...],
    winner: str,
) -> None:
    texts = {"keyplan.yaml": STACK, **{name: FILES[name] for name in files}}
    graph = link(texts, *assignments, environment=environment)
    assert graph.outputs["x"].value == winner


def test_files_and_flags_count_in_the_order_given(link: Link, tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("x: from file\n", encoding="utf-8")
    flag = ("var", "x=from flag")
    assert link(STACK, flag, ("file", str(file))).outputs["x"].value == "from file"
    assert link(STACK, ("file", str(file)), flag).outputs["x"].value == "from flag"


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("string", "012345678901", "012345678901"),
        ("string", "yes", "yes"),
        ("string", "${not evaluated}", "${not evaluated}"),
        ("number", "3", 3),
        ("number", "1.50", 1.5),
        ("bool", "true", True),
        ("list(string)", "[b, a, b]", ["b", "a", "b"]),
        ("set(string)", "[b, a]", ["a", "b"]),
        ("{list: number}", "[1, 2]", [1, 2]),
        ("{map: bool}", "{a: true}", {"a": True}),
        ("map(list(string))", "{a: [x, 1.10]}", {"a": ["x", "1.10"]}),
    ],
)
def test_text_is_read_as_the_type_says(link: Link, declared: str, text: str, value: Value) -> None:
    stack = f"variable: {{x: {{type: '{declared}'}}}}\noutput: {{x: {{value: var.x}}}}\n"
    if declared.startswith("{"):
        stack = stack.replace(f"'{declared}'", declared)
    graph = link(stack, environment={"KEYPLAN_VAR_x": text})
    assert graph.outputs["x"].value == value


@pytest.mark.parametrize(
    ("declared", "text", "code"),
    [
        ("number", "0x10", "KP-DECL-005"),
        ("number", "1e3", "KP-DECL-005"),
        ("bool", "yes", "KP-DECL-005"),
        ("list(string)", "text", "KP-DECL-003"),
        ("list(number)", "[a]", "KP-DECL-005"),
        ("map(string)", "[a]", "KP-DECL-003"),
        ("set(string)", "[a, a]", "KP-DECL-009"),
    ],
)
def test_a_value_of_another_type_is_refused(
    mistakes: Mistakes, declared: str, text: str, code: str
) -> None:
    found = mistakes(f"variable: {{x: {{type: {declared}}}}}\n", ("var", f"x={text}"))
    assert [(item.code, item.address) for item in found] == [(code, "var.x")]


def test_values_for_variables_that_are_not_declared_are_errors(
    mistakes: Mistakes, link: Link
) -> None:
    found = mistakes({"keyplan.yaml": STACK, "keyplan.vars.yaml": "xx: 1\n"}, ("var", "z=1"))
    assert [(item.code, item.summary) for item in found] == [
        ("KP-DECL-017", "there is no variable xx"),
        ("KP-DECL-017", "there is no variable z"),
    ]
    assert str(found[0].position) == "keyplan.vars.yaml:1:1"
    link({"keyplan.yaml": STACK, "keyplan.vars.yaml": ""}, environment={"KEYPLAN_VAR_other": "1"})


def test_assignments_that_assign_nothing_are_errors(mistakes: Mistakes) -> None:
    found = mistakes(STACK, ("var", "x"), ("file", "/nowhere/at/all.yaml"))
    assert [item.code for item in found] == ["KP-DECL-021", "KP-DECL-021"]


def test_a_variable_without_a_value_is_reported_once(mistakes: Mistakes) -> None:
    (found,) = mistakes(
        "variable: {x: {type: string}}\nlocals: {y: '${var.x}', z: '${local.y}'}\n"
        "output: {x: {value: local.z}}\n"
    )
    assert found.code == "KP-DECL-016"


def test_locals_are_evaluated_in_the_order_of_their_references(link: Link) -> None:
    graph = link(
        "locals:\n  c: '${local.b}!'\n  b: '${local.a}'\n  a: acme\n  n: 3\n  t: 1.10\n"
        "  l: [1, '${local.a}']\n"
        "output:\n"
        + "".join(f"  {name}: {{value: local.{name}}}\n" for name in ("c", "n", "t", "l"))
    )
    values = {name: output.value for name, output in graph.outputs.items()}
    assert values == {"c": "acme!", "n": 3, "t": "1.10", "l": [1, "acme"]}


def test_a_validation_that_holds_says_nothing(link: Link) -> None:
    graph = link(
        "variable:\n  x:\n    type: list(string)\n    default: [a]\n    validation:\n"
        "      - {condition: length(var.x) > 0, error_message: At least one.}\n"
        "output: {x: {value: var.x}}\n"
    )
    assert graph.outputs["x"].value == ["a"]


# -- types of every kind -------------------------------------------------------------------

TYPED = """\
provider: {hsm: {}}
variable:
  it: {type: %s}
key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
output: {it: {value: %s}}
"""


@pytest.mark.parametrize(
    ("kind", "given", "read", "value"),
    [
        ("{object: {a: string, b: 'number?'}}", "{a: x}", "var.it", {"a": "x"}),
        ("{object: {a: string, b: 'number?'}}", "{a: x}", "'${var.it.b is none}'", True),
        ("{object: {a: string, b: 'number?'}}", "{a: x, b: 2}", "var.it.b", 2),
        ("{map: {object: {a: bool}}}", "{k: {a: true}}", "var.it.k.a", True),
        ("{list: {object: {a: string}}}", "[{a: x}, {a: y}]", "'var.it[1].a'", "y"),
        ("{object: {a: {object: {b: {list: string}}}}}", "{a: {b: [x]}}", "'var.it.a.b[0]'", "x"),
        ("any", "{a: [1, text, true]}", "var.it.a", [1, "text", True]),
        ("any", "12", "var.it", 12),
        ("key", "key.root", "var.it.algorithm", "aes-256"),
        ("{list: key}", "[key.root]", "'var.it[0].tier'", "root"),
        ("{object: {above: key}}", "{above: key.root}", "var.it.above.usage", "wrap"),
        ("provider", "hsm", "var.it", "hsm"),
    ],
)
def test_types_of_every_kind(link: Link, kind: str, given: str, read: str, value: object) -> None:
    graph = link(TYPED % (kind, read), ("var", f"it={given}"))
    assert graph.outputs["it"].value == value


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [
        ("{object: {a: string}}", "{}", "KP-DECL-002"),
        ("{object: {a: string}}", "{a: x, b: y}", "KP-DECL-001"),
        ("{object: {a: number}}", "{a: x}", "KP-DECL-005"),
        ("{object: {a: string}}", "text", "KP-DECL-003"),
        ("{object: {'a b': string}}", "{}", "KP-DECL-007"),
        ("key", "principal.x", "KP-REF-004"),
        ("key", "'${key.root}'", "KP-REF-001"),
        ("{object: {a: strng}}", "{a: x}", "KP-DECL-020"),
        ("object", "{a: x}", "KP-DECL-020"),
        ("key", "key.rot", "KP-REF-002"),
    ],
)
def test_values_that_do_not_fit_their_type(
    mistakes: Mistakes, kind: str, given: str, code: str
) -> None:
    found = mistakes(TYPED % (kind, "'${1}'"), ("var", f"it={given}"))
    assert [item.code for item in found] == [code]
