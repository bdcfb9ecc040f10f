"""Functions of maps, and of whatever has instances."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.engine.limits import MAX_LIST, too_large
from keyplan.config.engine.operators import kind_of, to_text
from keyplan.config.faults import Fault
from keyplan.config.report import suggest_or_list
from keyplan.config.scope import Lookup


def _length(args: Arguments) -> object:
    value = args.elements(0)
    if isinstance(value, (str, list, Mapping)):
        return len(value)
    raise args.wrong(0, "text, a list or a map", value)


def _keys(args: Arguments) -> object:
    return sorted(args.entries(0))


def _values(args: Arguments) -> object:
    entries = args.entries(0)
    return [entries[name] for name in sorted(entries)]


def _merge(args: Arguments) -> object:
    merged: dict[str, object] = {}
    for number in range(len(args)):
        if args.elements(number) is not None:
            merged.update(args.entries(number))
    if len(merged) > MAX_LIST:
        raise too_large("map", MAX_LIST, "entries")
    return merged


def _lookup(args: Arguments) -> object:
    entries, name = args.entries(0), args.text(1)
    if name in entries:
        return entries[name]
    if len(args) == 3:
        return args.value(2)
    raise args.unusable(1, f"there is no entry {name}", suggest_or_list(name, entries, "Entries"))


def _pick(args: Arguments) -> object:
    entries, names = args.entries(0), args.items(1)
    picked: dict[str, object] = {}
    for name in names:
        if not isinstance(name, str):
            raise args.error(1, f"names are text, and one of these is {kind_of(name)}")
        if name not in entries:
            raise args.unusable(
                1, f"there is no entry {name}", suggest_or_list(name, entries, "Entries")
            )
        picked[name] = entries[name]
    return picked


def _index_by(args: Arguments) -> object:
    items, field = args.items(0), args.text(1)
    result: dict[str, object] = {}
    for item in items:
        if not isinstance(item, Mapping):
            raise args.error(0, f"every item must be a map, and one is {kind_of(item)}")
        value = item.get(field)
        if value is None:
            raise args.unusable(
                1, f"an item has no {field}", suggest_or_list(field, item, "It has")
            )
        name = to_text(value)
        if name in result:
            raise args.unusable(1, f"two items have the {field} {name}", "Names must differ.")
        result[name] = item
    return result


def _product(args: Arguments) -> object:
    """All pairs, by name, as `for_each` takes them: there is no for-expression to make one."""
    left, right = _named(args, 0), _named(args, 1)
    if len(left) * len(right) > MAX_LIST:
        raise too_large("map", MAX_LIST, "entries")
    args.run.charge(len(left) * len(right))
    result: dict[str, object] = {}
    for name, value in left.items():
        for other, second in right.items():
            pair = f"{name}/{other}"
            if pair in result:
                raise Fault("KP-EXPR-014", f"two pairs would be named {pair}")
            result[pair] = [value, second]
    return result


def _named(args: Arguments, number: int) -> Mapping[str, object]:
    """A map as it is, or a list of scalars under their own text."""
    value = args.elements(number)
    if isinstance(value, Mapping):
        return args.entries(number)
    named: dict[str, object] = {}
    for item in args.items(number):
        try:
            named[to_text(item)] = item
        except Fault:
            raise args.error(
                number,
                f"the items must be text or numbers, and one is {kind_of(item)}",
                advice='Name them first: index_by(list, "field").',
            ) from None
    return named


def _attributes(args: Arguments) -> object:
    """One attribute of each: of the instances of a key, or of the maps in a map or list."""
    values, name = args.elements(0), args.text(1)
    if isinstance(values, Mapping):
        args.run.charge(len(values))
        return {key: _attribute(args, value, name) for key, value in values.items()}
    if isinstance(values, list):
        args.run.charge(len(values))
        return [_attribute(args, value, name) for value in values]
    raise args.wrong(0, "a map or a list", values)


def _attribute(args: Arguments, value: object, name: str) -> object:
    if isinstance(value, Lookup):
        return value.get_attribute(name, args.place(0))
    if isinstance(value, Mapping):
        return value.get(name)
    raise args.error(0, f"{kind_of(value)} has no attributes", why="each value must be a map")


def _tomap(args: Arguments) -> object:
    return dict(args.entries(0))


TABLE = (
    function("length(x)", _length),
    function("keys(map)", _keys),
    function("values(map)", _values),
    function("merge(map, …)", _merge),
    function("lookup(map, name[, default])", _lookup),
    function("pick(map, names)", _pick),
    function('index_by(list, "field")', _index_by),
    function("product(a, b)", _product),
    function('attributes(map, "name")', _attributes),
    function("tomap(map)", _tomap),
)
