"""Stage 1: the files of a stack, read once and checked before anything parses them.

Rules: `keyplan.yaml` and every `*.keyplan.yaml` of the directory, no sub-folders, in
lexical order. Text is UTF-8 without control or direction-changing characters, so that
what a reviewer sees is what is parsed. Nothing outside the stack is ever read: links
are resolved first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyplan.diagnostics import Diagnostics


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file. `name` is its path relative to the stack, as messages show it.

    `lines` are those of `text` without line ends; line ends in `text` are `\\n`.
    """

    name: str
    path: Path
    text: str
    lines: tuple[str, ...]

    def line(self, number: int) -> str:
        """A line by its number from 1; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class SourceSet:
    """The files of one stack or module directory, in the order they are merged."""

    root: Path
    files: tuple[SourceFile, ...]


class FileAccessError(Exception):
    """A file cannot be used. `summary` says what, `advice` what to do next."""

    def __init__(self, summary: str, advice: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.advice = advice


def read_stack(root: Path, diagnostics: Diagnostics) -> SourceSet:
    """Read the files of the stack at `root`. Files that cannot be used are reported and left out."""
    raise NotImplementedError


def read_file_below(root: Path, base: Path, relative: str) -> str:
    """The text of `relative`, as seen from `base`, if it is below `root`.

    Raises `FileAccessError`.
    """
    raise NotImplementedError
