"""How much an expression may make, checked before it is made. Raises `Fault`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from keyplan.config.budget import MAX_STACK_STEPS
from keyplan.config.faults import Fault
from keyplan.model.values import Unknown

MAX_TEXT = 1 << 20
"""Characters of a string."""

MAX_LIST = 100_000
"""Items of a list or entries of a map."""

MAX_NODES = 1_000_000
"""Values in a whole value, however they are nested."""

MAX_EXPRESSION = 4096
"""Characters of one expression."""

MAX_NUMBER = 2**63 - 1
"""The largest whole number; the smallest is its negative."""


def checked_text(text: str) -> str:
    """The text, unless it is longer than the language allows."""
    if len(text) > MAX_TEXT:
        raise too_large("text", MAX_TEXT, "characters")
    return text


def checked_number(number: int | float) -> int | float:  # noqa: PYI041  # they differ here
    """The number, unless it is out of range: not finite, or a whole one beyond 64 bits."""
    whole = isinstance(number, int)
    if (whole and -MAX_NUMBER <= number <= MAX_NUMBER) or (not whole and math.isfinite(number)):
        return number
    raise Fault("KP-EXPR-013", "the number is out of range", why="numbers have 64 bits")


def too_large(what: str, limit: int, unit: str) -> Fault:
    """The fault of passing a limit."""
    return Fault("KP-EXPR-013", f"the {what} would have more than {limit:,} {unit}")


def too_deep() -> Fault:
    """The fault of an expression that is nested too deeply."""
    return Fault(
        "KP-EXPR-013", "the expression is nested too deeply", advice="Name parts of it in `locals`."
    )


def not_known_yet(what: str = "part of this") -> Fault:
    """The fault of computing with what only the provider can know."""
    return Fault(
        "KP-EXPR-016",
        f"{what} is known only after apply, and nothing can be computed from it",
        why="the provider decides it when the key is made",
        advice='Use it alone, or in text around it: "arn is ${key.payments.arn}".',
    )


def stack_too_large() -> Fault:
    """The fault of a stack whose expressions do too much together."""
    return Fault(
        "KP-EXPR-013",
        "the expressions of this stack take too long together",
        why=f"they may do {MAX_STACK_STEPS:,} steps",
        advice="Make texts and lists smaller, or split the stack.",
    )


def weigh(value: object, *, unknown: bool = False) -> int:
    """How many values are in it, repeated ones counted each time; 64 characters count as one.

    Raises `Fault` if it is too large, or if something in it is known only after apply
    and `unknown` does not allow that.
    """
    total = 0
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        total += 1
        if isinstance(item, str):
            total += len(item) >> 6
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, Unknown) and not unknown:
            raise not_known_yet()
        if total + len(pending) > MAX_NODES:
            raise too_large("value", MAX_NODES, "parts")
    return total
