"""What a rollback is about to take back, and what it did not bring back."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.plans.findings import Finding
from keyplan.render.fold import fold
from keyplan.render.layout import count, paragraph


def rollback_title(what: str) -> str:
    """The line above the plan of a rollback, with an empty one below it."""
    return "\n".join([*paragraph(f"Rollback: {what}"), "", ""])


def nothing_text(left: Sequence[Finding]) -> str:
    """Where no step is left to do: all is as it was, or nothing can be done about it."""
    lines = paragraph(
        "Nothing more can be taken back: what is listed here stays."
        if left
        else "Nothing to take back: keys and state are as they were before."
    )
    return "\n".join([*lines, *_left(left)]) + "\n"


def residue_text(left: Sequence[Finding]) -> str:
    """The end of the report: what stays after the rollback. Empty if nothing does."""
    return "\n".join([*_left(left), ""]) if left else ""


def _left(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = ["", f"Not brought back ({len(findings)}):"]
    folded = fold(findings, lambda item: (item.rule, item.level))
    for finding in folded.shown:
        lines += paragraph(f"{finding.summary}", 2, 4)
    for (rule, _), more in folded.more.items():
        lines += paragraph(f"{count(more, 'more key')} like these ({rule})", 2, 4)
    return lines
