"""Located messages about what the user wrote, collected so that a run reports all of them.

Rules: a diagnostic points at file, line and column; it shows the line itself; it
says why, and what to write instead. Order is file order, so the first cause comes
first. Lines and columns count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from keyplan.errors import KeyplanError

MAX_MESSAGE = 1000
"""Characters of one sentence of a message."""


class Severity(StrEnum):
    """How bad it is; only errors stop a plan."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A span in a file of the stack. `end_column` is exclusive; 0 means to the end of the token."""

    file: str
    line: int
    column: int
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that the message talks about, such as the parent's declaration."""

    label: str
    position: Position
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message.

    `code` is stable and documented (`KP-LANG-012`); `summary` is one line without a
    full stop; `why` stands beside the caret; `advice` says what to write. Each of the
    three is cut in its middle beyond `MAX_MESSAGE` characters, since it may quote what was
    written. `snippet` is the source line, unchanged.
    """

    severity: Severity
    code: str
    summary: str
    why: str = ""
    advice: str = ""
    address: str = ""
    position: Position | None = None
    snippet: str = ""
    related: tuple[Related, ...] = ()

    def __post_init__(self) -> None:
        for name in ("summary", "why", "advice"):
            text = getattr(self, name)
            if len(text) > MAX_MESSAGE:
                half = MAX_MESSAGE // 2
                object.__setattr__(self, name, f"{text[:half]} ... {text[-half:]}")

    def sort_key(self) -> tuple[str, int, int, str]:
        """Order of appearance: file, line, column; messages without a place come last."""
        if self.position is None:
            return ("\uffff", 0, 0, self.code)
        return (self.position.file, self.position.line, self.position.column, self.code)


@dataclass(slots=True)
class Diagnostics:
    """A growing collection, one per run. Duplicates (same code, place and summary) are dropped."""

    items: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, Position | None, str]] = field(default_factory=set)
    _hidden: set[str] = field(default_factory=set)

    def hide(self, texts: Iterable[str]) -> None:
        """Show a placeholder wherever one of these texts would stand, from now on."""
        self._hidden.update(text for text in texts if len(text) >= SHORTEST_HIDDEN)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep the diagnostic unless the same one is there already."""
        if self._hidden:
            diagnostic = _without(diagnostic, self._hidden)
        key = (diagnostic.code, diagnostic.position, diagnostic.summary)
        if key not in self._seen:
            self._seen.add(key)
            self.items.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add each."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def error(
        self,
        code: str,
        summary: str,
        *,
        position: Position | None = None,
        snippet: str = "",
        why: str = "",
        advice: str = "",
        address: str = "",
        related: tuple[Related, ...] = (),
    ) -> None:
        """Add an error; the keyword names are those of `Diagnostic`."""
        self.add(
            Diagnostic(
                Severity.ERROR, code, summary, why, advice, address, position, snippet, related
            )
        )

    @property
    def has_errors(self) -> bool:
        """Whether anything here stops a plan."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def in_order(self) -> list[Diagnostic]:
        """Everything, in file order."""
        return sorted(self.items, key=Diagnostic.sort_key)

    def raise_if_errors(self) -> None:
        """Raise `ConfigurationError` with everything collected if there is an error among it."""
        if self.has_errors:
            raise ConfigurationError(self.in_order())

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


SHORTEST_HIDDEN = 4
"""Shorter texts stand in too many words to be taken out of them."""


def _without(diagnostic: Diagnostic, hidden: Iterable[str]) -> Diagnostic:
    """The message without texts that nobody may see."""

    def clean(text: str) -> str:
        for secret in sorted(hidden, key=len, reverse=True):
            text = text.replace(secret, "(sensitive value)")
        return text

    return replace(
        diagnostic,
        summary=clean(diagnostic.summary),
        why=clean(diagnostic.why),
        advice=clean(diagnostic.advice),
        snippet=clean(diagnostic.snippet),
        related=tuple(
            replace(item, label=clean(item.label), snippet=clean(item.snippet))
            for item in diagnostic.related
        ),
    )


class ConfigurationError(KeyplanError):
    """What the user wrote cannot be used; carries every diagnostic of the run."""

    error_class = "configuration"

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        errors = [item for item in diagnostics if item.severity is Severity.ERROR]
        first = errors[0] if errors else None
        what = first.summary if first else "the configuration is not valid"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(what + more, target=str(first.position or first.address) if first else "")
        self.diagnostics = diagnostics
