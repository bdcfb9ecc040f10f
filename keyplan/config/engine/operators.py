"""What operators do to values: comparison, arithmetic, text, truth.

Rules: nothing is converted silently. Text is not a number, a number is not a
condition, `none` compares only with `==`. Durations and dates compare with each other
and with their text. Every result is bounded before it is computed. Raises `Fault`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from keyplan.config.engine.limits import (
    MAX_LIST,
    MAX_NODES,
    MAX_TEXT,
    checked_number,
    checked_text,
    not_known_yet,
    too_large,
    weigh,
)
from keyplan.config.faults import Fault
from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.model.values import Unknown

_NONE_ADVICE = "Test for it first (`x is not none and …`), or give a default with coalesce."


def kind_of(value: object) -> str:
    """What a value is, in the language's words, with its article."""
    match value:
        case None:
            return "none"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a map"
        case timedelta():
            return "a duration"
        case date():
            return "a date"
        case Unknown():
            return "something known only after apply"
        case _:
            return "something else"


def is_number(value: object) -> bool:
    """Whether it is a number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def condition(value: object) -> bool:
    """The truth of a condition: a boolean, or `none`, which is false. Nothing else is one."""
    if value is True or value is False:
        return value
    if value is None:
        return False
    kind = kind_of(value)
    compare = {"text": 'x != ""', "a number": "x != 0", "a list": "length(x) > 0"}
    raise Fault(
        "KP-EXPR-010",
        f"a condition is true or false, and this is {kind}",
        advice=f"Compare it: `{compare.get(kind, 'x is not none')}`.",
    )


def to_text(value: object) -> str:
    """How a scalar is spelt inside text: as JSON, durations and dates canonically."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return json.dumps(value)
        case timedelta():
            return format_duration(value)
        case datetime():
            return format_instant(value)
        case date():
            return value.isoformat()
        case None:
            raise Fault(
                "KP-EXPR-012",
                "none cannot stand in text",
                advice='Give it a default: coalesce(x, "…").',
            )
        case Unknown():
            raise not_known_yet()
        case _:
            raise Fault(
                "KP-EXPR-012",
                f"{kind_of(value)} cannot stand in text",
                advice='Join a list with join(", ", x), or spell it with jsonencode(x).',
            )


# -- comparison ----------------------------------------------------------------------------


def equal(left: object, right: object) -> bool:
    """`==`. Values of different kinds are not equal; 1 and 1.0 are, 1 and true are not.

    Its cost is at most the weight of the lighter side; whoever calls it pays for that.
    """
    if isinstance(left, timedelta) or isinstance(right, timedelta):
        if left is None or right is None:
            return False
        return _duration(left) == _duration(right)
    if isinstance(left, date) or isinstance(right, date):
        if left is None or right is None:
            return False
        (begin, end), (other_begin, other_end) = _span(left), _span(right)
        return begin <= other_end and other_begin <= end
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            equal(item, right[name]) for name, item in left.items()
        )
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def less(left: object, right: object, *, or_equal: bool) -> bool:
    """`<` or `<=`.

    A bare date means the whole day: an instant on it is neither before nor after.
    Two texts that both read as durations or as dates are compared as such.
    """
    for value in (left, right):
        if value is None:
            raise Fault("KP-EXPR-011", "none cannot be compared with < or >", advice=_NONE_ADVICE)
    if is_number(left) and is_number(right):
        return bool(left <= right if or_equal else left < right)  # type: ignore[operator]
    kinds = _common_kind(left, right)
    if kinds == "duration":
        a, b = _duration(left), _duration(right)
        return a <= b if or_equal else a < b
    if kinds == "date":
        (begin, end), (other_begin, other_end) = _span(left), _span(right)
        return begin <= other_end if or_equal else end < other_begin
    if isinstance(left, str) and isinstance(right, str):
        return left <= right if or_equal else left < right
    raise Fault(
        "KP-EXPR-009",
        f"{kind_of(left)} and {kind_of(right)} have no order",
        advice="Compare two numbers, two texts, two durations or two dates.",
    )


def _common_kind(left: object, right: object) -> str:
    if isinstance(left, timedelta) or isinstance(right, timedelta):
        return "duration"
    if isinstance(left, date) or isinstance(right, date):
        return "date"
    if isinstance(left, str) and isinstance(right, str):
        for name, read in (("duration", _duration), ("date", _span)):
            try:
                read(left), read(right)
            except Fault:
                continue
            return name
    return ""


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as error:
            raise Fault("KP-EXPR-014", str(error)) from None
    raise Fault("KP-EXPR-009", f"a duration cannot be compared with {kind_of(value)}")


def _span(value: object) -> tuple[datetime, datetime]:
    """The first and the last instant that a date covers."""
    if isinstance(value, datetime):
        return value, value
    if isinstance(value, date):
        return (
            datetime.combine(value, time(), tzinfo=UTC),
            datetime.combine(value, time(23, 59, 59), tzinfo=UTC),
        )
    if isinstance(value, str):
        try:
            return parse_instant(value), parse_instant(value, end=True)
        except ValueError as error:
            raise Fault("KP-EXPR-014", str(error)) from None
    raise Fault("KP-EXPR-009", f"a date cannot be compared with {kind_of(value)}")


def contained(item: object, container: object) -> bool:
    """`in`: an item of a list, a key of a map, a part of a text."""
    match container:
        case list() | tuple():
            return any(equal(item, other) for other in container)
        case Mapping():
            return isinstance(item, str) and item in container
        case str():
            if not isinstance(item, str):
                raise Fault("KP-EXPR-009", f"{kind_of(item)} cannot be part of a text")
            return item in container
        case _:
            raise Fault(
                "KP-EXPR-011" if container is None else "KP-EXPR-009",
                f"`in` needs a list, a map or text, and this is {kind_of(container)}",
                advice=_NONE_ADVICE if container is None else "",
            )


# -- arithmetic ----------------------------------------------------------------------------


def arithmetic(symbol: str, left: object, right: object) -> object:
    """`+ - * / // %` on numbers; `+` also joins texts and lists, `*` repeats, dates move."""
    if is_number(left) and is_number(right):
        return _numbers(symbol, left, right)  # type: ignore[arg-type]
    if symbol == "+":
        if isinstance(left, str) and isinstance(right, str):
            return checked_text(left + right)
        if isinstance(left, list) and isinstance(right, list):
            if len(left) + len(right) > MAX_LIST:
                raise too_large("list", MAX_LIST, "items")
            return left + right
    if symbol == "*":
        if is_number(left):
            left, right = right, left
        if isinstance(left, (str, list)) and isinstance(right, int) and is_number(right):
            return _repeat(left, right)
    if symbol in "+-" and isinstance(right, timedelta):
        return _moved(left, right if symbol == "+" else -right)
    if None in (left, right):
        raise Fault("KP-EXPR-011", f"`{symbol}` cannot use none", advice=_NONE_ADVICE)
    raise Fault(
        "KP-EXPR-009",
        f"`{symbol}` cannot combine {kind_of(left)} and {kind_of(right)}",
        advice="Use ~ to put values of any kind into text." if symbol == "+" else "",
    )


def _numbers(symbol: str, left: float, right: float) -> int | float:
    if symbol in ("/", "//", "%") and right == 0:
        raise Fault("KP-EXPR-014", "division by zero")
    try:
        match symbol:
            case "+":
                result = left + right
            case "-":
                result = left - right
            case "*":
                result = left * right
            case "/":
                result = left / right
            case "//":
                result = left // right
            case _:
                result = left % right
    except OverflowError:
        result = math.inf
    return checked_number(result)


def _repeat(value: str | list[object], times: int) -> object:
    if isinstance(value, str):
        if len(value) * max(times, 0) > MAX_TEXT:
            raise too_large("text", MAX_TEXT, "characters")
        return value * times
    if len(value) * max(times, 0) > MAX_LIST:
        raise too_large("list", MAX_LIST, "items")
    if weigh(value) * max(times, 0) > MAX_NODES:
        raise too_large("list", MAX_NODES, "parts")
    return value * times


def _moved(value: object, by: timedelta) -> object:
    try:
        if isinstance(value, (timedelta, datetime)):
            return value + by
        if isinstance(value, date):
            return datetime.combine(value, time(), tzinfo=UTC) + by
    except OverflowError:
        raise Fault("KP-EXPR-013", "the date is out of range") from None
    raise Fault(
        "KP-EXPR-009",
        f"a duration cannot move {kind_of(value)}",
        advice='Make it a date or a duration first: date("2027-01-31"), duration("30d").',
    )


def negated(value: object) -> int | float:
    """Unary minus."""
    if not is_number(value):
        raise Fault("KP-EXPR-009", f"`-` needs a number, and this is {kind_of(value)}")
    return checked_number(-value)  # type: ignore[operator]
