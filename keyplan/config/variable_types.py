"""The types of variables: `string`, `{list: string}`, `map(number)`, as shapes.

Rules: a written type becomes the same shape that fields have, so that values of
variables are read by the same codecs. Types that are not there yet are an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyplan.config.fields import Flag, Items, Number, Shape, Table, Text
from keyplan.config.report import Report, at, suggest
from keyplan.config.tree import Entry, MapNode, Node, ScalarNode

_SIMPLE: Mapping[str, Shape] = {"string": Text(), "number": Number(), "bool": Flag()}
_LATER = frozenset({"any", "object", "key", "policy", "principal", "provider"})
_SHORT = re.compile(r"(list|set|map)\((.*)\)")


def type_of(entry: Entry, report: Report) -> Shape | None:
    """The shape of a variable's `type`; `None` if it was reported."""
    if not isinstance(entry.value, MapNode) or "type" not in entry.value.entries:
        return None  # reported as a missing field
    node = entry.value.entries["type"].value
    return _shape(node, report)


def _shape(node: Node, report: Report) -> Shape | None:
    """A written type as a shape; `None` if it was reported."""
    if isinstance(node, ScalarNode):
        return _shape_of_text(node.text.strip(), node, report)
    if isinstance(node, MapNode) and len(node.entries) == 1:
        (word, entry) = next(iter(node.entries.items()))
        if word in ("list", "set", "map"):
            inner = _shape(entry.value, report)
            return None if inner is None else _collection(word, inner)
        if word in _LATER:
            _later(word, node, report)
            return None
    _no_type("this", node, report)
    return None


def _shape_of_text(text: str, node: Node, report: Report) -> Shape | None:
    if text in _SIMPLE:
        return _SIMPLE[text]
    short = _SHORT.fullmatch(text)
    if short:
        inner = _shape_of_text(short[2].strip(), node, report)
        return None if inner is None else _collection(short[1], inner)
    word = text.partition("(")[0]
    if word in _LATER:
        _later(word, node, report)
    else:
        _no_type(text, node, report)
    return None


def _collection(word: str, inner: Shape) -> Shape:
    if word == "map":
        return Table(inner)
    return Items(inner, ordered=word == "list", unique=word == "set")


def _later(word: str, node: Node, report: Report) -> None:
    report.error(
        "KP-DECL-004",
        at(node),
        f"variables of type {word} are not there yet",
        advice="Use string, number, bool, or a list, set or map of them.",
    )


def _no_type(written: str, node: Node, report: Report) -> None:
    report.error(
        "KP-DECL-020",
        at(node),
        f"{written} is not a type",
        advice=suggest(written, (*_SIMPLE, "list(string)", "set(string)", "map(string)"))
        or "Write string, number, bool, list(string), set(string) or {map: string}.",
    )
