"""Stage 3a: templates and expressions, parsed once and evaluated against a scope.

Rules: text without `${` and `%{` never touches the template engine. Evaluation is pure,
deterministic and bounded; names, files and what is unknown come in through `Scope`.
Every error is an `ExpressionError` with file, line and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from keyplan.config.faults import ExpressionError, Fault
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Position
from keyplan.model.values import Value

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


class FileReader(Protocol):
    """How `file` and `templatefile` read. `StackFiles` in `source` is the real one."""

    def read(self, base: Path, relative: str) -> str:
        """The text of `relative` as seen from the directory `base`. Raises `FileAccessError`."""


@dataclass(frozen=True, slots=True)
class At:
    """A place inside a template: where a `Lookup` was asked. `start`, `end` count characters."""

    node: ScalarNode
    start: int
    end: int

    @property
    def position(self) -> Position:
        """File, line and column."""
        raise NotImplementedError

    def error(self, code: str, summary: str, *, why: str = "", advice: str = "") -> ExpressionError:
        """An error at this place, to be raised by the caller."""
        raise NotImplementedError


class Lookup:
    """Something an expression can read through, such as `key`, `this` or `key.master`.

    Subclass it; what is not overridden is refused. Results are values, `Unknown`, or
    further lookups. Overriding methods raise `at.error(...)` for what they refuse.
    """

    __slots__ = ()

    def get_attribute(self, name: str, at: At) -> object:
        """`x.name`."""
        raise NotImplementedError

    def get_item(self, key: object, at: At) -> object:
        """`x[key]`; `key` is text or a number."""
        raise NotImplementedError

    def as_value(self, at: At) -> object:
        """What it is on its own: as a result, an operand or text (a key: its `Address`)."""
        raise NotImplementedError

    def entries(self, at: At) -> Mapping[str, object]:
        """Its instances, for `for`, `length`, `keys` and `attributes`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may see.

    `names` maps `var local each key policy principal this module` to mappings or
    lookups. In a plain mapping under one of these names (except `this`) a missing
    entry is an error with a suggestion; deeper down a missing entry is `none`.
    `files` is `None` where files may not be read.
    """

    names: Mapping[str, object] = field(default_factory=dict)
    files: FileReader | None = None


class Template:
    """A parsed template or expression, and the scalar it was written in."""

    __slots__ = ("node",)

    def __init__(self, node: ScalarNode) -> None:
        self.node = node

    @property
    def is_constant(self) -> bool:
        """Whether it is a literal: no name, function or operator in it."""
        raise NotImplementedError

    @property
    def constant(self) -> Value:
        """The literal; only if `is_constant`."""
        raise NotImplementedError

    @property
    def references(self) -> tuple[tuple[str, ...], ...]:
        """What it reads, without duplicates, in order: `("var", "x")`, `("this", "scope", "tenant")`.

        A constant index appears as `'["prod"]'`, any other as `"[*]"`. Names that the
        template itself binds (`%{ for x in … }`) are not in it.
        """
        raise NotImplementedError

    def evaluate(self, scope: Scope) -> Value:
        """Its value. A lone expression keeps its type; anything else is text.

        Durations and dates come out as canonical text. The result is an `Unknown`
        only for a lone reference, or text around plain references. Raises
        `ExpressionError`.
        """
        raise NotImplementedError


def parse_template(node: ScalarNode) -> Template:
    """A field of kind template: text with `${…}`, `%{if}`, `%{for}`. Raises `ExpressionError`."""
    raise NotImplementedError


def parse_expression(node: ScalarNode) -> Template:
    """A field of kind expression or reference; `${…}` around it is allowed. Raises `ExpressionError`."""
    raise NotImplementedError
