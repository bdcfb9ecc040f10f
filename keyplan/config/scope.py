"""What an expression sees: names, the things behind them, and files.

The engine knows nothing of keys or policies. Whoever evaluates gives it a `Scope` with
plain values, or with `Lookup`s that answer for what is computed, refused or unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from keyplan.config.budget import Budget
from keyplan.config.faults import ExpressionError, Fault
from keyplan.config.places import locate
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Diagnostic, Position, Severity


class FileReader(Protocol):
    """How `file` and `templatefile` read. `source.StackFiles` is the real one."""

    @property
    def budget(self) -> Budget:
        """What all expressions that share these files may do together."""

    def read(self, base: Path, relative: str) -> str:
        """The text of `relative` as seen from the directory `base`. Raises `FileAccessError`."""


@dataclass(frozen=True, slots=True)
class At:
    """A place inside a template: where something was asked. `start`, `end` count characters."""

    node: ScalarNode
    start: int
    end: int = 0

    @property
    def position(self) -> Position:
        """File, line and column."""
        return locate(self.node, self.start, self.end)

    @property
    def text(self) -> str:
        """What is written there."""
        return self.node.text[self.start : self.end]

    def error(self, code: str, summary: str, *, why: str = "", advice: str = "") -> ExpressionError:
        """An error at this place, to be raised by the caller."""
        position = self.position
        line = self.node.file.line(position.line)
        return ExpressionError(
            Diagnostic(Severity.ERROR, code, summary, why, advice, "", position, line)
        )

    def error_from(self, fault: Fault) -> ExpressionError:
        """A fault, placed here."""
        return self.error(fault.code, fault.summary, why=fault.why, advice=fault.advice)


class Lookup:
    """Something an expression can read through, such as `key`, `this` or `key.master`.

    Subclass it; what is not overridden is refused. Results are values, `Unknown`, or
    further lookups. Overriding methods raise `at.error(...)` for what they refuse.
    """

    __slots__ = ()

    def get_attribute(self, name: str, at: At) -> object:
        """`x.name`."""
        raise at.error("KP-EXPR-009", f"this has no attribute {name}")

    def get_item(self, key: object, at: At) -> object:
        """`x[key]`; `key` is text or a number."""
        raise at.error("KP-EXPR-009", "this has no entries", why=f"[{key}] was asked for")

    def as_value(self, at: At) -> object:
        """What it is on its own: as a result, an operand or text (a key: its `Address`)."""
        raise at.error("KP-EXPR-009", "this is not a value", advice="Name one of its attributes.")

    def entries(self, at: At) -> Mapping[str, object]:
        """Its instances or entries, for `for`, `in`, `length`, `keys` and `attributes`."""
        raise at.error("KP-EXPR-009", "this has no entries to go through")


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may see.

    `names` maps `var local each key policy principal this module` to mappings or
    lookups. In a plain mapping under one of these names (except `this`) a missing
    entry is an error with a suggestion; deeper down a missing entry is `none`.
    `files` is `None` where files may not be read. `module` is the address of the module
    whose text it is, empty for the stack's own.
    """

    names: Mapping[str, object] = field(default_factory=dict)
    files: FileReader | None = None
    module: str = ""
