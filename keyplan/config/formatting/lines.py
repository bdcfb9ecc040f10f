"""Lines of a file in canonical layout, with their comments.

Rules: a comment behind a line stays in its column, at least two spaces after the text;
comments in one column behind consecutive lines stay in one column. No line ends with a
space, except inside a block scalar, where it is part of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

GAP = 2
"""The least number of spaces before a comment."""


@dataclass(slots=True)
class Line:
    """One line. `comment` stands behind the text, in the file at `column` (from 0).

    `verbatim` text is part of a value, and never touched.
    """

    text: str
    comment: str = ""
    column: int = 0
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
    column = max(run[0].column, *(len(line.text) + GAP for line in run))
    for line in run:
        if line.comment:
            yield f"{line.text:<{column}}{line.comment}"
        else:
            yield line.text if line.verbatim else line.text.rstrip()
