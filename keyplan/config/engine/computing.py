"""Parts of an expression that compute: literals of lists and maps, operators, calls.

Rules: operands are known values, never `Unknown`; what an operator means is in
`operators`; conditions are booleans and the side that does not matter is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable

from keyplan.config.engine.limits import checked_text, weigh
from keyplan.config.engine.operators import (
    arithmetic,
    contained,
    equal,
    kind_of,
    less,
    negated,
    to_text,
)
from keyplan.config.engine.run import Expression, Run, elements, truth
from keyplan.config.faults import Fault

_WEIGHTY = frozenset({str, list, dict})


class ListLiteral(Expression):
    """`[a, b]`."""

    __slots__ = ("items",)

    def __init__(self, start: int, end: int, items: tuple[Expression, ...]) -> None:
        super().__init__(start, end)
        self.items = items

    def evaluate(self, run: Run) -> object:
        """A new list."""
        return [item.operand(run) for item in self.items]


class MapLiteral(Expression):
    """`{"a": 1}`. Keys are text."""

    __slots__ = ("pairs",)

    def __init__(
        self, start: int, end: int, pairs: tuple[tuple[Expression, Expression], ...]
    ) -> None:
        super().__init__(start, end)
        self.pairs = pairs

    def evaluate(self, run: Run) -> object:
        """A new map; a key that comes twice is an error."""
        result: dict[str, object] = {}
        for key, item in self.pairs:
            name = key.operand(run)
            if not isinstance(name, str):
                raise key.at(run).error(
                    "KP-EXPR-009", f"the keys of a map are text, and this is {kind_of(name)}"
                )
            if name in result:
                raise key.at(run).error("KP-EXPR-014", f"{name} is written twice in this map")
            result[name] = item.operand(run)
        return result


class Call(Expression):
    """`f(a, b)`. `function` gets this node and the run, so that `try` can be lazy."""

    __slots__ = ("arguments", "function", "name")

    def __init__(
        self,
        start: int,
        end: int,
        name: str,
        function: Callable[[Call, Run], object],
        arguments: tuple[Expression, ...],
    ) -> None:
        super().__init__(start, end)
        self.name = name
        self.function = function
        self.arguments = arguments

    def evaluate(self, run: Run) -> object:
        """The function's result."""
        try:
            run.charge(1)
            return self.function(self, run)
        except Fault as fault:
            raise self.at(run).error_from(fault) from None


class Negative(Expression):
    """`-x`."""

    __slots__ = ("inner",)

    def __init__(self, start: int, end: int, inner: Expression) -> None:
        super().__init__(start, end)
        self.inner = inner

    def evaluate(self, run: Run) -> object:
        """The number, negated."""
        try:
            return negated(self.inner.operand(run))
        except Fault as fault:
            raise self.at(run).error_from(fault) from None


class Arithmetic(Expression):
    """`+ - * / // %`."""

    __slots__ = ("left", "right", "symbol")

    def __init__(
        self, start: int, end: int, symbol: str, left: Expression, right: Expression
    ) -> None:
        super().__init__(start, end)
        self.symbol = symbol
        self.left = left
        self.right = right

    def evaluate(self, run: Run) -> object:
        """The result."""
        left, right = self.left.operand(run), self.right.operand(run)
        try:
            result = arithmetic(self.symbol, left, right)
            if isinstance(result, (str, list)):
                run.charge(1 + (len(result) >> 6))
        except Fault as fault:
            raise self.at(run).error_from(fault) from None
        return result


class Join(Expression):
    """`a ~ b`: scalars put together as text."""

    __slots__ = ("parts",)

    def __init__(self, start: int, end: int, parts: tuple[Expression, ...]) -> None:
        super().__init__(start, end)
        self.parts = parts

    def evaluate(self, run: Run) -> object:
        """The text."""
        texts: list[str] = []
        for part in self.parts:
            value = part.operand(run)
            try:
                texts.append(to_text(value))
            except Fault as fault:
                raise part.at(run).error_from(fault) from None
        try:
            text = checked_text("".join(texts))
            run.charge(1 + (len(text) >> 6))
        except Fault as fault:
            raise self.at(run).error_from(fault) from None
        return text


class Logic(Expression):
    """`and`, `or`: booleans in, a boolean out; the right side only if it matters."""

    __slots__ = ("left", "right", "until")

    def __init__(
        self, start: int, end: int, left: Expression, right: Expression, *, until: bool
    ) -> None:
        super().__init__(start, end)
        self.left = left
        self.right = right
        self.until = until  # what decides without the right side: True for `or`

    def evaluate(self, run: Run) -> object:
        """True or false."""
        if truth(self.left, run) is self.until:
            return self.until
        return truth(self.right, run)


class Not(Expression):
    """`not x`."""

    __slots__ = ("inner",)

    def __init__(self, start: int, end: int, inner: Expression) -> None:
        super().__init__(start, end)
        self.inner = inner

    def evaluate(self, run: Run) -> object:
        """The opposite."""
        return not truth(self.inner, run)


class Conditional(Expression):
    """`a if c else b`; without `else`, `none`."""

    __slots__ = ("no", "test", "yes")

    def __init__(
        self, start: int, end: int, test: Expression, yes: Expression, no: Expression | None
    ) -> None:
        super().__init__(start, end)
        self.test = test
        self.yes = yes
        self.no = no

    def evaluate(self, run: Run) -> object:
        """One of the two; the other is not evaluated."""
        if truth(self.test, run):
            return self.yes.operand(run)
        return self.no.operand(run) if self.no is not None else None


class Comparison(Expression):
    """`a < b <= c`, `==`, `in`: every neighbouring pair must hold."""

    __slots__ = ("first", "rest")

    def __init__(
        self, start: int, end: int, first: Expression, rest: tuple[tuple[str, Expression], ...]
    ) -> None:
        super().__init__(start, end)
        self.first = first
        self.rest = rest

    def evaluate(self, run: Run) -> object:
        """True or false."""
        left = self.first.operand(run)
        for symbol, expression in self.rest:
            right = (
                elements(expression, run) if symbol in ("in", "notin") else expression.operand(run)
            )
            try:
                for side in (left, right):
                    if type(side) in _WEIGHTY:
                        run.charge(weigh(side))
                holds = _compare(symbol, left, right)
            except Fault as fault:
                raise self.at(run).error_from(fault) from None
            if not holds:
                return False
            left = right
        return True


def _compare(symbol: str, left: object, right: object) -> bool:
    match symbol:
        case "eq":
            return equal(left, right)
        case "ne":
            return not equal(left, right)
        case "lt":
            return less(left, right, or_equal=False)
        case "lteq":
            return less(left, right, or_equal=True)
        case "gt":
            return less(right, left, or_equal=False)
        case "gteq":
            return less(right, left, or_equal=True)
        case "in":
            return contained(left, right)
        case _:
            return not contained(left, right)


class Check(Expression):
    """`x is none`, `x is string`."""

    __slots__ = ("check", "inner")

    def __init__(
        self, start: int, end: int, inner: Expression, check: Callable[[object], bool]
    ) -> None:
        super().__init__(start, end)
        self.inner = inner
        self.check = check

    def evaluate(self, run: Run) -> object:
        """True or false."""
        return self.check(self.inner.operand(run))
