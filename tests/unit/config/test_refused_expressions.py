"""Expressions: what is wrong, what is spelt otherwise elsewhere, what cannot be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from keyplan.diagnostics import Diagnostic

Value = Callable[..., Any]
Failure = Callable[..., Diagnostic]


@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        ("var.tennants", "KP-EXPR-006", (1, 13), "Did you mean 'tenants'"),
        ('var["tennants"]', "KP-EXPR-006", (1, 16), "Did you mean 'tenants'"),
        ("each.vlaue", "KP-EXPR-006", (1, 11), "Did you mean 'value'"),
        ("vars.name", "KP-EXPR-005", (1, 5), "Did you mean 'var'"),
        ("tenants", "KP-EXPR-005", (1, 8), "each, this, var"),
        ("self.scope", "KP-EXPR-005", (1, 5), "Write `this`."),
        ("lenght(var.list)", "KP-EXPR-007", (1, 7), "Did you mean 'length'"),
        ("1 + now()", "KP-EXPR-007", (5, 8), ""),
        ("this.nope.deep", "KP-EXPR-011", (1, 15), "Test for it first"),
        ("this.rotation.every < '90d'", "KP-EXPR-011", (1, 20), "Test for it first"),
        ("this.rotation < '90d'", "KP-EXPR-011", (1, 22), "coalesce"),
        ("1 > none", "KP-EXPR-011", (1, 9), "coalesce"),
        ("none + 1", "KP-EXPR-011", (1, 9), "coalesce"),
        ("'a' in none", "KP-EXPR-011", (1, 12), "coalesce"),
        ("var.count < 'a'", "KP-EXPR-009", (1, 16), "two numbers"),
        ("true < false", "KP-EXPR-009", (1, 13), "two numbers"),
        ("[1] < [2]", "KP-EXPR-009", (1, 10), "two numbers"),
        ("duration('1d') < 5", "KP-EXPR-009", (1, 19), ""),
        ("duration('1d') < 'soon'", "KP-EXPR-014", (1, 24), ""),
        ("date('2027-01-01') == 'soon'", "KP-EXPR-014", (1, 29), ""),
        ("date('2027-01-01') < duration('1d')", "KP-EXPR-009", (1, 36), ""),
        ("1 + 'a'", "KP-EXPR-009", (1, 8), "Use ~"),
        ("'a' - 'b'", "KP-EXPR-009", (1, 10), ""),
        ("'a' % 1", "KP-EXPR-009", (1, 8), ""),
        ("true + 1", "KP-EXPR-009", (1, 9), ""),
        ("-'a'", "KP-EXPR-009", (1, 5), ""),
        ("1 / 0", "KP-EXPR-014", (1, 6), ""),
        ("1 in 5", "KP-EXPR-009", (1, 7), ""),
        ("1 in 'a1'", "KP-EXPR-009", (1, 10), ""),
        ("var.name and true", "KP-EXPR-010", (1, 9), 'x != ""'),
        ("true and var.count", "KP-EXPR-010", (10, 19), "x != 0"),
        ("not var.list", "KP-EXPR-010", (5, 13), "length(x) > 0"),
        ("1 if var.tenants else 2", "KP-EXPR-010", (6, 17), "is not none"),
        ("var.list[2]", "KP-EXPR-014", (10, 11), ""),
        ("var.list['a']", "KP-EXPR-009", (10, 13), ""),
        ("var.list[true]", "KP-EXPR-009", (10, 14), ""),
        ("var.tenants[none]", "KP-EXPR-009", (13, 17), ""),
        ("var.name[0]", "KP-EXPR-009", (1, 12), ""),
        ("var.name.upper", "KP-EXPR-009", (1, 15), "functions are written"),
        ("var.list['a':]", "KP-EXPR-009", (1, 15), ""),
        ("'a' ~ [1]", "KP-EXPR-012", (7, 10), "join"),
        ("{'a': 1, 'a': 2}", "KP-EXPR-014", (10, 13), ""),
        ("{1: 2}", "KP-EXPR-009", (2, 3), ""),
    ],
)
def test_what_is_wrong_is_said_where_it_is_with_what_to_do(
    failure: Failure,
    names: Mapping[str, object],
    text: str,
    code: str,
    place: tuple[int, int],
    says: str,
) -> None:
    problem = failure(text, **names)
    assert problem.code == code
    assert problem.position is not None
    assert (problem.position.column, problem.position.end_column) == place
    assert says in problem.advice


@pytest.mark.parametrize(
    ("text", "column", "advice"),
    [
        ("var.a ? 1 : 2", 7, "Write `a if condition else b`."),
        ("var.a && var.b", 7, "Write `a and b`."),
        ("var.a || var.b", 7, "Write `a or b`."),
        ("!var.a", 1, "Write `not a`."),
        ("var.a == null", 10, "Write `none`."),
        ("x is null", 6, "Write `none`."),
        ("var.a[*].id", 6, "attributes(list"),
        ("var.a.*.id", 6, "attributes(list"),
        ("[for x in var.a : x]", 2, "index_by"),
        ("{for k, v in var.a : k => v}", 2, "index_by"),
        ("max(var.a...)", 10, "list"),
        ("2 ** 3", 3, "Multiply"),
        ("key.pay-ments.arn", 8, "Write _ in the name"),
        ("length(${var.a})", 8, "Leave it out"),
        ("var.a.0.id", 7, "Write [0]."),
    ],
)
def test_habits_from_elsewhere_show_the_spelling_of_this_language(
    failure: Failure, text: str, column: int, advice: str
) -> None:
    problem = failure(text, var={}, x=1)
    assert problem.code == "KP-EXPR-002"
    assert problem.position is not None
    assert problem.position.column == column
    assert advice in problem.advice


@pytest.mark.parametrize(
    ("text", "code", "column", "says"),
    [
        ("", "KP-EXPR-001", 1, "no expression"),
        ("1 +", "KP-EXPR-001", 3, "too early"),
        ("(1", "KP-EXPR-001", 2, "too early"),
        ("[1, 2", "KP-EXPR-001", 5, "too early"),
        ("1 2", "KP-EXPR-001", 3, "does not belong here"),
        ("var.x = 1", "KP-EXPR-001", 7, "does not belong here"),
        ("a, b", "KP-EXPR-001", 2, "does not belong here"),
        ("1)", "KP-EXPR-001", 2, "does not belong here"),
        ("'open", "KP-EXPR-001", 1, "not closed"),
        ("a @ b", "KP-EXPR-001", 3, "@ means nothing"),
        ("30d", "KP-EXPR-001", 1, "30d is not a number"),
        ("1.2.3", "KP-EXPR-001", 1, "not a number"),
        (r"'\d'", "KP-EXPR-001", 2, "not an escape"),
        (r"'\ud800'", "KP-EXPR-001", 2, "not an escape"),
        ("'a${var.x}'", "KP-EXPR-003", 3, "not a template"),
        ("var.x | length", "KP-EXPR-003", 9, "no filters"),
        ("var.x | attr('y')", "KP-EXPR-003", 9, "no filters"),
        ("var.x.upper()", "KP-EXPR-003", 7, "no methods"),
        ("''.join(['a'])", "KP-EXPR-003", 4, "no methods"),
        ("length()()", "KP-EXPR-003", 9, "only functions"),
        ("length(x=1)", "KP-EXPR-008", 1, "no names"),
        ("length(*x)", "KP-EXPR-008", 1, "no names"),
        ("length()", "KP-EXPR-008", 1, "0 arguments"),
        ("lower('a', 'b')", "KP-EXPR-008", 1, "2 arguments"),
        ("x is foo", "KP-EXPR-003", 1, "no test"),
        ("x is divisibleby(2)", "KP-EXPR-003", 1, "no test"),
        ("+1", "KP-EXPR-003", 1, "no +"),
        ("x[1:2:3]", "KP-EXPR-003", 3, "no step"),
        ("a-${var.x}", "KP-EXPR-002", 3, "no ${ }"),
        ("${var.x}-b", "KP-EXPR-003", 1, "takes an expression"),
        ("99999999999999999999", "KP-EXPR-001", 1, "not a number"),
        ("9223372036854775808", "KP-EXPR-013", 1, "out of range"),
        ("1e999", "KP-EXPR-013", 1, "out of range"),
    ],
)
def test_what_is_not_an_expression_is_refused_when_it_is_parsed(
    failure: Failure, text: str, code: str, column: int, says: str
) -> None:
    problem = failure(text)
    assert problem.code == code
    assert says in problem.summary
    assert problem.position is not None
    assert problem.position.column == column


@pytest.mark.parametrize(
    "text",
    [
        "''.__class__",
        "var.__class__",
        "var['__class__']",
        "lipsum",
        "cycler",
        "namespace()",
        "range.__globals__",
        "joiner",
        "dict()",
        "caller",
        "varargs",
        "super()",
        "[].append",
        "{}.get('x')",
        "var.items",
        "var.pop",
    ],
)
def test_nothing_of_python_can_be_reached(failure: Failure, text: str) -> None:
    problem = failure(text, var={})
    assert problem.code in {"KP-EXPR-003", "KP-EXPR-005", "KP-EXPR-006", "KP-EXPR-007"} or (
        problem.code == "KP-EXPR-009" and "has no" in problem.summary
    ), problem


def test_a_map_entry_comes_before_any_method(value: Value) -> None:
    user = {"items": 1, "keys": 2, "get": 3, "pop": 4, "__class__": 5}
    assert value("[x.items, x.keys, x.get, x.pop, x.__class__]", x=user) == [1, 2, 3, 4, 5]


def test_a_bare_name_is_told_to_have_its_kind_before_it(failure: Failure) -> None:
    assert "such as key.root" in failure("root", key={}).advice
    assert "such as" not in failure("keys", key={}).advice  # a near miss says it better
