"""Expressions: operators, names, dates and durations, lookups, what results are made of."""

from __future__ import annotations

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
