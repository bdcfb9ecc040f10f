"""The types of variables: `string`, `{list: string}`, `{object: {…}}`, `key`, as shapes.

Rules: a written type becomes the same shape that fields have, so that values of
variables are read by the same codecs. An entry of an object whose type ends in `?` may
be missing or `none`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyplan.config.fields import (
    Field,
    Flag,
    Items,
    Kind,
    Number,
    Plain,
    Record,
    Refers,
    Shape,
    Table,
    Text,
)
from keyplan.config.report import Report, at, at_key, suggest
from keyplan.config.tree import Entry, MapNode, Node, ScalarNode

_SIMPLE: Mapping[str, Shape] = {
    "string": Text(),
    "number": Number(),
    "bool": Flag(),
    "any": Plain(typed=True),
    "key": Refers("key"),
    "policy": Refers("policy"),
    "principal": Refers("principal"),
    "provider": Refers("provider"),
}
_SHORT = re.compile(r"(list|set|map)\((.*)\)")
_ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


def kind_of_shape(shape: Shape) -> Kind:
    """How the scalars of such a value are written where a module is called."""
    match shape:
        case Refers():
            return Kind.REFERENCE
        case Items(item=item) | Table(item=item):
            return kind_of_shape(item)
        case _:
            return Kind.TEMPLATE


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
        if word == "object" and isinstance(entry.value, MapNode):
            return _object(entry.value, report)
    _no_type("this", node, report)
    return None


def _shape_of_text(text: str, node: Node, report: Report) -> Shape | None:
    if text in _SIMPLE:
        return _SIMPLE[text]
    short = _SHORT.fullmatch(text)
    if short:
        inner = _shape_of_text(short[2].strip(), node, report)
        return None if inner is None else _collection(short[1], inner)
    _no_type(text, node, report)
    return None


def _object(node: MapNode, report: Report) -> Shape | None:
    """`{role: string, partner: "string?"}` as a record."""
    fields: list[Field] = []
    for name, entry in node.entries.items():
        if _ENTRY.fullmatch(name) is None:
            report.error(
                "KP-DECL-007", at_key(entry), f"{name!r} cannot be an entry of an object",
                advice="Write letters, digits, _ and -.",
            )  # fmt: skip
            return None
        written, optional = entry.value, False
        if isinstance(written, ScalarNode) and written.text.rstrip().endswith("?"):
            optional = True
            text = written.text.rstrip().removesuffix("?")
            shape = _shape_of_text(text.strip(), written, report)
        else:
            shape = _shape(written, report)
        if shape is None:
            return None
        fields.append(
            Field(name, shape, "", kind_of_shape(shape), required=not optional, nullable=optional)
        )
    return Record(tuple(fields))


def _collection(word: str, inner: Shape) -> Shape:
    if word == "map":
        return Table(inner)
    return Items(inner, ordered=word == "list", unique=word == "set")


def _no_type(written: str, node: Node, report: Report) -> None:
    known = (*_SIMPLE, "list(string)", "set(string)", "map(string)")
    report.error(
        "KP-DECL-020",
        at(node),
        f"{written} is not a type",
        advice=suggest(written, known, cutoff=0.75)
        or "Write string, number, bool, any, key, policy, principal, provider, list(T), set(T), "
        "map(T) or {object: {name: T}}.",
    )
