"""Lines of a file in canonical layout, with their comments.

Rules: a comment stands two spaces behind its line; if it stood further away, or in one
column with that of the line above or below, it stays in its column, and they in one.
No line ends with a space, except inside a block scalar, where it is part of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

GAP = 2
"""Spaces before a comment: the least, and as many as it has if nobody aligned it."""


@dataclass(slots=True)
class Line:
    """One line. `comment` stands behind the text, in the file at `column` after `gap` spaces.

    `verbatim` text is part of a value, and never touched.
    """

    text: str
    comment: str = ""
    column: int = 0
    gap: int = 0
    verbatim: bool = False


def joined(lines: Iterable[Line]) -> str:
    """The text of a file: ends with one line end, or is empty."""
    written = [text for run in _runs(lines) for text in _aligned(run)]
    return "\n".join(written) + "\n" if written else ""


def _runs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Consecutive lines whose comments are in one column; any other line is alone."""
    run: list[Line] = []
    for line in lines:
        if run and line.comment and line.column == run[-1].column and run[-1].comment:
            run.append(line)
            continue
        if run:
            yield run
        run = [line]
    if run:
        yield run


def _aligned(run: list[Line]) -> Iterator[str]:
    column = max(len(line.text) + GAP for line in run)
    if len(run) > 1 or run[0].gap > GAP:
        column = max(column, run[0].column)
    for line in run:
        if line.comment:
            yield f"{line.text:<{column}}{line.comment}"
        else:
            yield line.text if line.verbatim else line.text.rstrip()
