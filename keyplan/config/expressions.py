"""Stage 3a: templates and expressions, parsed once and evaluated against a scope.

Rules: text without `${` and `%{` never touches the expression engine. Evaluation is
pure, deterministic and bounded; names, files and what is unknown come in through
`Scope`. Every error is an `ExpressionError` with file, line and column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.config.faults import ExpressionError, Fault
from keyplan.config.scope import At, FileReader, Lookup, Scope
from keyplan.config.tree import ScalarNode
from keyplan.model.values import Value

if TYPE_CHECKING:
    from keyplan.config.engine.programs import Program

__all__ = [
    "At",
    "ExpressionError",
    "Fault",
    "FileReader",
    "Lookup",
    "Scope",
    "Template",
    "parse_expression",
    "parse_template",
]


class Template:
    """A parsed template or expression, and the scalar it was written in."""

    __slots__ = ("_program", "node")

    def __init__(self, node: ScalarNode, program: Program | None = None) -> None:
        self.node = node
        self._program = program  # none: the text itself

    @property
    def is_constant(self) -> bool:
        """Whether it is a literal: no name, function or operator in it."""
        return self._program is None or self._program.is_constant

    @property
    def constant(self) -> Value:
        """The literal; only if `is_constant`."""
        return self.node.text if self._program is None else self._program.constant

    @property
    def references(self) -> tuple[tuple[str, ...], ...]:
        """What it reads, without duplicates: `("var", "x")`, `("this", "scope", "tenant")`.

        A constant index appears as `'["prod"]'`, any other as `"[*]"`. Names that the
        template itself binds (`%{ for x in … }`) are not in it.
        """
        return () if self._program is None else self._program.references

    def evaluate(self, scope: Scope) -> Value:
        """Its value. A lone expression keeps its type; anything else is text.

        Durations and dates come out as canonical text. The result is an `Unknown` only
        for a lone reference, or text around plain references; what `attributes` gives
        may contain some. Raises `ExpressionError`.
        """
        if self._program is None:
            return self.node.text
        return self._program.evaluate(scope, self.node)


def parse_template(node: ScalarNode) -> Template:
    """A field of kind template: text with `${…}`, `%{if}`, `%{for}`. Raises `ExpressionError`."""
    text = node.text
    if "${" not in text and "%{" not in text:
        return Template(node)
    from keyplan.config.engine.programs import template_of  # noqa: PLC0415  # often unneeded

    return Template(node, template_of(node))


def parse_expression(node: ScalarNode) -> Template:
    """A field of kind expression or reference, `${…}` around it allowed.

    Raises `ExpressionError`.
    """
    from keyplan.config.engine.programs import expression_of  # noqa: PLC0415  # often unneeded

    return Template(node, expression_of(node))
