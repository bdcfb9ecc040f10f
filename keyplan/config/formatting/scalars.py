"""What one scalar looks like in canonical layout.

Rules: quotes stay as they were written, with one exception: an address with an index is
in single quotes in flow style, where YAML needs them, and plain in block style, where
nothing needs them. A scalar of several lines keeps its line breaks. Leading and
trailing white space of its lines is layout, except in a block scalar.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from keyplan.config.formatting.nodes import Leaf

_ADDRESS = re.compile(
    r"(?:module\.[a-z][a-z0-9_]*(?:\[\"(?:[^\"\\]|\\.)*\"\])?\.)*"
    r"(?:key|policy|principal)\.[a-z][a-z0-9_]*"
    r"(?:\[\"(?:[^\"\\]|\\.)*\"\]|\.[a-z][a-z0-9_]*)*"
)
_HEADER = re.compile(r"[|>]([-+0-9]*)[ \t]*(#[^\n]*)?")


def is_indexed_address(text: str) -> bool:
    """Whether it is an address with `["..."]`, and can be written on one line."""
    return '["' in text and text.isprintable() and _ADDRESS.fullmatch(text) is not None


def in_flow(leaf: Leaf) -> str:
    """A scalar on one line inside braces or brackets."""
    if leaf.style == '"' and is_indexed_address(leaf.text):
        return _single_quoted(leaf.text)
    return leaf.source


def in_block(leaf: Leaf, *, quotes_matter: bool) -> str:
    """A scalar on one line outside. `quotes_matter`: its field reads quoted text otherwise."""
    if leaf.style not in ("'", '"') or not is_indexed_address(leaf.text):
        return leaf.source
    if quotes_matter or ": " in leaf.text or " #" in leaf.text:
        return _single_quoted(leaf.text)
    return leaf.text


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def folded_lines(leaf: Leaf) -> list[str]:
    """The lines of a plain or quoted scalar that was written over several."""
    first, *others = leaf.source.split("\n")
    lines = [_trimmed(first, leaf.style)]
    lines += [_trimmed(line.lstrip(" \t"), leaf.style) for line in others]
    if leaf.style:
        lines[-1] = others[-1].lstrip(" \t")
    return lines


def _trimmed(line: str, style: str) -> str:
    """Without trailing white space; after a backslash in double quotes it is text."""
    bare = line.rstrip(" \t")
    escaped = style == '"' and (len(bare) - len(bare.rstrip("\\"))) % 2 == 1
    return line[: len(bare) + 1] if escaped else bare


@dataclass(frozen=True, slots=True)
class BlockScalar:
    """A `|` or `>` scalar: its header, the comment behind it, its lines without indentation.

    `column` is that of the comment in the file, after `gap` spaces. `keeps_breaks`: empty
    lines below it belong to its text.
    """

    header: str
    comment: str
    column: int
    gap: int
    lines: tuple[str, ...]
    keeps_breaks: bool


def block_scalar(leaf: Leaf) -> BlockScalar:
    """Its parts. One that holds nothing but spaces is written in double quotes."""
    head, _, body = leaf.source.partition("\n")
    found = _HEADER.match(head)
    marks, comment = (found[1], (found[2] or "").rstrip()) if found else ("", "")
    before = head[: head.index(comment)] if comment else head
    column, gap = len(before) + leaf.content.column, len(before) - len(before.rstrip())
    written = body.split("\n")
    if not leaf.text.strip(" \n") and " " in leaf.text:
        return BlockScalar(json.dumps(leaf.text), comment, column, gap, (), keeps_breaks=False)
    indent = _indentation(written, leaf.text)
    if len(written[-1]) <= indent and not written[-1].strip(" "):
        written.pop()  # what follows the last line end
    lines = [line[indent:] if len(line) > indent else "" for line in written]
    chomping = marks.strip("0123456789")
    if leaf.text and not leaf.text.endswith("\n"):
        chomping = "-"  # it said so, or the file ended inside it and will end with a line end
    keeps = chomping == "+"
    while lines and not lines[-1] and not keeps:
        lines.pop()
    indicator = "2" if _needs_indicator(lines) else ""
    header = leaf.source[0] + indicator + chomping
    return BlockScalar(header, comment, column, gap, tuple(lines), keeps)


def _indentation(written: list[str], text: str) -> int:
    """How far its lines were indented: the first with text in it tells."""
    first = next((line for line in written if line.strip(" ")), None)
    if first is None:
        return max((len(line) for line in written), default=0)
    meant = next((line for line in text.split("\n") if line.strip(" ")), "")
    return _leading(first) - _leading(meant)


def _leading(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _needs_indicator(lines: list[str]) -> bool:
    """Whether the indentation cannot be told from the first line with text in it."""
    for line in lines:
        if line.startswith(" "):
            return True
        if line:
            return False
    return False
