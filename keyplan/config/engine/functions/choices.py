"""Functions that choose among values, and leave the others alone."""

from __future__ import annotations

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.faults import ExpressionError, Fault

_FINAL = frozenset({"KP-EXPR-005", "KP-EXPR-006", "KP-EXPR-013", "KP-EXPR-016"})
"""What `try` does not hide: misspelt names, limits, and what is not known yet."""


def _coalesce(args: Arguments) -> object:
    for number in range(len(args)):
        value = args.value(number)
        if value is not None and value != "":
            return value
    raise Fault(
        "KP-EXPR-014",
        "every argument of coalesce is none or empty",
        advice="Give a last one that is always there.",
    )


def _try(args: Arguments) -> object:
    for number in range(len(args) - 1):
        try:
            return args.value(number)
        except ExpressionError as error:
            code = error.diagnostic.code
            if not code.startswith("KP-EXPR-") or code in _FINAL:
                raise
    return args.value(len(args) - 1)


TABLE = (
    function("coalesce(value, …)", _coalesce),
    function("try(expression, …)", _try),
)
