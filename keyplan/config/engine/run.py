"""One evaluation, and what every part of an expression has in common.

Rules: work is charged to the `Run` before or as it is done; an `Unknown` may be passed
on by plain references and is refused wherever something is computed; what goes wrong is
an `ExpressionError` at the place of the part that found it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from keyplan.config.engine.limits import MAX_LIST, not_known_yet
from keyplan.config.engine.operators import condition
from keyplan.config.faults import Fault
from keyplan.config.scope import At, FileReader, Lookup, Scope
from keyplan.config.tree import ScalarNode
from keyplan.model.values import Unknown

MAX_STEPS = 1_000_000
"""How much one evaluation may do; a step is a node, or 64 characters or one item handled."""

_PLAIN = frozenset({str, int, bool, float, type(None), dict, list})


class Run:
    """One evaluation of one template."""

    __slots__ = ("depth", "files", "local", "names", "node", "steps")

    def __init__(self, scope: Scope, node: ScalarNode, depth: int = 0) -> None:
        self.names: Mapping[str, object] = scope.names
        self.files: FileReader | None = scope.files
        self.node = node
        self.depth = depth
        self.local: dict[str, object] = {}
        self.steps = 0

    def charge(self, steps: int) -> None:
        """Count work; raises `Fault` when it is too much."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Fault(
                "KP-EXPR-013",
                "this takes too long to evaluate",
                advice="Make the loops or the lists smaller.",
            )


class Expression:
    """A part of an expression; it stands at `start` up to `end` in the scalar's text."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def evaluate(self, run: Run) -> object:
        """Its value, a `Lookup`, or an `Unknown`."""
        raise NotImplementedError

    @property
    def is_reference(self) -> bool:
        """Whether it is a plain reference: a name, its attributes and entries."""
        return False

    def at(self, run: Run) -> At:
        """Its place."""
        return At(run.node, self.start, self.end)

    def operand(self, run: Run) -> object:
        """Its value where something is computed from it: known, and no `Lookup`."""
        value = self.evaluate(run)
        return value if type(value) in _PLAIN else settle(value, self, run)


def settle(value: object, expression: Expression, run: Run) -> object:
    """A value that can be computed with, or an error at the expression."""
    if isinstance(value, Lookup):
        value = value.as_value(expression.at(run))
    if isinstance(value, Unknown):
        raise expression.at(run).error_from(not_known_yet("this"))
    if isinstance(value, (str, Mapping, list, int, float, timedelta, date)) or value is None:
        return value
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not a value of the language")


def truth(expression: Expression, run: Run) -> bool:
    """The truth of a condition."""
    value = expression.operand(run)
    if value is True or value is False:
        return value
    try:
        return condition(value)
    except Fault as fault:
        raise expression.at(run).error_from(fault) from None


def elements(expression: Expression, run: Run) -> object:
    """A value that may be gone through: a `Lookup` gives its entries as a map."""
    value = expression.evaluate(run)
    if isinstance(value, Lookup):
        value = value.entries(expression.at(run))
        if len(value) > MAX_LIST:
            raise expression.at(run).error("KP-EXPR-013", "there are too many entries")
        return dict(value)
    return value if type(value) in _PLAIN else settle(value, expression, run)
