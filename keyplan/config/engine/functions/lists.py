"""Functions of lists. A set is a list without repetitions, in order."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date, datetime, timedelta
from functools import cmp_to_key

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.engine.limits import MAX_LIST, not_known_yet, too_large
from keyplan.config.engine.operators import contained, is_number, kind_of, less
from keyplan.config.faults import Fault
from keyplan.model.values import Unknown


def identity(value: object) -> Hashable:
    """Something equal for equal values and for no others; 1 is 1.0, and not true."""
    match value:
        case list():
            return ("list", tuple(map(identity, value)))
        case Mapping():
            return ("map", frozenset((name, identity(item)) for name, item in value.items()))
        case bool():
            return ("boolean", value)
        case str():
            return str(value)
        case datetime() | date():
            return ("date", value.isoformat())
        case Unknown():
            raise not_known_yet()
        case Hashable():
            return value
        case _:
            raise Fault("KP-EXPR-009", f"{kind_of(value)} cannot be compared")


def _contains(args: Arguments) -> object:
    values = args.items(0)
    args.weighed(values)
    return contained(args.value(1), values)


def _concat(args: Arguments) -> object:
    result: list[object] = []
    for number in range(len(args)):
        result += args.items(number)
        if len(result) > MAX_LIST:
            raise too_large("list", MAX_LIST, "items")
    return result


def _flatten(args: Arguments) -> object:
    result: list[object] = []
    pending = list(reversed(args.items(0)))
    while pending:
        item = pending.pop()
        args.run.charge(1)
        if isinstance(item, list):
            pending.extend(reversed(item))
        else:
            result.append(item)
        if len(result) + len(pending) > MAX_LIST:
            raise too_large("list", MAX_LIST, "items")
    return result


def _distinct(args: Arguments) -> list[object]:
    values = args.items(0)
    args.weighed(values)
    first: dict[Hashable, object] = {}
    for value in values:
        first.setdefault(identity(value), value)
    return list(first.values())


def _in_order(values: list[object]) -> list[object]:
    """Sorted by `<`; texts by their characters. Raises `Fault` if some have no order."""
    kinds = set(map(type, values))
    if kinds <= {int, float} or any(kinds <= {kind} for kind in _ORDERED):
        return sorted(values)  # type: ignore[type-var]
    if len(values) > _MAX_MIXED:
        raise too_large("list of values of several kinds", _MAX_MIXED, "items")

    def compare(left: object, right: object) -> int:
        return less(right, left, or_equal=False) - less(left, right, or_equal=False)

    return sorted(values, key=cmp_to_key(compare))


def _sort(args: Arguments) -> object:
    return _in_order(args.items(0))


def _toset(args: Arguments) -> object:
    values = _distinct(args)
    scalar = all(isinstance(value, str) for value in values) or all(map(is_number, values))
    return _in_order(values) if scalar else values


def _reverse(args: Arguments) -> object:
    return args.items(0)[::-1]


def _disjoint(args: Arguments) -> object:
    """Whether no value is in both; of maps the names count."""
    left, right = (_members(args, number) for number in (0, 1))
    return left.isdisjoint(right)


def _members(args: Arguments, number: int) -> frozenset[Hashable]:
    value = args.elements(number)
    if isinstance(value, Mapping):
        return frozenset(args.entries(number))
    args.weighed(value)
    return frozenset(map(identity, args.items(number)))


def _range(args: Arguments) -> object:
    numbers = [args.integer(number) for number in range(len(args))]
    if len(numbers) == 3 and numbers[2] == 0:
        raise args.unusable(2, "the step is 0")
    span = range(*numbers)
    try:
        size = len(span)
    except OverflowError:
        size = MAX_LIST + 1
    if size > MAX_LIST:
        raise too_large("list", MAX_LIST, "items")
    args.run.charge(size)
    return list(span)


def _extreme(args: Arguments, *, largest: bool) -> object:
    """The smallest or largest of the arguments, or of one list."""
    first = args.elements(0)
    values = args.items(0) if len(args) == 1 and isinstance(first, list) else None
    if values is None:
        values = [args.value(number) for number in range(len(args))]
    if not values:
        raise args.unusable(0, "the list is empty")
    best = values[0]
    for value in values:
        if isinstance(value, (str, list, Mapping, bool)):
            raise Fault(
                "KP-EXPR-008",
                f"numbers, durations or dates are needed, and one is {kind_of(value)}",
            )
        if less(best, value, or_equal=False) if largest else less(value, best, or_equal=False):
            best = value
    return best


_ORDERED = (str, timedelta, date, datetime)
_MAX_MIXED = 1000
"""So many values are put in order by the language's own comparison, which is slow."""


TABLE = (
    function("contains(list, value)", _contains),
    function("concat(list, …)", _concat),
    function("flatten(list)", _flatten),
    function("distinct(list)", _distinct),
    function("sort(list)", _sort),
    function("toset(list)", _toset),
    function("reverse(list)", _reverse),
    function("disjoint(a, b)", _disjoint),
    function("range([from, ]to[, step])", _range, least=1),
    function("min(number, …)", lambda args: _extreme(args, largest=False)),
    function("max(number, …)", lambda args: _extreme(args, largest=True)),
)
