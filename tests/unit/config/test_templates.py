"""Text with `${…}` and `%{ … }`: what is special in it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from keyplan.config.expressions import Scope, Template
from keyplan.diagnostics import Diagnostic
from keyplan.model.address import Address
from keyplan.model.values import Reference, Unknown

Evaluate = Callable[..., Any]
Failure = Callable[..., Diagnostic]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a $5 100% {{ x }} {% if %} $ % } {", "a $5 100% {{ x }} {% if %} $ % } {"),
        ("a {# b #} c", "a {# b #} c"),
        ("$${literal} %%{ if x }", "${literal} %{ if x }"),
        ("$$${x}", "$${x}"),
        ("$${ ${var.name} }", "${ acme }"),
        ("$$ %% ${var.name}", "$$ %% acme"),
        ('${ "$${" }', "$${"),
        ('${ "}" }', "}"),
        ("${ 'a}b' ~ var.name }", "a}bacme"),
        ('%{ if "}" in "a}b" }yes%{ endif }', "yes"),
        ('%{ if {"a":1} == {"a":1} }same%{ endif }', "same"),
        ('{"Sid": "${var.name}"}', '{"Sid": "acme"}'),
        ("${var.name}\n", "acme\n"),
        ("line\n\n", "line\n\n"),
        ("a${true}-${1.5}-${false}-${10}", "atrue-1.5-false-10"),
        ("x ${- var.name -} y", "xacmey"),
        ("x ${~ var.name ~} y", "xacmey"),
        ("x ${-5} y", "x -5 y"),
        ("a\n%{ if true ~}\n  b\n%{~ endif }\nc", "a\nb\nc"),
        ("%{ if var.count > 2 }many%{ elif var.count == 2 }two%{ else }few%{ endif }", "many"),
        ("%{ if var.count > 5 }many%{ elif var.count == 3 }three%{ else }few%{ endif }", "three"),
        ("%{ if var.count > 5 }many%{ else }few%{ endif }", "few"),
        ("%{ if this.rotation }x%{ endif }", ""),
        ("%{ for x in var.list }${x},%{ endfor }", "b,a,"),
        ("%{ for i, x in var.list }${i}=${x} %{ endfor }", "0=b 1=a "),
        ("%{ for k, t in var.tenants }${k}:${t.role} %{ endfor }", "acme:r1 globex:r2 "),
        ("%{ for x in range(5) if x > 2 }${x}%{ endfor }", "34"),
        ("%{ for x in [1,2] }%{ for y in [3,4] }${x}${y} %{ endfor }%{ endfor }", "13 14 23 24 "),
        ("%{ for x in [1,2] }${x}%{ endfor }%{ for x in [3] }${x}%{ endfor }", "123"),
    ],
)
def test_text_comes_out_as_documented(
    evaluate: Evaluate, names: Mapping[str, object], text: str, expected: str
) -> None:
    assert evaluate(text, **names) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${var.count}", 3),
        ("${ var.list }", ["b", "a"]),
        ("${ {'a': {'b': 2}}['a']['b'] }", 2),
        ("${{}}", {}),
        ("${ [{}] }", [{}]),
        ("${none}", None),
        ("${true}", True),
        ("${var.tenants.acme.items}", 7),
    ],
)
def test_a_lone_expression_keeps_its_type(
    evaluate: Evaluate, names: Mapping[str, object], text: str, expected: object
) -> None:
    found = evaluate(text, **names)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "column", "says"),
    [
        ("a ${ b", "KP-EXPR-004", 3, "not closed"),
        ("a %{ if true }", "KP-EXPR-004", 3, "%{ if } is not closed"),
        ("%{ for x in [1] }", "KP-EXPR-004", 1, "%{ for } is not closed"),
        ("a %{ endif }", "KP-EXPR-004", 3, "closes nothing"),
        ("%{ if true }%{ endfor }", "KP-EXPR-004", 13, "closes nothing"),
        ("%{ else }", "KP-EXPR-004", 1, "no %{ if }"),
        ("%{ if true }%{ else }%{ else }%{ endif }", "KP-EXPR-004", 22, "no %{ if }"),
        ("%{ if true }%{ else if false }%{ endif }", "KP-EXPR-004", 20, "nothing may stand"),
        ("%{ for in x }%{ endfor }", "KP-EXPR-004", 1, "cannot be read"),
        ("%{ for each in [1] }%{ endfor }", "KP-EXPR-004", 8, "meaning of its own"),
        ("%{ include 'x' }", "KP-EXPR-003", 1, "no directive"),
        ("%{ set x = 1 }", "KP-EXPR-003", 1, "no directive"),
        ("%{ macro f() }", "KP-EXPR-003", 1, "no directive"),
        ("%{ if }x%{ endif }", "KP-EXPR-001", 6, "no expression"),
        ("x ${ }", "KP-EXPR-001", 5, "no expression"),
        ("x ${var.list}", "KP-EXPR-012", 5, "a list cannot stand in text"),
        ("x ${var.tenants}", "KP-EXPR-012", 5, "a map cannot stand in text"),
        ("x ${none}", "KP-EXPR-012", 5, "none cannot stand in text"),
        ("x ${this.rotation}", "KP-EXPR-012", 5, "none cannot stand in text"),
        ("%{ for t in var.tenants }%{ endfor }", "KP-EXPR-009", 13, "two names"),
        ("%{ for t in none }%{ endfor }", "KP-EXPR-011", 13, "nothing is there"),
        ("%{ for t in 5 }%{ endfor }", "KP-EXPR-009", 13, "no list"),
        ("%{ for x in [1] }%{ endfor }${x}", "KP-EXPR-005", 31, "x means nothing here"),
        ("%{ if var.name }x%{ endif }", "KP-EXPR-010", 7, "a condition is true or false"),
        ("ü ${var.nam}", "KP-EXPR-006", 5, "no variable nam"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_at_its_column(
    failure: Failure, names: Mapping[str, object], text: str, code: str, column: int, says: str
) -> None:
    problem = failure(text, template=True, **names)
    assert problem.code == code
    assert says in problem.summary
    assert problem.position is not None
    assert (problem.position.line, problem.position.column) == (1, column)
    assert problem.snippet == text


def test_elseif_is_shown_as_elif(failure: Failure) -> None:
    assert failure("%{ elseif x }", template=True).advice == "Write %{ elif }."


def test_a_value_can_never_inject_structure(evaluate: Evaluate) -> None:
    assert evaluate("a ${var.x}", var={"x": "${var.y}\n- %{ if }"}) == "a ${var.y}\n- %{ if }"


def test_references_are_known_without_evaluating(template: Callable[..., Template]) -> None:
    def references(text: str, *, expression: bool = False) -> tuple[tuple[str, ...], ...]:
        return template(text, expression=expression).references

    assert references("plain") == ()
    assert references("${var.a}-${var.b}-${var.a}") == (("var", "a"), ("var", "b"))
    assert references("${this.scope.tenant}") == (("this", "scope", "tenant"),)
    assert references('key.master["prod"].arn', expression=True) == (
        ("key", "master", '["prod"]', "arn"),
    )
    assert references("key.m[each.key]", expression=True) == (
        ("key", "m", "[*]"),
        ("each", "key"),
    )
    assert references("key.m[each.key ~ var.x].id", expression=True) == (
        ("each", "key"),
        ("var", "x"),
        ("key", "m", "[*]", "id"),
    )
    assert references("%{ for t in var.ts if t.on }${t.x}${local.y}%{ endfor }") == (
        ("var", "ts"),
        ("local", "y"),
    )
    assert references("%{ if length(var.a) > 0 }${each.key}%{ endif }") == (
        ("var", "a"),
        ("each", "key"),
    )
    assert references("${var.l[0].x}") == (("var", "l", "[0]", "x"),)


def test_constants_are_known_without_a_scope(template: Callable[..., Template]) -> None:
    for text, expression, constant in (
        ("plain", False, "plain"),
        ("$${x}", False, "${x}"),
        ("${5}", False, 5),
        ("true", True, True),
        ("none", True, None),
        ('"x"', True, "x"),
    ):
        made = template(text, expression=expression)
        assert made.is_constant
        assert made.constant == constant
        assert made.evaluate(Scope()) == constant
    assert not template("${var.x}").is_constant
    assert not template("${1 + 1}").is_constant


ARN = Reference(Address("key.p"), "arn")


@pytest.fixture
def with_unknown() -> dict[str, object]:
    known = {"p": {"arn": Unknown((ARN,)), "name": "p"}}
    return {"key": known, "local": {"text": Unknown(("x/", ARN))}, "var": {"n": 1}}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("${key.p.arn}", (ARN,)),
        ('${key["p"]["arn"]}', (ARN,)),
        ("arn is ${key.p.arn}!", ("arn is ", ARN, "!")),
        ("${key.p.name}-${key.p.arn}${key.p.arn}", ("p-", ARN, ARN)),
        ("<${local.text}>", ("<x/", ARN, ">")),
        ("%{ if var.n == 1 }${key.p.arn}%{ endif }.", (ARN, ".")),
        ("%{ for x in [1, 2] }${x}${key.p.arn}%{ endfor }", ("1", ARN, "2", ARN)),
    ],
)
def test_an_unknown_passes_alone_and_in_text_around_plain_references(
    evaluate: Evaluate, with_unknown: dict[str, object], text: str, parts: tuple[object, ...]
) -> None:
    assert evaluate(text, **with_unknown) == Unknown(parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        '${key.p.arn == "x"}',
        "${key.p.arn is none}",
        '${key.p.arn ~ "x"}',
        "${length(key.p.arn)}",
        "${upper(key.p.arn)}",
        "${try(key.p.arn, 1)}",
        "${coalesce(key.p.arn, 1)}",
        "${[key.p.arn]}",
        '${{"a": key.p.arn}}',
        "${key.p.arn if true else 1}",
        "${1 if key.p.arn else 2}",
        "${not key.p.arn}",
        "${key.p.arn and true}",
        "${key.p.arn.region}",
        "${key.p.arn[0]}",
        "${{'a': 1}[key.p.arn]}",
        "%{ if key.p.arn }x%{ endif }",
        "%{ for x in key.p.arn }x%{ endfor }",
        "${'a' in key.p.arn}",
        "${jsonencode(attributes(key, 'arn'))}",
        "${contains([1], key.p.arn)}",
        "${contains(values(attributes(key, 'arn')), 1)}",
        "${distinct(values(attributes(key, 'arn')))}",
        "${join(',', values(attributes(key, 'arn')))}",
        "${attributes(key, 'arn') == {}}",
        "${attributes(key, 'arn').p}",
        "a ${attributes(key, 'arn').p}",
    ],
)
def test_anything_computed_from_an_unknown_is_an_error_that_says_so(
    failure: Failure, with_unknown: dict[str, object], text: str
) -> None:
    problem = failure(text, template=True, **with_unknown)
    assert problem.code == "KP-EXPR-016"
    assert "known only after apply" in problem.summary


def test_attributes_collects_what_is_not_known_yet(
    evaluate: Evaluate, with_unknown: dict[str, object]
) -> None:
    assert evaluate('${attributes(key, "arn")}', **with_unknown) == {"p": Unknown((ARN,))}


def test_plain_text_and_plain_references_never_load_the_template_engine() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from keyplan.config.source import SourceFile\n"
        "from keyplan.config.tree import ScalarNode\n"
        "from keyplan.config.expressions import Scope, parse_expression, parse_template\n"
        "def node(t): return ScalarNode(t, 1, 1, SourceFile.of('k', Path('k'), t))\n"
        "assert parse_template(node('plain $ % text')).evaluate(Scope()) == 'plain $ % text'\n"
        "assert not any(name.startswith('keyplan.config.engine') for name in sys.modules)\n"
        "scope = Scope({'key': {'m': {'prod': 1}}, 'each': {'key': 'prod'}})\n"
        "for t in ('key.m[\"prod\"]', 'key.m[each.key]', '${key.m.prod}'):\n"
        "    assert parse_expression(node(t)).evaluate(scope) == 1\n"
        "assert parse_template(node('<${each.key}>')).evaluate(scope) == '<prod>'\n"
        "assert 'jinja2' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
