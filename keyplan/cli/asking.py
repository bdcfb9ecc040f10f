"""Asking a person before something is done. Only the word `yes` approves."""

from __future__ import annotations

import sys

from keyplan.cli.terminal import Terminal
from keyplan.errors import KeyplanError, UsageError
from keyplan.render.layout import paragraph

MEANT = "If it is meant: --auto-approve"


def ask(
    terminal: Terminal, what: str, *, verb: str, auto_approve: bool, advice: str = MEANT
) -> None:
    """Say what would happen and ask, unless it is approved already.

    Raises `UsageError` where nobody can answer, and `KeyplanError` if it is not approved;
    `advice` says how nobody needs to be asked.
    """
    if auto_approve:
        return
    if not terminal.asking:
        raise UsageError(f"{verb} must ask, and --no-input forbids it", advice=advice)
    text = "\n".join(paragraph(what))
    terminal.text(f"\n{text}\n  Only 'yes' will be accepted to approve.\n\n")
    terminal.stdout.write("  Enter a value: ")
    terminal.stdout.flush()
    answer = sys.stdin.readline()
    terminal.text("\n" if answer.endswith("\n") else "\n\n")
    if not answer:
        raise KeyplanError(
            f"{verb} was not approved: the input ended before an answer",
            why="Nothing was changed; nobody seems to be there to ask.",
            advice=advice,
        )
    if answer.strip() != "yes":
        raise KeyplanError(
            f"{verb} was not approved", advice="Nothing was changed. Only `yes` approves."
        )
