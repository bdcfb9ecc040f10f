"""How the upper half of the language says that something is wrong, and where.

Rules: a message names the field, shows the line, and says what to write; near misses
suggest. What was reported once is not reported again as a consequence: code that meets
something broken raises `AlreadyReportedError`, and nothing is added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import NamedTuple

from keyplan.config.faults import ExpressionError
from keyplan.config.nearness import nearest
from keyplan.config.tree import Entry, Node, snippet
from keyplan.diagnostics import Diagnostic, Diagnostics, Position, Related, Severity


class Invalid(Enum):
    """The one value of something that was reported and cannot be used."""

    INVALID = 0


INVALID = Invalid.INVALID


class Place(NamedTuple):
    """Where something stands, and its source line."""

    position: Position
    snippet: str


def at(node: Node) -> Place:
    """The place of a value."""
    return Place(node.position, snippet(node))


def at_key(entry: Entry) -> Place:
    """The place of an entry's key."""
    return Place(entry.key_position, entry.value.file.line(entry.line))


def related(label: str, place: Place) -> Related:
    """A second place for a message."""
    return Related(label, place.position, place.snippet)


class AlreadyReportedError(ExpressionError):
    """What an expression reads is broken, and that was said where it is declared."""

    def __init__(self) -> None:
        super().__init__(Diagnostic(Severity.ERROR, "", "already reported"))


@dataclass(slots=True)
class Report:
    """Collects messages about one thing. `address` is what they are about.

    `errors` counts, so that a caller can tell whether its part went well. `within` are the
    places where the module that it is about is used, the innermost first; every message
    shows them.
    """

    diagnostics: Diagnostics
    address: str = ""
    errors: int = 0
    within: tuple[Related, ...] = ()

    def about(self, address: str) -> Report:
        """A report into the same collection about something else."""
        return Report(self.diagnostics, address, within=self.within)

    def already_reported(self) -> None:
        """Count a consequence of something that was reported at its cause."""
        self.errors += 1

    def error(
        self,
        code: str,
        place: Place | None,
        summary: str,
        *,
        why: str = "",
        advice: str = "",
        also: tuple[Related, ...] = (),
    ) -> None:
        """Add an error."""
        self.errors += 1
        self._add(Severity.ERROR, code, place, (summary, why, advice), also)

    def warning(
        self,
        code: str,
        place: Place | None,
        summary: str,
        *,
        why: str = "",
        advice: str = "",
        also: tuple[Related, ...] = (),
    ) -> None:
        """Add a warning; it stops nothing."""
        self._add(Severity.WARNING, code, place, (summary, why, advice), also)

    def expression(self, error: ExpressionError) -> None:
        """Add what the expression engine found, unless it was reported at its cause."""
        self.errors += 1
        if not isinstance(error, AlreadyReportedError):
            found = error.diagnostic
            if self.address and not found.address:
                found = replace(found, address=self.address)
            if self.within:
                found = replace(found, related=(*found.related, *self.within))
            self.diagnostics.add(found)

    def _add(
        self,
        severity: Severity,
        code: str,
        place: Place | None,
        words: tuple[str, str, str],
        also: tuple[Related, ...],
    ) -> None:
        position, line = place or (None, "")
        also = (*also, *self.within)
        self.diagnostics.add(Diagnostic(severity, code, *words, self.address, position, line, also))


_SORTED = 1000
"""More names than that are listed as they come: sorting them for every mistake is slow."""


def suggest(name: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A question for a near miss, or the empty string. `cutoff`: 1 takes equal text only."""
    near = nearest(name, _all(candidates), cutoff)
    return f"Did you mean {near!r}?" if near is not None else ""


def suggest_or_list(name: str, candidates: Iterable[str], what: str = "Known") -> str:
    """The near miss, or the whole (short) list to choose from."""
    known = _all(candidates)
    near = suggest(name, known)
    if near or not known:
        return near
    first = sorted(known)[:20] if len(known) <= _SORTED else list(islice(known, 20))
    return f"{what}: {', '.join(first)}{', ...' if len(known) > 20 else ''}."


def _all(candidates: Iterable[str]) -> Collection[str]:
    return candidates if isinstance(candidates, (Mapping, AbstractSet)) else frozenset(candidates)
