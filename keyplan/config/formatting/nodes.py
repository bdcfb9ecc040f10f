"""The vocabulary of a file's text: nodes that still know how they were written.

`config.tree` forgets what a value looks like; here everything a person typed is kept:
quotes, block scalars, flow style, anchors, line breaks, comments. Lines count from 1 and
columns from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias


class Place(NamedTuple):
    """A line and a column; places compare in the order of the text."""

    line: int
    column: int


_NOWHERE = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment from its `#` on. `gap`: how many spaces stand before it.

    `alone`: nothing else is on its line.
    """

    place: Place
    text: str
    gap: int
    alone: bool


@dataclass(slots=True)
class Leaf:
    """A scalar or an alias. `source` is what was written from `content` on.

    `start` is the same place, or that of its anchor.
    `style` is `'`, `"`, `|`, `>` or empty; `text` what it means.
    """

    start: Place
    content: Place
    end_line: int
    source: str
    style: str
    text: str
    anchor: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written, an anchor apart."""
        return not self.source


@dataclass(slots=True)
class Pair:
    """An entry of a collection: `key` is none in a list."""

    key: Leaf | None
    value: Node

    @property
    def start(self) -> Place:
        """Where it begins; the dash of a list is not part of it."""
        return self.value.start if self.key is None else self.key.start


@dataclass(slots=True)
class Flow:
    """A collection in braces or brackets. `opened` is the line of its opening one."""

    start: Place
    opened: int
    brackets: str
    pairs: list[Pair] = field(default_factory=list)
    end: Place = _NOWHERE
    anchor: str = ""

    @property
    def end_line(self) -> int:
        """The line of the closing bracket."""
        return self.end.line


@dataclass(slots=True)
class Block:
    """A collection that indentation makes; never empty. `column` is that of its entries."""

    start: Place
    column: int
    is_map: bool
    pairs: list[Pair] = field(default_factory=list)
    anchor: str = ""


Node: TypeAlias = Leaf | Flow | Block


@dataclass(frozen=True, slots=True)
class Concrete:
    """A whole file. `head` are directive lines and the `---` that follows, if any.

    `starts` are the places of all tokens in order, that of the first token of a list's
    entry at its dash.
    """

    root: Node | None
    comments: tuple[Comment, ...]
    starts: tuple[Place, ...]
    lines: tuple[str, ...]
    head: tuple[str, ...]
    head_end: Place
