"""What a template is made of, and how it becomes text.

Rules: text grows under a limit; an `Unknown` is joined in as its parts, and only where a
plain reference stands; loops charge for every round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from keyplan.config.engine.limits import MAX_TEXT, too_large
from keyplan.config.engine.operators import to_text
from keyplan.config.engine.run import Expression, Run, elements, truth
from keyplan.config.faults import Fault
from keyplan.config.scope import Lookup
from keyplan.model.values import Reference, Unknown


class Text:
    """Text as written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Render:
    """`${ expression }` inside text."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression


class When:
    """`%{ if }`, its `%{ elif }`s, and the `%{ else }`, whose condition is `None`."""

    __slots__ = ("branches",)

    def __init__(self, branches: tuple[tuple[Expression | None, Body], ...]) -> None:
        self.branches = branches


class Each:
    """`%{ for item in list }` or `%{ for name, item in map }`, with its `if` if it has one."""

    __slots__ = ("body", "names", "only", "through")

    def __init__(
        self,
        names: tuple[str, ...],
        through: Expression,
        only: Expression | None,
        body: Body,
    ) -> None:
        self.names = names
        self.through = through
        self.only = only
        self.body = body


Piece: TypeAlias = Text | Render | When | Each
Body: TypeAlias = tuple[Piece, ...]


class Output:
    """The text so far. References that wait for apply stand between its texts."""

    __slots__ = ("parts", "size", "waits")

    def __init__(self) -> None:
        self.parts: list[str | Reference] = []
        self.size = 0
        self.waits = False

    def add(self, text: str) -> None:
        """Add text; raises `Fault` when it becomes too long."""
        self.size += len(text)
        if self.size > MAX_TEXT:
            raise too_large("text", MAX_TEXT, "characters")
        self.parts.append(text)

    def wait_for(self, reference: Reference) -> None:
        """Add what is known only after apply."""
        self.waits = True
        self.parts.append(reference)

    def result(self) -> str | Unknown:
        """The text, or what waits for apply with the text around it, in as few parts as can be."""
        if not self.waits:
            return "".join(self.parts)  # type: ignore[arg-type]  # all of it is text
        parts: list[str | Reference] = []
        texts: list[str] = []
        for part in self.parts:
            if isinstance(part, Reference):
                if any(texts):
                    parts.append("".join(texts))
                texts = []
                parts.append(part)
            else:
                texts.append(part)
        if any(texts):
            parts.append("".join(texts))
        return Unknown(tuple(parts))


def render(body: Body, run: Run, output: Output) -> None:
    """Evaluate pieces in order and add their text."""
    for piece in body:
        run.steps += 1
        if isinstance(piece, Text):
            output.add(piece.text)
        elif isinstance(piece, Render):
            _render_value(piece.expression, run, output)
        elif isinstance(piece, When):
            for condition, branch in piece.branches:
                if condition is None or truth(condition, run):
                    render(branch, run, output)
                    break
        else:
            _render_loop(piece, run, output)


def _render_value(expression: Expression, run: Run, output: Output) -> None:
    value = expression.evaluate(run)
    if type(value) is str:
        output.add(value)
        return
    if isinstance(value, Lookup):
        value = value.as_value(expression.at(run))
    if isinstance(value, Unknown) and expression.is_reference:
        for part in value.parts:
            if isinstance(part, str):
                output.add(part)
            else:
                output.wait_for(part)
        return
    if isinstance(value, Unknown):
        value = expression.operand(run)  # raises
    try:
        output.add(to_text(value))
    except Fault as fault:
        raise expression.at(run).error_from(fault) from None


def _render_loop(loop: Each, run: Run, output: Output) -> None:
    rounds = _rounds(loop, run)
    outer = run.local
    try:
        for values in rounds:
            run.local = outer | dict(zip(loop.names, values, strict=True))
            run.charge(1)
            if loop.only is None or truth(loop.only, run):
                render(loop.body, run, output)
    except Fault as fault:
        raise loop.through.at(run).error_from(fault) from None
    finally:
        run.local = outer


def _rounds(loop: Each, run: Run) -> list[tuple[object, ...]]:
    """What the loop's names are bound to in each round; maps in the order of their names."""
    value = elements(loop.through, run)
    if isinstance(value, Mapping):
        if len(loop.names) == 2:
            return [(name, value[name]) for name in sorted(value)]
        raise loop.through.at(run).error(
            "KP-EXPR-009",
            "a loop over a map needs two names",
            advice=f"Write `for name, {loop.names[0]} in …`, or go through keys(…) or values(…).",
        )
    if isinstance(value, list):
        if len(loop.names) == 2:
            return list(enumerate(value))
        return [(item,) for item in value]
    summary = "nothing is there to go through" if value is None else "this is no list and no map"
    code = "KP-EXPR-011" if value is None else "KP-EXPR-009"
    raise loop.through.at(run).error(code, summary)
