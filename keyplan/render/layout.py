"""The page: 80 columns of plain ASCII, a label column, a right-hand column.

Rules: no line that leaves this module is longer than `WIDTH`, except for a name that is
longer itself: an ARN, an id, an address or an argument stands whole on a line of its own,
because it is there to be copied. Whatever is not printable ASCII is escaped (a CI log is
not always UTF-8, and a value from a service must not be able to move a terminal's
cursor); nothing is ever cut off, only wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from keyplan.model.printable import printable

WIDTH = 80
"""No line is longer, unless a name is."""

RIGHT = 78
"""Where the right-hand column ends."""

LABEL = 13
"""The width of the label column, its gap included."""

GAP = 2
"""The least space between a text and what stands at the right of it."""

_LEAST = 16
_MARGIN = 2
_TOKEN = re.compile(r"""(?:\["(?:[^"\\]|\\.)*"\]|\S)+""")
"""A word; the index of an address is in it, whatever that holds."""
_NAME = re.compile(r"""(?:[^{}\\]|\\"){1,2048}""")
"""What is never broken: as long as the longest ARN at most, no document, nothing escaped."""


def clean(text: str) -> str:
    """The text as printable ASCII on one line; the rest escaped as in Python source."""
    return printable(text)


def wrap(text: str, width: int, first: int | None = None) -> list[str]:
    """The text in lines of at most `width` columns, the first of at most `first`.

    Breaks at spaces. A word longer than a line is alone on one, whole if it is a name.
    White space inside the text collapses. An empty text is one empty line.
    """
    text = clean(text)
    room = width if first is None else first
    if len(text) <= room and "  " not in text:
        return [text.strip()]
    lines: list[str] = []
    line = ""
    for word in _TOKEN.findall(text):
        rest = word
        while True:
            candidate = f"{line} {rest}" if line else rest
            if len(candidate) <= room:
                line = candidate
                break
            whole = len(rest) <= width or _NAME.fullmatch(rest)
            if line or (whole and room < width):  # `first` may be narrower than what follows
                lines.append(line)
            elif whole:
                lines.append(rest)
                room = width
                break
            else:
                end = rest.rfind(",", 0, room) + 1 or room  # a document breaks at its commas
                lines.append(rest[:end])
                rest = rest[end:]
            line, room = "", width
    return [*lines, line] if line else lines or [""]


def paragraph(text: str, indent: int = 0, hanging: int | None = None) -> list[str]:
    """The text wrapped at the page's width, further lines indented by `hanging`."""
    after = indent if hanging is None else hanging
    lines = wrap(text, max(_LEAST, WIDTH - after), max(_LEAST, WIDTH - indent))
    return [placed(line, after if number else indent) for number, line in enumerate(lines)]


def placed(line: str, column: int) -> str:
    """A line that begins at a column, or before it if that keeps a long name on the page."""
    room = min(column, max(_MARGIN, WIDTH - len(line)))
    return f"{' ' * room}{line}".rstrip()


def entry(indent: int, label: str, text: str, *, width: int = LABEL) -> list[str]:
    """A label with its value beside it; the value keeps its own column when it wraps.

    A label too long for its column, or a value that is, has the value on the next line.
    """
    label = clean(label)
    column = min(indent + width, WIDTH - _LEAST)
    lines = wrap(text, WIDTH - column)
    values = [placed(line, column) for line in lines]
    if label and (len(label) >= column - indent or len(lines[0]) > WIDTH - column):
        return paragraph(label, indent) + values
    start = f"{' ' * indent}{label}".ljust(column)
    return [f"{start}{lines[0]}".rstrip(), *values[1:]]


def with_right(lines: Sequence[str], right: str, *, end: int = RIGHT) -> list[str]:
    """Lines with a text in the right-hand column of the last, or below it if that is too long."""
    if not right:
        return list(lines)
    right = clean(right)
    *head, last = lines or [""]
    if len(last) + GAP + len(right) <= end:
        return [*head, last + right.rjust(end - len(last))]
    if len(right) <= end - GAP:
        return [*head, last, right.rjust(end)]
    return [*head, last, *(line.rjust(end) for line in wrap(right, end - GAP))]


def listed(items: Iterable[str], *, final: str = " and ") -> str:
    """`a`, `a and b`, `a, b and c`."""
    parts = list(items)
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + final + parts[-1]


def some(items: Sequence[str], limit: int) -> str:
    """The items joined by commas, or the first of them and how many more there are."""
    if len(items) <= limit:
        return ", ".join(items)
    return f"{', '.join(items[:limit])} and {count(len(items) - limit, 'more', 'more')}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 key`, `3 keys`, `3,000 keys`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def as_far(unreadable: int) -> str:
    """What a closing sentence adds where something could not be seen; else nothing."""
    if not unreadable:
        return ""
    return f", as far as they could be read: {count(unreadable, 'attribute')} could not"


def command(parts: Sequence[str], indent: int = 0) -> list[str]:
    """A command to copy: wrapped between arguments with a trailing backslash, never inside one."""
    lines: list[str] = []
    line = " " * indent
    further = " " * (indent + 4)
    for part in parts:
        addition = clean(part)
        if len(line) + len(addition) + 3 > WIDTH and line.strip():
            lines.append(f"{line} \\")
            line = further
        line = f"{line} {addition}" if line.strip() else f"{line}{addition}"
    return [*lines, line]
