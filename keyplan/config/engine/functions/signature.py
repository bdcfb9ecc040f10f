"""What a function of the language is, and how it takes its arguments.

Rules: an argument is evaluated when it is taken, so that `try` and `coalesce` can leave
some alone; one of the wrong type is an error at its own place that shows the usage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keyplan.config.engine.computing import Call
from keyplan.config.engine.limits import weigh
from keyplan.config.engine.operators import is_number, kind_of
from keyplan.config.engine.run import Run, elements
from keyplan.config.faults import ExpressionError, Fault
from keyplan.config.scope import At, Lookup


class Arguments:
    """The arguments of one call. Numbers count from 0."""

    __slots__ = ("_call", "run")

    def __init__(self, call: Call, run: Run) -> None:
        self._call = call
        self.run = run

    def __len__(self) -> int:
        return len(self._call.arguments)

    def value(self, number: int) -> object:
        """Any value that is known."""
        return self._call.arguments[number].operand(self.run)

    def elements(self, number: int) -> object:
        """Any value; something with instances (`key.release`) as a map of them."""
        return elements(self._call.arguments[number], self.run)

    def text(self, number: int) -> str:
        """Text; handling it costs a step per 64 characters."""
        value = self.value(number)
        if not isinstance(value, str):
            raise self.wrong(number, "text", value)
        self.run.charge(len(value) >> 6)
        return value

    def integer(self, number: int) -> int:
        """A whole number."""
        value = self.value(number)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(number, "a whole number", value)
        return value

    def items(self, number: int) -> list[object]:
        """A list, instances in it as their values; handling it costs a step per item."""
        value = self.elements(number)
        if not isinstance(value, list):
            raise self.wrong(number, "a list", value)
        self.run.charge(len(value))
        if any(isinstance(item, Lookup) for item in value):
            place = self.place(number)
            value = [item.as_value(place) if isinstance(item, Lookup) else item for item in value]
        return value

    def entries(self, number: int) -> Mapping[str, object]:
        """A map; handling it costs a step per entry."""
        value = self.elements(number)
        if not isinstance(value, Mapping):
            raise self.wrong(number, "a map", value)
        self.run.charge(len(value))
        return value

    def place(self, number: int) -> At:
        """Where an argument stands."""
        return self._call.arguments[number].at(self.run)

    def weighed(self, value: object) -> object:
        """The value, with its whole depth charged: before it is compared or spelt out."""
        self.run.charge(weigh(value))
        return value

    def wrong(self, number: int, wanted: str, value: object) -> ExpressionError:
        """The error of an argument that has another type."""
        return self.error(number, f"{wanted} is needed here, and this is {kind_of(value)}")

    def error(
        self,
        number: int,
        summary: str,
        *,
        code: str = "KP-EXPR-008",
        why: str = "",
        advice: str = "",
    ) -> ExpressionError:
        """An error at an argument."""
        return self.place(number).error(code, summary, why=why, advice=advice)

    def unusable(self, number: int, summary: str, advice: str = "") -> ExpressionError:
        """The error of an argument whose type fits and whose value does not."""
        return self.error(number, summary, code="KP-EXPR-014", advice=advice)

    def number(self, number: int) -> int | float:
        """A number."""
        value = self.value(number)
        if not is_number(value):
            raise self.wrong(number, "a number", value)
        return value  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `usage` is how a call looks; `most` is `None` without a limit."""

    usage: str
    body: Callable[[Arguments], object]
    least: int
    most: int | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.usage.partition("(")[0]

    def call(self, call: Call, run: Run) -> object:
        """Evaluate a call. Raises `Fault` for what has no place of its own."""
        return self.body(Arguments(call, run))

    def accepts(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)

    def wrong_number(self, count: int) -> Fault:
        """The fault of a call with another number of arguments."""
        return Fault(
            "KP-EXPR-008",
            f"{self.name} cannot be called with {count} argument{'' if count == 1 else 's'}",
            advice=f"Write {self.usage}.",
        )


def function(
    usage: str, body: Callable[[Arguments], object], *, least: int | None = None
) -> Function:
    """A function from how a call looks: `f(a, b, …)` takes two or more, `f(a[, b])` one or two."""
    inside = usage.partition("(")[2].rstrip(")")
    parts = inside.replace("[, ", ", ").replace("]", "").split(", ") if inside else []
    unlimited = "…" in parts
    count = len(parts) - unlimited
    optional = inside.count("[")
    return Function(
        usage,
        body,
        count - optional if least is None else least,
        None if unlimited else count,
    )
