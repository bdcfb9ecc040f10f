"""How the expression engine says that something is wrong, and where.

A `Fault` has no place: pure functions and operators raise it. Whoever knows the place
turns it into an `ExpressionError`, which carries a finished `Diagnostic`.
"""

from __future__ import annotations

from keyplan.diagnostics import Diagnostic
from keyplan.errors import KeyplanError


class Fault(Exception):  # noqa: N818  # an error is what it becomes at its place
    """What is wrong with an expression, without its place. Fields as in `Diagnostic`."""

    def __init__(self, code: str, summary: str, *, why: str = "", advice: str = "") -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.why = why
        self.advice = advice


class PlacedFault(Fault):
    """A fault found while parsing: `start` and `end` are offsets in what is parsed."""

    def __init__(self, fault: Fault, start: int, end: int = 0) -> None:
        super().__init__(fault.code, fault.summary, why=fault.why, advice=fault.advice)
        self.start = start
        self.end = end


class ExpressionError(KeyplanError):
    """An expression cannot be parsed or evaluated. `diagnostic` has the exact place."""

    error_class = "configuration"

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(
            diagnostic.summary,
            target=str(diagnostic.position or ""),
            why=diagnostic.why,
            advice=diagnostic.advice,
        )
        self.diagnostic = diagnostic
