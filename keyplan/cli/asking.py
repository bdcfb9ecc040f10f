"""Asking a person before something is done. Only the word `yes` approves."""

from __future__ import annotations

import sys

from keyplan.cli.terminal import Terminal
from keyplan.errors import KeyplanError, UsageError
from keyplan.render.layout import paragraph


def approved(terminal: Terminal, what: str, *, auto_approve: bool) -> bool:
    """Say what would happen and ask. Raises an error where nobody can answer."""
    if auto_approve:
        return True
    if not terminal.asking:
        raise UsageError(
            "this must ask, and --no-input forbids it", advice="If it is meant: --auto-approve"
        )
    text = "\n".join(paragraph(what))
    terminal.text(f"\n{text}\n  Only 'yes' will be accepted to approve.\n\n")
    terminal.stdout.write("  Enter a value: ")
    terminal.stdout.flush()
    answer = sys.stdin.readline()
    terminal.text("\n" if answer.endswith("\n") else "\n\n")
    if not answer:
        raise KeyplanError(
            "the input ended before an answer",
            why="Nothing was changed; nobody seems to be there to ask.",
            advice="If it is meant: --auto-approve",
        )
    return answer.strip() == "yes"
