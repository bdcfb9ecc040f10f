"""What `keyplan init` found or made, in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from keyplan.render.layout import count, entry, paragraph

_COLUMN = 22


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that was checked. `advice` says what to do if it failed."""

    subject: str
    text: str
    failed: bool = False
    advice: str = ""


def checks_text(stack: str, folder: str, items: Sequence[CheckItem], *, hints: bool) -> str:
    """A line an item, failures marked, and what to do next; `hints` for people."""
    lines = [*paragraph(f"Stack {stack}", 0, 2), ""]
    for item in items:
        mark = "FAIL" if item.failed else "ok"
        lines += entry(2, f"{mark:<6}{item.subject}", item.text, width=_COLUMN)
        if item.failed and item.advice:
            lines += paragraph(item.advice, 2 + _COLUMN)
    failed = sum(item.failed for item in items)
    if failed:
        lines += ["", f"{count(failed, 'check')} failed. Nothing was changed."]
    else:
        lines += ["", "Everything is in place. Nothing was changed."]
        if hints:
            lines += ["", f"Next: keyplan {_chdir(folder)}plan"]
    return "\n".join(lines) + "\n"


def started_text(folder: str, template: str, names: Sequence[str], *, hints: bool) -> str:
    """The files that were made, and what to do with them."""
    lines = paragraph(f"Started a stack in {folder} from the template {template}.", 0, 2)
    lines += ["", *(f"  {name}" for name in names)]
    lines += ["", "Nothing exists yet but these files."]
    if hints:
        before = _chdir(folder)
        lines += [
            "",
            f"Next: keyplan {before}plan     shows what would be made",
            f"      keyplan {before}apply    makes it",
            "",
            *paragraph(
                "An editor with a YAML language server completes and checks these files as"
                " you type; keyplan.schema.json tells it how.",
            ),
        ]
    return "\n".join(lines) + "\n"


def _chdir(folder: str) -> str:
    return "" if folder == "." else f"--chdir {shlex.quote(folder)} "
