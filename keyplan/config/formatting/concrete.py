"""A file's text as nodes that still know how they were written, and its comments.

Rules: the text must have passed `config.tree.parse` without an error, so that nesting is
bounded, there is one document, and no tag, merge key or complex key is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from keyplan.config.formatting.nodes import Block, Comment, Concrete, Flow, Leaf, Node, Pair, Place

_ANCHOR = re.compile(r"&[^\s\[\]{},]+")
_FILLING = re.compile(r"(?:\s+|#[^\n]*)*")


def read_concrete(text: str) -> Concrete:
    """The nodes and comments of a text that is known to parse."""
    return _Reader(text).read()


class _Reader:
    """One pass over the parser's events; what stands between them is white space,
    indicators and comments, so every `#` there begins a comment."""

    def __init__(self, text: str) -> None:
        loader: Any = yaml.CLoader if yaml.__with_libyaml__ else yaml.Loader
        self._text = text
        self._lines = tuple(text.split("\n"))
        self._events: Iterator[Any] = iter(loader(text).get_event, None)
        self._cursor = 0
        self._cursor_place = Place(1, 0)
        self._comments: list[Comment] = []
        self._starts: list[Place] = []
        self._dash: int | None = None  # the column of the dash before the next token
        self._head: tuple[str, ...] = ()
        self._head_end = Place(1, 0)

    def read(self) -> Concrete:
        """Every event, and what stands after the last."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and event.explicit:
                self._read_head(event)
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event)
            elif isinstance(event, yaml.DocumentEndEvent) and event.explicit:
                self._end_document(event)
        self._advance(len(self._text), Place(len(self._lines), len(self._lines[-1])))
        return Concrete(
            root,
            tuple(self._comments),
            tuple(self._starts),
            self._lines,
            self._head,
            self._head_end,
        )

    def _read_head(self, event: Any) -> None:
        """Directives and `---`: directives may stand among comments, which are kept."""
        mark = event.end_mark
        before = self._text[: mark.index].split("\n")
        directives = tuple(line.rstrip() for line in before if line.startswith("%"))
        for line, written in enumerate(before, 1):
            if not written.startswith("%"):
                self._scan(written, Place(line, 0))
        self._head = (*directives, "---")
        self._head_end = _place(mark)
        self._jump(mark)

    def _end_document(self, event: Any) -> None:
        """The `...` of a document; nothing but comments follows it."""
        self._advance(event.start_mark.index, _place(event.start_mark))
        self._jump(event.end_mark)

    # -- nodes -----------------------------------------------------------------------------

    def _node(self, event: Any) -> Node:
        match event:
            case yaml.AliasEvent():
                return self._leaf(event, "", "")
            case yaml.ScalarEvent(value=value, style=style):
                return self._leaf(event, style or "", value)
            case yaml.MappingStartEvent(flow_style=True) | yaml.SequenceStartEvent(flow_style=True):
                return self._flow(event, is_map=isinstance(event, yaml.MappingStartEvent))
            case _:
                return self._block(event, is_map=isinstance(event, yaml.MappingStartEvent))

    def _leaf(self, event: Any, style: str, text: str) -> Leaf:
        start, end = event.start_mark, event.end_mark
        self._advance(start.index, _place(start))
        written = self._text[start.index : end.index]
        anchor, place = "", _place(start)
        if isinstance(event, yaml.ScalarEvent) and event.anchor is not None:
            anchor = self._anchor(start)
            skipped = _FILLING.match(written, len(anchor))
            content = len(written) if skipped is None else skipped.end()
            self._scan(written[len(anchor) : content], _after(place, anchor))
            place = _after(place, written[:content])
            written = written[content:]
        self._jump(end)
        ends_with_break = style in ("|", ">") and written.endswith("\n")
        end_line = end.line + (0 if ends_with_break else 1)
        if written or anchor:
            self._start(start)
        if not style:
            written = written.rstrip()
        return Leaf(_place(start), place, end_line, written, style, text, anchor)

    def _flow(self, event: Any, *, is_map: bool) -> Flow:
        start, opened = event.start_mark, event.end_mark
        self._advance(start.index, _place(start))
        written = self._text[start.index : opened.index]
        anchor = self._anchor(start) if event.anchor is not None else ""
        if anchor:
            self._scan(written[len(anchor) : -1], _after(_place(start), anchor))
        self._jump(opened)
        self._start(start)
        flow = Flow(_place(start), opened.line + 1, "{}" if is_map else "[]", anchor=anchor)
        end = self._pairs(flow.pairs, is_map=is_map)
        self._advance(end.start_mark.index, _place(end.start_mark))
        flow.end = _place(end.start_mark)
        self._jump(end.end_mark)
        return flow

    def _block(self, event: Any, *, is_map: bool) -> Block:
        start = event.start_mark
        self._advance(start.index, _place(start))
        anchor = ""
        if event.anchor is not None:
            anchor = self._anchor(start)
            self._cursor = start.index + len(anchor)
            self._cursor_place = _after(_place(start), anchor)
        block = Block(_place(start), start.column, is_map, anchor=anchor)
        self._pairs(block.pairs, is_map=is_map, dash=None if is_map else start.column)
        first = block.pairs[0].start
        if anchor:
            block.column = first.column if is_map else max(0, first.column - 2)
        if is_map and not anchor:
            block.start = first
        return block

    def _pairs(self, pairs: list[Pair], *, is_map: bool, dash: int | None = None) -> Any:
        """Entries up to the end of their collection, whose event is returned."""
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                return event
            if self._dash is None:
                self._dash = dash
            if not is_map:
                pairs.append(Pair(None, self._node(event)))
                continue
            key = self._leaf(event, event.style or "", event.value)
            pairs.append(Pair(key, self._node(next(self._events))))
        raise AssertionError("the parser ends what it began")

    def _start(self, mark: Any) -> None:
        """A token begins; the first of a list's entry at its dash."""
        column = mark.column if self._dash is None else min(self._dash, mark.column)
        self._starts.append(Place(mark.line + 1, column))
        self._dash = None

    def _anchor(self, mark: Any) -> str:
        found = _ANCHOR.match(self._text, mark.index)
        return found[0] if found else ""

    # -- what stands between -----------------------------------------------------------------

    def _advance(self, index: int, place: Place) -> None:
        """Look for comments up to an index; `place` is where that is."""
        if index > self._cursor:
            self._scan(self._text[self._cursor : index], self._cursor_place)
            self._cursor, self._cursor_place = index, place

    def _jump(self, mark: Any) -> None:
        """Go on after something that was read."""
        if mark.index > self._cursor:
            self._cursor, self._cursor_place = mark.index, _place(mark)

    def _scan(self, between: str, start: Place) -> None:
        if "#" not in between:
            return
        for offset, part in enumerate(between.split("\n")):
            found = part.find("#")
            if found < 0:
                continue
            line = start.line + offset
            column = found + (start.column if offset == 0 else 0)
            before, text = self._lines[line - 1][:column], self._lines[line - 1][column:]
            left = before.rstrip()
            place, gap = Place(line, column), len(before) - len(left)
            self._comments.append(Comment(place, text.rstrip(), gap, not left))


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column)


def _after(place: Place, text: str) -> Place:
    """Where a text ends that begins at a place."""
    before, line_end, last = text.rpartition("\n")
    if not line_end:
        return Place(place.line, place.column + len(text))
    return Place(place.line + before.count("\n") + 1, len(last))
