"""Nodes to lines in canonical layout.

Two spaces for each level, lists indented below their key, one space after `:` and `,`
and none inside braces, at most one empty line in a row and none after a line that
opens a block. A flow collection stays on one line, or keeps the line breaks between its
entries with its brackets on lines of their own. Comments stay where they were: behind
what they stood behind, or above what they stood above, indented like it.

Rules: nothing is reordered; nothing but white space and quotes around addresses changes;
each comment is written exactly once.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable

from keyplan.config.formatting.lines import Line
from keyplan.config.formatting.nodes import (
    Block,
    Comment,
    Concrete,
    Flow,
    Leaf,
    Node,
    Pair,
    Place,
)
from keyplan.config.formatting.scalars import block_scalar, folded_lines, in_block, in_flow

STEP = 2

QuotesMatter = Callable[[tuple[str, ...]], bool]
"""Whether quoted text at a path of keys means something else than plain text."""


class Printer:
    """Prints one file. `apart`: an empty line stands between the entries of its map."""

    def __init__(self, concrete: Concrete, *, apart: bool, quotes_matter: QuotesMatter) -> None:
        self._concrete = concrete
        self._apart = apart
        self._quotes_matter = quotes_matter
        self._comments = concrete.comments
        self._next = 0  # the first comment that is not written yet
        self._seen = 0  # the line of the file on which the last written token ended
        self._path: list[str] = []
        self._fresh = True  # the last line opened something, so no empty line follows it
        self._kept = -1  # how many lines there were after a scalar that keeps its line breaks
        self.lines: list[Line] = []

    def print(self) -> list[Line]:
        """The whole file."""
        if self._concrete.head:
            self._flush(self._concrete.head_end, 0)
            self.lines += [Line(text) for text in self._concrete.head]
            self._seen = self._concrete.head_end.line
        root = self._concrete.root
        if isinstance(root, Block):
            self._block(root, "", 0, parent=-1)
        elif isinstance(root, Flow):
            self._flush(root.start, 0)
            self._begin(0, root.start.line)
            self._flow(root, 0)
        self._flush(Place(len(self._concrete.lines) + 1, 0), 0)
        return self.lines

    # -- blocks ------------------------------------------------------------------------------

    def _block(self, block: Block, lead: str, indent: int, *, parent: int) -> None:
        """Its entries, the first of them behind `lead`; `parent` is the column of what it is in."""
        for number, pair in enumerate(block.pairs):
            before = len(self.lines)
            if number or not lead:
                self._flush(_first_place(pair), indent)
                self._begin(indent, pair.start.line)
                if self._apart and not self._path and number and indent == 0:
                    self._set_apart(before)
            else:
                self._append(lead)
            if block.is_map:
                self._entry(pair, indent, block.column)
            else:
                self._append("-")
                self._value(pair.value, indent, block.column, compact=True)
        self._foot(block, indent, parent)

    def _entry(self, pair: Pair, indent: int, column: int) -> None:
        key = pair.key
        if key is None:
            return
        self._path.append(key.text)
        self._append(_anchored(key.anchor, _key(key)) + ":")
        self._seen = key.end_line
        self._value(pair.value, indent, column, compact=False)
        self._path.pop()

    def _value(self, node: Node, indent: int, column: int, *, compact: bool) -> None:
        """What stands behind a colon, or with `compact` behind a dash."""
        match node:
            case Leaf():
                self._leaf(node, indent)
            case Flow():
                self._append(" " + _anchored(node.anchor, ""))
                self._flow(node, indent)
            case Block(anchor=anchor) if compact and not anchor:
                self._block(node, " ", indent + STEP, parent=column)
            case Block(anchor=anchor):
                if anchor:
                    self._append(f" {anchor}")
                    self._seen = node.start.line
                self._fresh = True
                self._block(node, "", indent + STEP, parent=column)

    def _leaf(self, leaf: Leaf, indent: int) -> None:
        self._seen = leaf.end_line
        if leaf.anchor:
            self._append(f" {leaf.anchor}")
        if leaf.is_empty:
            return
        if leaf.style in ("|", ">"):
            self._block_scalar(leaf, indent)
        elif "\n" in leaf.source:
            self._folded(leaf, " ", indent)
        else:
            matter = self._quotes_matter(tuple(self._path))
            self._append(" " + in_block(leaf, quotes_matter=matter))

    def _block_scalar(self, leaf: Leaf, indent: int) -> None:
        parts = block_scalar(leaf)
        self._append(f" {parts.header}")
        header = self.lines[-1]
        header.comment, header.column, header.gap = parts.comment, parts.column, parts.gap
        margin = " " * (indent + STEP)
        self.lines += [Line(margin + text if text else "", verbatim=True) for text in parts.lines]
        if parts.keeps_breaks:  # an empty line would become part of the text
            self._fresh = True
            self._kept = len(self.lines)

    def _folded(self, leaf: Leaf, lead: str, indent: int) -> None:
        first, *others = folded_lines(leaf)
        self._append(lead + first)
        margin = " " * (indent + STEP)
        self.lines += [Line(margin + text if text else "", verbatim=True) for text in others]

    # -- flow --------------------------------------------------------------------------------

    def _flow(self, flow: Flow, indent: int) -> None:
        """A collection in braces or brackets, appended to the current line."""
        self._append(flow.brackets[0])
        self._seen = flow.opened
        spread = flow.opened != flow.end_line and (bool(flow.pairs) or self._waiting(flow.end))
        inner = indent + STEP if spread else indent
        ended = 0  # the line on which the entry before ended
        for number, pair in enumerate(flow.pairs):
            start = _first_place(pair)
            if spread and (not number or start.line > ended or self._waiting(start)):
                self._fresh = not number
                self._flush(start, inner)
                self._begin(inner, start.line)
            elif number:
                self._append(" ")
            self._flow_entry(pair, inner)
            ended = self._seen
            if number + 1 < len(flow.pairs):
                self._append(",")
        if spread:
            self._flush(flow.end, inner)
            self._fresh = True
            self._begin(indent, 0)
        self._append(flow.brackets[1])
        self._seen = flow.end_line

    def _flow_entry(self, pair: Pair, indent: int) -> None:
        if pair.key is not None:
            self._append(_anchored(pair.key.anchor, _key(pair.key)))
            self._seen = pair.key.end_line
            if isinstance(pair.value, Leaf) and pair.value.is_empty and not pair.value.anchor:
                return
            self._append(": ")
        value = pair.value
        if isinstance(value, Flow):
            self._append(_anchored(value.anchor, ""))
            self._flow(value, indent)
        elif isinstance(value, Leaf):
            self._seen = value.end_line
            lead = _anchored(value.anchor, "")
            if "\n" in value.source:
                self._folded(value, lead, indent)
            else:
                self._append(lead + in_flow(value))

    # -- comments and lines ------------------------------------------------------------------

    def _waiting(self, until: Place) -> bool:
        """Whether a comment stands before that place that is not written yet."""
        return self._next < len(self._comments) and self._comments[self._next].place < until

    def _flush(self, until: Place, indent: int) -> None:
        """Write the comments before a place: one behind the last line, others on their own."""
        while self._waiting(until):
            comment = self._comments[self._next]
            if not self._attached(comment):
                self._alone(comment, indent)

    def _attached(self, comment: Comment) -> bool:
        """Write a comment behind the last line if it stood behind what is there."""
        if comment.alone or comment.place.line != self._seen or not self.lines:
            return False
        last = self.lines[-1]
        if last.comment or last.text.lstrip().startswith("#"):
            return False
        last.comment = comment.text
        last.column, last.gap = comment.place.column, comment.gap
        self._next += 1
        return True

    def _alone(self, comment: Comment, indent: int) -> None:
        self._begin(indent, comment.place.line if comment.alone else 0)
        self._append(comment.text)
        self._next += 1

    def _foot(self, block: Block, indent: int, parent: int) -> None:
        """Comments below the last entry that are indented like it belong to the block."""
        while self._next < len(self._comments):
            comment = self._comments[self._next]
            if self._starts_between(comment.place):
                return
            if self._attached(comment):
                continue
            column = comment.place.column
            beyond = max(parent, self._column_after(comment.place))
            if not comment.alone or column < block.column or column <= beyond:
                return
            self._alone(comment, indent)

    def _starts_between(self, place: Place) -> bool:
        """Whether a token that is not written yet stands before a place."""
        starts = self._concrete.starts
        index = bisect_left(starts, place)
        return index > 0 and starts[index - 1].line > self._seen

    def _column_after(self, place: Place) -> int:
        """The column of the next token; -1 at the end of the file."""
        starts = self._concrete.starts
        index = bisect_left(starts, place)
        return starts[index].column if index < len(starts) else -1

    def _begin(self, indent: int, line: int) -> None:
        """A new line. An empty one before it stays if there was one before `line` of the file."""
        lines = self._concrete.lines
        empty = 1 < line <= len(lines) and not lines[line - 2].strip()
        if empty and self.lines and not self._fresh:
            self.lines.append(Line(""))
        self.lines.append(Line(" " * indent))
        self._fresh = False

    def _append(self, text: str) -> None:
        self.lines[-1].text += text

    def _set_apart(self, before: int) -> None:
        """One empty line somewhere between two entries, above the comments if there is none."""
        there = any(not line.text for line in self.lines[before:-1])
        if not there and self._kept != before:
            self.lines.insert(before, Line(""))


def _first_place(pair: Pair) -> Place:
    """Up to where comments are written above an entry.

    A value that joins the line of its key or dash takes what stands between with it.
    """
    value = pair.value
    match value:
        case Block(anchor="") if pair.key is None:
            return _first_place(value.pairs[0])
        case Block() | Leaf(source=""):
            return pair.start
        case _:
            return value.start


def _anchored(anchor: str, text: str) -> str:
    return f"{anchor} {text}" if anchor else text


def _key(key: Leaf) -> str:
    """A key on one line, whatever `? ` allowed it to be."""
    document_mark = not key.style and key.source.startswith(("---", "..."))
    if "\n" in key.source or key.style in ("|", ">") or document_mark:
        return json.dumps(key.text, ensure_ascii=False)
    return key.source
