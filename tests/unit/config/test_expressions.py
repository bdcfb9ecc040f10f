"""Expressions: operators, names, what is missing, what is spelt otherwise elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from keyplan.config.expressions import At, ExpressionError, Lookup, Scope, parse_expression
from keyplan.config.source import SourceFile
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Diagnostic
from keyplan.model.address import Address

Value = Callable[..., Any]
Failure = Callable[..., Diagnostic]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("var.count-1", 2),
        ("var.count - var.count", 0),
        ("-var.count", -3),
        ('"a" + "b"', "ab"),
        ("[1] + [2]", [1, 2]),
        ('"ab" * 2', "abab"),
        ("2 * [0]", [0, 0]),
        ('"n" ~ 1 ~ true ~ 1.5', "n1true1.5"),
        ("1 < 2 <= 2 < 3", True),
        ("1 < 3 < 2", False),
        ("2 >= 2 > 1", True),
        ('"a" < "b"', True),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("0 == false", False),
        ('1 == "1"', False),
        ("none == none", True),
        ("none == false", False),
        ("[1, [2]] == [1.0, [2]]", True),
        ('{"a": [1]} == {"a": [1]}', True),
        ('{"a": 1} == {"a": true}', False),
        ('{"a": none} == {"b": none}', False),
        ("1 != 2", True),
        ('"a" in ["a"]', True),
        ('"a" not in ["b"]', True),
        ('"acme" in var.tenants', True),
        ('"cm" in "acme"', True),
        ("true in [1]", False),
        ("true and false or true", True),
        ("not (true and false)", True),
        ("none or true", True),
        ("none and true", False),
        ("not none", True),
        ("1 if none else 2", 2),
        ("1 if false", None),
        ('"x" if var.count == 3 else "y"', "x"),
        ("var.list[0]", "b"),
        ("var.list[-1]", "a"),
        ("var.list[1:]", ["a"]),
        ('"acme"[:2]', "ac"),
        ("[1,2,3][1:2]", [2]),
        ("(1, 2)", [1, 2]),
        ('{"a": {"b": 1}}.a.b', 1),
        ("{}", {}),
        ('var["name"]', "acme"),
        ('var.tenants["acme"].items', 7),
        ("var.tenants.acme.keys", None),
        ("var.tenants.nobody", None),
        ("this.scope.enviroment", None),
        ("this.rotation is none", True),
        ("this.scope is not none", True),
        ("this.nothing is defined", False),
        ("var.name is string and var.count is number and [] is sequence and {} is mapping", True),
        ("true is boolean and 1 is integer and 1.5 is not integer", True),
        ('"q\\"\\u00e9\\n"', 'q"é\n'),
        ("[true, False, None]", [True, False, None]),
        ('[1, "a", {"k": none}]', [1, "a", {"k": None}]),
        ("  var.count  ", 3),
        ("${var.count}", 3),
        ("${ var.count + 1 }", 4),
        (" ${ {'}': 1} } ", {"}": 1}),
        ("var\n.count\n+ 1", 4),
    ],
)
def test_expressions_mean_what_they_say(
    value: Value, names: Mapping[str, object], text: str, expected: object
) -> None:
    found = value(text, **names)
    assert found == expected
    assert type(found) is type(expected)


def test_the_side_that_does_not_matter_is_not_evaluated(value: Value) -> None:
    assert value("true or var.nope", var={}) is True
    assert value("false and var.nope", var={}) is False
    assert value("1 if true else var.nope", var={}) == 1
    assert value("2 > 3 > none", var={}) is False


DAY = {"d": timedelta(days=90), "end": datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('duration("90d") <= "1y"', True),
        ('duration("90d") == "2160h"', True),
        ('duration("90d") != "1y"', True),
        ("this.d <= '90d'", True),
        ("this.d < '90d'", False),
        ("'91d' > this.d", True),
        ("this.d == none", False),
        ("this.d + duration('10d')", "100d"),
        ("this.d - duration('12h')", "2148h"),
        ("this.d", "90d"),
        ("[this.d, this.end]", ["90d", "2027-06-30T23:59:59Z"]),
        ("{'a': this.d}", {"a": "90d"}),
        ("'every ' ~ this.d", "every 90d"),
        ("'100d' <= '90d'", False),
        ("'12h' < '1d'", True),
        ("'2027-01-31' < '2027-01-31T12:00:00Z'", False),
        ("'2027-01-30' < '2027-01-31T00:00:00+02:00'", False),
        ("'10' < '9'", True),
        ("this.end <= '2027-06-30'", True),
        ("this.end < '2027-07-01'", True),
        ("this.end < '2027-06-30'", False),
        ("this.end > '2027-06-30'", False),
        ("this.end >= '2027-06-30'", True),
        ("this.end == '2027-06-30'", True),
        ("this.end == '2027-06-29'", False),
        ("this.end == none", False),
        ("date('2027-06-30') == '2027-06-30'", True),
        ("date('2027-06-30')", "2027-06-30"),
        ("date('2027-06-30T12:00:00+02:00')", "2027-06-30T10:00:00Z"),
        ("date('2027-06-30') + duration('1d')", "2027-07-01T00:00:00Z"),
        ("date('2027-06-30') < date('2027-07-01')", True),
        ("max(this.d, duration('1y'))", "365d"),
    ],
)
def test_durations_and_dates_compare_with_each_other_and_with_their_text(
    value: Value, text: str, expected: object
) -> None:
    assert value(text, this=DAY) == expected


def test_days_order_like_instants_do(value: Value) -> None:
    days = [date(2027, 1, 1) + timedelta(days=n) for n in range(3)]
    for a in days:
        for b in days:
            text = f"date('{a}') {{}} date('{b}')"
            assert value(text.format("<")) is (a < b)
            assert value(text.format("<=")) is (a <= b)
            assert value(text.format("==")) is (a == b)


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


@pytest.mark.parametrize(
    "text",
    [
        "'x' * 1000000000",
        "[0] * 1000000000",
        "range(1000000000)",
        "range(0, 9999999999, 1)",
        "[[0] * 100000] * 100000",
        "[[[0] * 1000] * 1000] * 1000",
        "('x' * 1048576) ~ 'x'",
        "('x' * 1048576) + 'x'",
        "join('x' * 1000, range(2000))",
        "replace('x' * 1000, 'x', 'y' * 2000)",
        "format('%1001d', 1)",
        "format('%s%s', 'x' * 1000000, 'x' * 1000000)",
        "split('', 'x' * 200000)",
        "concat(range(60000), range(60000))",
        "flatten([range(60000), range(60000)])",
        "product(range(1000), range(1000))",
        "jsonencode([range(1000)] * 2000)",
        "[range(1000)] * 1000 == [range(1000)] * 1000",
        "9223372036854775807 + 1",
        "9223372036854775807 * 9223372036854775807",
        "1e308 * 10",
        "1e308 // 1e-308",
        "base64encode('x' * 1048576)",
        "upper('ß' * 600000)",
        "'a' +" + " " * 4100 + "'b'",
        "(" * 40 + "1" + ")" * 40,
        "[" * 40 + "]" * 40,
        "not " * 500 + "true",
        "- " * 500 + "1",
        "1" + " + 1" * 150,
        "1 if true else " * 200 + "1",
        "true" + " and true" * 150,
        "x" + ".x" * 500,
        "x" + "[0]" * 500,
        "date('9999-12-31') + duration('9999999999s')",
        "duration('9999999999y')",
    ],
)
def test_every_limit_is_checked_before_the_work_is_done(failure: Failure, text: str) -> None:
    started = time.process_time()
    problem = failure(text, x={"x": 1})
    assert time.process_time() - started < 1.5
    assert problem.code in {"KP-EXPR-013", "KP-EXPR-014", "KP-EXPR-009", "KP-EXPR-011"}


def test_nested_loops_end(failure: Failure) -> None:
    loops = "".join(f"%{{ for x{n} in range(1000) }}" for n in range(4))
    started = time.process_time()
    problem = failure(loops + "%{ endfor }" * 4, template=True)
    assert problem.code == "KP-EXPR-013"
    assert time.process_time() - started < 5


def test_costly_functions_in_a_loop_end(failure: Failure) -> None:
    text = "%{ for x in range(100000) }${sha256('x' * 1000000)}%{ endfor }"
    started = time.process_time()
    problem = failure(text, template=True)
    assert problem.code == "KP-EXPR-013"
    assert time.process_time() - started < 5


def test_a_template_has_a_bounded_number_of_expressions(failure: Failure) -> None:
    assert failure("${1}x" * 10_001, template=True).code == "KP-EXPR-013"


class Region(Lookup):
    """Answers like `key` does: instances by index, attributes, a value of its own."""

    def get_attribute(self, name: str, at: At) -> object:
        if name == "prod":
            raise at.error("KP-REF-001", "write it with an index", advice='key.master["prod"]')
        return {"arn": f"arn-{at.text}", "period": timedelta(days=1)}.get(name)

    def get_item(self, key: object, at: At) -> object:
        return f"item {key}"

    def as_value(self, at: At) -> object:
        return Address("key.master")

    def entries(self, at: At) -> Mapping[str, object]:
        return {"a": {"n": 1}, "b": self}


def test_lookups_answer_for_attributes_items_values_and_entries(value: Value) -> None:
    key = {"m": Region()}

    def of(text: str) -> Any:
        return value(text, key=key)

    assert of("key.m.arn") == "arn-key.m.arn"
    assert of('key.m["x"]') == "item x"
    assert of("key.m[0]") == "item 0"
    assert of("key.m") == "key.master"
    assert isinstance(of("key.m"), Address)
    assert of("[key.m, key.m.period]") == ["key.master", "1d"]
    assert of("key.m == 'key.master'") is True
    assert of("'to ' ~ key.m") == "to key.master"
    assert of("length(key.m)") == 2
    assert of("keys(key.m)") == ["a", "b"]
    assert of("'a' in key.m") is True
    assert of("attributes(key.m, 'n')") == {"a": 1, "b": None}
    assert of("values(key.m)") == [{"n": 1}, "key.master"]
    assert of("key.m is none") is False
    assert of("join(',', values({'a': key.m}))") == "key.master"
    assert of("join(',', concat(values(key), ['x']))") == "key.master,x"


def test_a_lookup_refuses_at_the_place_that_asked(failure: Failure) -> None:
    problem = failure("1 if key.m.prod else 2", key={"m": Region()})
    assert (problem.code, problem.summary) == ("KP-REF-001", "write it with an index")
    assert problem.position is not None
    assert (problem.position.column, problem.position.end_column) == (6, 16)


@pytest.mark.parametrize("text", ["x.a", "x[0]", "x", "'a' in x", "length(x)", "'t' ~ x"])
def test_what_a_lookup_does_not_answer_is_refused(failure: Failure, text: str) -> None:
    assert failure(text, x=Lookup()).code == "KP-EXPR-009"


def test_any_mapping_serves_as_a_map_and_results_are_plain(value: Value) -> None:
    frozen = MappingProxyType({"a": MappingProxyType({"b": (1, 2)})})
    assert value("x", x=frozen) == {"a": {"b": [1, 2]}}
    assert type(value("x.a", x=frozen)) is dict
    assert value("x.a.b[1]", x=frozen) == 2


def test_results_share_what_did_not_have_to_change(value: Value) -> None:
    tenants = {"a": {"role": "r"}}
    assert value("var.tenants", var={"tenants": tenants}) is tenants


def test_values_nested_beyond_reason_are_refused(failure: Failure) -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert failure("x", x=deep).code == "KP-EXPR-013"
    assert failure("x == [x]", x=deep).code == "KP-EXPR-013"


def test_evaluating_changes_nothing_it_was_given(value: Value) -> None:
    data: dict[str, Any] = {"list": [3, 1, 2], "map": {"b": 1, "a": 2}}
    value("[sort(x.list), reverse(x.list), concat(x.list, [4]), merge(x.map, {'c': 1})]", x=data)
    assert data == {"list": [3, 1, 2], "map": {"b": 1, "a": 2}}


def test_the_same_text_in_two_places_reports_each_place() -> None:
    file = SourceFile.of("f.yaml", Path("f.yaml"), "a: x.y\nb:  x.y\n")
    for line, column in ((1, 4), (2, 5)):
        made = parse_expression(ScalarNode("x.y", line, column, file))
        with pytest.raises(ExpressionError) as caught:
            made.evaluate(Scope({"x": 1}))
        position = caught.value.diagnostic.position
        assert position is not None
        assert (position.line, position.column) == (line, column)
        assert caught.value.diagnostic.snippet == file.line(line)
        assert str(caught.value).startswith(f"f.yaml:{line}:{column}: a number has no .y")


def test_a_bare_name_is_told_to_have_its_kind_before_it(failure: Failure) -> None:
    assert "such as key.root" in failure("root", key={}).advice
    assert "such as" not in failure("keys", key={}).advice  # a near miss says it better
