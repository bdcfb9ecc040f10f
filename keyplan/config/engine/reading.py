"""Parts of an expression that read: literals, names, attributes, entries.

Rules: only map entries, list items and what a `Lookup` answers can be read; there is no
way from here to an attribute or method of a Python object. A missing entry is `none`;
a name that must have been declared is an error with a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.config.engine.operators import kind_of, to_text
from keyplan.config.engine.run import Expression, Run, settle
from keyplan.config.faults import ExpressionError, Fault
from keyplan.config.report import suggest, suggest_or_list
from keyplan.config.scope import Lookup
from keyplan.model.values import Unknown


class Literal(Expression):
    """Text, a number, `true`, `false` or `none`, as written."""

    __slots__ = ("value",)

    def __init__(self, start: int, end: int, value: object) -> None:
        super().__init__(start, end)
        self.value = value

    def evaluate(self, run: Run) -> object:  # noqa: ARG002
        """What was written."""
        return self.value


class Name(Expression):
    """A name of the scope: `var`, `each`, `this`."""

    __slots__ = ("name",)

    def __init__(self, start: int, end: int, name: str) -> None:
        super().__init__(start, end)
        self.name = name

    @property
    def is_reference(self) -> bool:
        """It is one."""
        return True

    def evaluate(self, run: Run) -> object:
        """What stands behind it."""
        try:
            return run.names[self.name]
        except KeyError:
            advice = suggest_or_list(self.name, run.names, "Names that can be used here")
            if self.name == "self" and "this" in run.names:
                advice = "Write `this`."
            elif "key" in run.names and not suggest(self.name, run.names):
                advice += f" What is declared has its kind before it, such as key.{self.name}."
            raise self.at(run).error(
                "KP-EXPR-005",
                f"{self.name} means nothing here",
                advice=advice or "No name can be used here.",
            ) from None


class Local(Expression):
    """A name that a `%{ for }` around it binds."""

    __slots__ = ("name",)

    def __init__(self, start: int, end: int, name: str) -> None:
        super().__init__(start, end)
        self.name = name

    @property
    def is_reference(self) -> bool:
        """It is one."""
        return True

    def evaluate(self, run: Run) -> object:
        """The current item."""
        return run.local[self.name]


_DECLARED: Mapping[str, str] = {
    "var": "variable",
    "local": "local value",
    "each": "part of each",
    "key": "key",
    "policy": "policy",
    "principal": "principal",
    "module": "module",
}
"""Names whose entries are declared: a missing one is a mistake, not `none`."""


class Attribute(Expression):
    """`x.name`: an entry of a map, or what a `Lookup` answers. Never a method."""

    __slots__ = ("base", "name")

    def __init__(self, start: int, end: int, base: Expression, name: str) -> None:
        super().__init__(start, end)
        self.base = base
        self.name = name

    @property
    def is_reference(self) -> bool:
        """Whether what it reads from is one."""
        return self.base.is_reference

    def evaluate(self, run: Run) -> object:
        """The entry; `none` if there is no such one."""
        value = self.base.evaluate(run)
        if isinstance(value, Lookup):
            return value.get_attribute(self.name, self.at(run))
        if isinstance(value, Mapping):
            return _entry(self, run, value, self.base, self.name)
        raise _unreadable(self, run, value, f".{self.name}")


class Item(Expression):
    """`x[key]`: an entry of a map, an item of a list, or what a `Lookup` answers."""

    __slots__ = ("base", "key")

    def __init__(self, start: int, end: int, base: Expression, key: Expression) -> None:
        super().__init__(start, end)
        self.base = base
        self.key = key

    @property
    def is_reference(self) -> bool:
        """Whether what it reads from is one."""
        return self.base.is_reference

    def evaluate(self, run: Run) -> object:
        """The entry or item; a missing entry is `none`, a missing item an error."""
        value = self.base.evaluate(run)
        key = self.key.operand(run)
        if isinstance(value, Lookup):
            return value.get_item(key, self.at(run))
        if isinstance(value, Mapping):
            if isinstance(key, str):
                return _entry(self, run, value, self.base, key)
            if isinstance(key, (int, float)) and not isinstance(key, bool):
                return _entry(self, run, value, self.base, to_text(key))
            raise self.key.at(run).error(
                "KP-EXPR-009", f"the entries of a map have names, and this is {kind_of(key)}"
            )
        if isinstance(value, (list, tuple)):
            if not isinstance(key, int) or isinstance(key, bool):
                raise self.key.at(run).error(
                    "KP-EXPR-009", f"the items of a list have numbers, and this is {kind_of(key)}"
                )
            if not -len(value) <= key < len(value):
                raise self.key.at(run).error(
                    "KP-EXPR-014", f"there is no item {key}: the list has {len(value)}"
                )
            item: object = value[key]
            return item
        raise _unreadable(self, run, value, "[…]")


def _entry(
    expression: Expression,
    run: Run,
    value: Mapping[str, object],
    base: Expression,
    name: str,
) -> object:
    found = value.get(name)
    if found is None and isinstance(base, Name) and base.name in _DECLARED and name not in value:
        raise expression.at(run).error(
            "KP-EXPR-006",
            f"there is no {_DECLARED[base.name]} {name}",
            advice=suggest_or_list(name, value, "There are")
            or f"Declare it, or remove the reference to {base.name}.{name}.",
        )
    return found


def _unreadable(expression: Expression, run: Run, value: object, what: str) -> ExpressionError:
    if isinstance(value, Unknown):
        settle(value, expression, run)
    if value is None:
        return expression.at(run).error(
            "KP-EXPR-011",
            f"nothing is there to read {what} from",
            why="what stands before it is none",
            advice="Test for it first: `x is not none and …`, or `… if x is not none else …`.",
        )
    return expression.at(run).error(
        "KP-EXPR-009",
        f"{kind_of(value)} has no {what}",
        advice="There are no methods: functions are written length(x), upper(x).",
    )


class Slice(Expression):
    """`x[from:to]` of a list or text."""

    __slots__ = ("base", "begin", "stop")

    def __init__(
        self,
        start: int,
        end: int,
        base: Expression,
        begin: Expression | None,
        stop: Expression | None,
    ) -> None:
        super().__init__(start, end)
        self.base = base
        self.begin = begin
        self.stop = stop

    def evaluate(self, run: Run) -> object:
        """The part; bounds beyond the end are cut, as in Python."""
        value = self.base.operand(run)
        bounds: list[int | None] = []
        for bound in (self.begin, self.stop):
            number = bound.operand(run) if bound is not None else None
            if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
                raise self.at(run).error("KP-EXPR-009", "the bounds of a slice are whole numbers")
            bounds.append(number)
        if isinstance(value, (str, list)):
            part = value[bounds[0] : bounds[1]]
            try:
                run.charge(1 + (len(part) >> 6))
            except Fault as fault:
                raise self.at(run).error_from(fault) from None
            return part
        raise _unreadable(self, run, value, "[…:…]")
