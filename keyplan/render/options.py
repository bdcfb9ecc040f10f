"""What a reader of plan text may choose, and what only the caller knows."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a plan is shown.

    `plan_file` is where it was saved (empty: it was not), `seconds` how long making it
    took. `full` shows every change even if many are alike; `hints` ends with the next
    command to type; `verb` is the command that would perform the plan.
    """

    plan_file: str = ""
    seconds: float | None = None
    full: bool = False
    hints: bool = True
    verb: str = "apply"

    @property
    def show_all(self) -> str:
        """The command that shows what was folded."""
        if self.plan_file:
            return f"keyplan show {shlex.quote(self.plan_file)}"
        return "keyplan plan --out FILE, then keyplan show FILE"
