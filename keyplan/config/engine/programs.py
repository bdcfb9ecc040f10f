"""Programs: parsed text, kept by its text, evaluated against any scope.

Ten thousand instances of a block share one program; equal texts in different places
share it too, since a program holds offsets and gets its place from the `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from keyplan.config.engine.blocks import Body, Output, Render, Text, render
from keyplan.config.engine.limits import stack_too_large, too_deep
from keyplan.config.engine.reading import Literal
from keyplan.config.engine.references import Path
from keyplan.config.engine.results import finished
from keyplan.config.engine.run import Expression, Run
from keyplan.config.engine.templates import read_expression, split_template, whole_expression
from keyplan.config.faults import Fault, PlacedFault
from keyplan.config.scope import At, Scope
from keyplan.config.tree import ScalarNode
from keyplan.model.values import Value


@dataclass(frozen=True, slots=True)
class Program:
    """`lone` is set where the whole text is one expression, which then keeps its type."""

    body: Body
    references: tuple[Path, ...]
    lone: Expression | None = None

    @property
    def is_constant(self) -> bool:
        """Whether it is a literal, or text with escapes only."""
        if self.lone is not None:
            return isinstance(self.lone, Literal)
        return all(isinstance(piece, Text) for piece in self.body)

    @property
    def constant(self) -> Value:
        """The literal, or the text with its escapes replaced."""
        if isinstance(self.lone, Literal):
            return self.lone.value  # type: ignore[return-value]
        return "".join(piece.text for piece in self.body if isinstance(piece, Text))

    def evaluate(self, scope: Scope, node: ScalarNode) -> Value:
        """Its value where `node` stands. Raises `ExpressionError`."""
        run = Run(scope, node)
        if scope.files is None:
            return self.evaluate_in(run)
        budget = scope.files.budget
        if budget.is_spent():
            raise At(node, 0).error_from(stack_too_large())
        value: Value = None
        try:
            value = self.evaluate_in(run)
        finally:
            budget.spend(run.steps, value)
        return value

    def evaluate_in(self, run: Run) -> Value:
        """Its value as a part of another evaluation."""
        try:
            if self.lone is not None:
                return finished(self.lone.evaluate(run), self.lone, run)
            output = Output()
            render(self.body, run, output)
        except Fault as fault:
            raise At(run.node, 0).error_from(fault) from None
        except RecursionError:
            raise At(run.node, 0).error_from(too_deep()) from None
        return output.result()


@lru_cache(maxsize=2048)
def template_program(text: str) -> Program:
    """Text with `${…}` and directives. Raises `PlacedFault`."""
    body, references = split_template(text)
    only = body[0] if len(body) == 1 else None
    return Program(body, references, only.expression if isinstance(only, Render) else None)


@lru_cache(maxsize=2048)
def expression_program(text: str) -> Program:
    """An expression, or one `${…}`. Raises `PlacedFault`."""
    stripped = text.strip()
    base = len(text) - len(text.lstrip())
    inside = whole_expression(stripped)
    if inside is not None:
        start, end = inside
        expression, references = read_expression(stripped[start:end], base + start)
    elif stripped.startswith("${"):
        fault = Fault(
            "KP-EXPR-003",
            "this field takes an expression, not text with ${ } in it",
            advice='Put text together with ~: "prefix-" ~ var.name.',
        )
        raise PlacedFault(fault, base, base + len(stripped))
    else:
        expression, references = read_expression(stripped, base)
    return Program((), tuple(dict.fromkeys(references)), expression)


def template_of(node: ScalarNode) -> Program:
    """The program of a template field or file. Raises `ExpressionError`."""
    try:
        return template_program(node.text)
    except PlacedFault as fault:
        raise At(node, fault.start, fault.end).error_from(fault) from None


def expression_of(node: ScalarNode) -> Program:
    """The program of an expression field. Raises `ExpressionError`."""
    try:
        return expression_program(node.text)
    except PlacedFault as fault:
        raise At(node, fault.start, fault.end).error_from(fault) from None
