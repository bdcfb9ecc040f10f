"""Parser events to nodes: the inner loop of `tree`.

It is written for speed, since it runs once per scalar of a stack: one flat loop with an
explicit stack, light nodes, equal short texts kept once, and the garbage collector
paused (nothing it builds is garbage; with the collector on, large stacks take twice as
long to read).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern
from typing import Any

import yaml

from keyplan.config.collector import collector_paused
from keyplan.config.source import SourceFile
from keyplan.config.syntax import describe_syntax_error
from keyplan.config.tree import MAX_ALIASED, MAX_DEPTH, Entry, ListNode, MapNode, Node, ScalarNode
from keyplan.diagnostics import Diagnostics, Position, Related

# Keys that YAML 1.2 would take for something other than text, and empty ones.
_NOT_TEXT = re.compile(
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE"
    r"|[-+]?(?:[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+)"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_SHORT = 24
"""Texts up to this length are kept once: provider names, usages, algorithms."""


def build(source: SourceFile, diagnostics: Diagnostics) -> Node | None:
    """The outermost node, or `None` after a syntax error or where a limit was passed."""
    builder = _Builder(source, diagnostics)
    try:
        with collector_paused():
            builder.read(_events(source.text))
    except yaml.YAMLError as error:
        diagnostics.add(describe_syntax_error(source, error))
        return None
    except _StoppedError:
        return None
    return builder.root or ScalarNode("", 1, 1, source)


def _events(text: str) -> Iterator[Any]:
    """libyaml's events where PyYAML has it; otherwise the same ones, slower."""
    loader: Any = yaml.CLoader if yaml.__with_libyaml__ else yaml.Loader
    return iter(loader(text).get_event, None)


class _StoppedError(Exception):
    """A limit was passed; it has been reported."""


class _Frame:
    """A collection that is being read: a map has `entries`, a list `items`.

    `key` is the pending key of a map, and `discard` says that its value is left out
    because the key was refused. `counted` is how many nodes there were before the
    collection and `height` how many levels it has: both matter only for anchors.
    """

    __slots__ = (
        "anchor",
        "column",
        "counted",
        "discard",
        "entries",
        "height",
        "items",
        "key",
        "key_column",
        "key_line",
        "line",
    )

    def __init__(self, event: Any, counted: int, *, is_map: bool) -> None:
        self.line: int = event.start_mark.line + 1
        self.column: int = event.start_mark.column + 1
        self.anchor: str | None = event.anchor
        self.entries: dict[str, Entry] | None = {} if is_map else None
        self.items: list[Node] = []
        self.key: str | None = None
        self.key_line = 0
        self.key_column = 0
        self.discard = False
        self.counted = counted
        self.height = 1


class _Builder:
    """One file being read."""

    def __init__(self, source: SourceFile, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}  # node, how many, how deep
        self.known_keys: dict[str, str] = {}
        self.count = 0
        self.aliased = 0
        self.documents = 0

    def read(self, events: Iterator[Any]) -> None:
        """Read all events; raises what the parser raises, and `_StoppedError`."""
        source, stack, known_keys = self.source, self.stack, self.known_keys
        scalar, map_start, list_start = (
            yaml.ScalarEvent,
            yaml.MappingStartEvent,
            yaml.SequenceStartEvent,
        )
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        for event in events:
            kind = type(event)
            if kind is scalar:
                self.count += 1
                text = event.value
                if event.tag is not None:
                    self._report_tag(event)
                mark = event.start_mark
                frame = stack[-1] if stack else None
                entries = frame.entries if frame is not None else None
                if frame is not None and entries is not None and frame.key is None:
                    frame.key_line = mark.line + 1
                    frame.key_column = mark.column + 1
                    if text in known_keys and text not in entries and event.anchor is None:
                        frame.key = known_keys[text]
                    else:
                        self._begin_entry(frame, entries, event)
                    continue
                if len(text) <= _SHORT:
                    text = intern(text)
                quoted = bool(event.style)
                node = ScalarNode(text, mark.line + 1, mark.column + 1, source, quoted)
                if event.anchor is not None:
                    self._keep(event.anchor, node, 1, 0)
                if frame is not None and entries is not None and not frame.discard:
                    entries[frame.key] = Entry(frame.key_line, frame.key_column, node)  # type: ignore[index]
                    frame.key = None
                else:
                    self._attach(frame, node)
            elif kind is map_start:
                self._open(event, is_map=True)
            elif kind is list_start:
                self._open(event, is_map=False)
            elif kind in ends:
                self._close()
            elif kind is yaml.AliasEvent:
                self._repeat(event)
            elif kind is yaml.DocumentStartEvent:
                self._begin_document(event)

    def _begin_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._report(
                "KP-LANG-015",
                "a second document begins here",
                event,
                advice="Put it into a file of its own: all files of a stack are merged.",
            )
            raise _StoppedError

    def _open(self, event: Any, *, is_map: bool) -> None:
        self.count += 1
        if event.tag is not None:
            self._report_tag(event)
        if self.stack:
            frame = self.stack[-1]
            if frame.entries is not None and frame.key is None:
                self._refuse_key(frame, event, "a map or a list")
        self.stack.append(_Frame(event, self.count - 1, is_map=is_map))
        self._check_depth(len(self.stack), event)

    def _close(self) -> None:
        frame = self.stack.pop()
        node: Node
        if frame.entries is None:
            node = ListNode(tuple(frame.items), frame.line, frame.column, self.source)
        else:
            node = MapNode(frame.entries, frame.line, frame.column, self.source)
        if frame.anchor is not None:
            self._keep(frame.anchor, node, self.count - frame.counted, frame.height)
        parent = self.stack[-1] if self.stack else None
        if parent is not None and parent.height <= frame.height:
            parent.height = frame.height + 1
        if parent is not None and parent.entries is not None and parent.key is None:
            parent.key = ""  # the collection was a key, and refused: its value is left out
            return
        self._attach(parent, node)

    def _attach(self, frame: _Frame | None, node: Node) -> None:
        """Put a finished node where it belongs."""
        if frame is None:
            self.root = node
        elif frame.entries is None:
            frame.items.append(node)
        else:
            if not frame.discard and frame.key is not None:
                frame.entries[frame.key] = Entry(frame.key_line, frame.key_column, node)
            frame.key = None
            frame.discard = False

    # -- keys ----------------------------------------------------------------------------

    def _begin_entry(self, frame: _Frame, entries: dict[str, Entry], event: Any) -> None:
        """A key that is new, written twice, or not one at all."""
        text: str = event.value
        if event.anchor is not None:
            self._keep(event.anchor, self._scalar(event), 1, 0)
        if event.style or text in self.known_keys:
            frame.key = self.known_keys.get(text, text)
        elif text == "<<":
            frame.key, frame.discard = text, True
            self._report(
                "KP-LANG-012",
                "merge keys (<<) are not part of the language",
                event,
                advice="Use `defaults`, or write the entries out.",
            )
        elif _NOT_TEXT.fullmatch(text):
            kind = f"`{text}`" if text else "nothing"
            self._refuse_key(frame, event, kind)
            frame.key = text
        else:
            frame.key = self.known_keys[text] = intern(text)
        if not frame.discard and text in entries:
            frame.discard = True
            self._report_duplicate(entries[text], event)

    def _refuse_key(self, frame: _Frame, event: Any, what: str) -> None:
        frame.discard = True
        text = getattr(event, "value", "")
        self._report(
            "KP-LANG-013",
            f"a key must be text, and this one is {what}",
            event,
            why="other tools would read it as something else" if text else "",
            advice=f"Write '{text}' in quotes." if text else "Give the entry a name.",
        )

    def _report_duplicate(self, entry: Entry, event: Any) -> None:
        first = entry.key_position
        self._report(
            "KP-LANG-014",
            f"{event.value} is written twice in the same map",
            event,
            advice="Remove one of the two, or merge what they say.",
            related=(Related("the first one", first, self.source.line(first.line)),),
        )

    # -- anchors and limits --------------------------------------------------------------

    def _keep(self, anchor: str, node: Node, count: int, height: int) -> None:
        self.anchors[anchor] = (node, count, height)

    def _repeat(self, event: Any) -> None:
        """An alias stands for the anchored node itself, which is never copied."""
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.entries is not None and frame.key is None:
            self._refuse_key(frame, event, "an alias")
            frame.key = ""
            return
        known = self.anchors.get(event.anchor)
        if known is None:
            self._report(
                "KP-LANG-010",
                f"*{event.anchor} repeats something that is not there",
                event,
                why="an anchor must be finished before an alias may name it",
                advice=f"Write &{event.anchor} before the value to repeat; "
                "if a plain * was meant, put it in quotes.",
            )
            self._attach(frame, ScalarNode("", *_place(event), self.source))
            return
        node, count, height = known
        self.count += count
        self.aliased += count
        if self.aliased > MAX_ALIASED:
            self._report(
                "KP-LANG-010",
                f"aliases repeat more than {MAX_ALIASED:,} values",
                event,
                advice="Use for_each to make many of a kind.",
            )
            raise _StoppedError
        self._check_depth(len(self.stack) + height, event)
        if frame is not None and frame.height <= height:
            frame.height = height + 1
        self._attach(frame, node)

    def _check_depth(self, depth: int, event: Any) -> None:
        if depth > MAX_DEPTH:
            self._report(
                "KP-LANG-009",
                f"values are nested more than {MAX_DEPTH} levels deep",
                event,
                advice="No block of the language needs that; look for a bracket too many.",
            )
            raise _StoppedError

    # -- reports -------------------------------------------------------------------------

    def _scalar(self, event: Any) -> ScalarNode:
        return ScalarNode(event.value, *_place(event), self.source, bool(event.style))

    def _report_tag(self, event: Any) -> None:
        value = getattr(event, "value", "")
        expression = event.tag.startswith("!") and not event.tag.startswith("!!") and not value
        self._report(
            "KP-LANG-011",
            f"the tag {event.tag} is not part of the language",
            event,
            why="YAML takes a leading ! for a tag",
            advice="In an expression, write `not` instead of `!`."
            if expression
            else "Leave it out: every field has one type. Text that begins with ! needs quotes.",
        )

    def _report(
        self,
        code: str,
        summary: str,
        event: Any,
        *,
        why: str = "",
        advice: str = "",
        related: tuple[Related, ...] = (),
    ) -> None:
        line, column = _place(event)
        end = event.end_mark.column + 1 if event.end_mark.line + 1 == line else 0
        self.diagnostics.error(
            code,
            summary,
            position=Position(self.source.name, line, column, end if end > column else 0),
            snippet=self.source.line(line),
            why=why,
            advice=advice,
            related=related,
        )


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
