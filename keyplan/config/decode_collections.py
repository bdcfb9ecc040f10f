"""Codecs of lists, maps and records, and the compiler that picks a codec for a shape.

Rules: an unknown or missing field, a duplicate and a name that is none are reported
with their place; what could be read is kept, so that one run reports all mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from keyplan.config.decode import Codec, Decoded, Deferred, DeferredList, Prepared, map_of
from keyplan.config.decode_scalars import (
    PLAIN_ADDRESS,
    BaseCodec,
    Mode,
    PlainCodec,
    ReferenceCodec,
    ScalarCodec,
)
from keyplan.config.fields import Field, Items, Kind, Plain, Record, Refers, Shape, Table
from keyplan.config.report import (
    INVALID,
    Invalid,
    Report,
    at,
    at_key,
    suggest,
    suggest_or_list,
)
from keyplan.config.scalars import parser
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode
from keyplan.model.address import Address
from keyplan.model.values import Value


class ItemsCodec(BaseCodec):
    """Lists: without duplicates, in canonical order unless the order matters."""

    __slots__ = ("_item", "_items")

    def __init__(self, shape: Items, mode: Mode) -> None:
        super().__init__(shape, mode)
        self._items = shape
        self._item = compile_shape(shape.item, mode.inner())

    def decode(self, node: Node, report: Report) -> Prepared:
        """A list, or one item where that may stand alone."""
        nodes: tuple[Node, ...]
        if type(node) is ListNode:
            nodes = node.items
        elif type(node) is ScalarNode:
            special = self.special(node, report)
            if special is not None:
                return special
            if self.is_none(node):
                return None
            if self._mode.kind is Kind.REFERENCE and not PLAIN_ADDRESS.fullmatch(node.text):
                return self.template(node, report)
            if not self._items.single:
                return self.wrong_shape(node, report)
            nodes = (node,)
        else:
            return self.wrong_shape(node, report)
        items = [self._item.decode(each, report) for each in nodes]
        for item in items:
            if isinstance(item, Deferred):
                return DeferredList(items, nodes, self)
        return self.finish(items, nodes, report)  # type: ignore[arg-type]

    def finish(self, items: list[Decoded], nodes: tuple[Node, ...], report: Report) -> Decoded:
        """Drop what is invalid, report duplicates, sort."""
        result: list[Value] = []
        for index, item in enumerate(items):
            if isinstance(item, Invalid):
                continue
            if self._items.unique and item in result:
                where = nodes[index] if index < len(nodes) else nodes[0]
                report.error(
                    "KP-DECL-009",
                    at(where),
                    f"{self._mode.label} has {item} twice",
                    advice="Keep one of the two.",
                )
                continue
            result.append(item)
        if self._items.collapse and len(result) == 1:
            return result[0]
        if self._items.unique and not self._items.ordered:
            result.sort(key=str)
        return result

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """A list of checked items."""
        if value is None and self._mode.nullable:
            return None
        if isinstance(value, str) and value in self._mode.words and not isinstance(value, Address):
            return value
        if isinstance(value, list):
            items = [self._item.convert(item, node, report) for item in value]
        elif self._items.single:
            items = [self._item.convert(value, node, report)]
        else:
            return self.wrong_value(value, "", node, report)
        return self.finish(items, (node,), report)


class TableCodec(BaseCodec):
    """Maps with names of their own."""

    __slots__ = ("_item", "_names", "_table")

    def __init__(self, shape: Table, mode: Mode) -> None:
        super().__init__(shape, mode)
        self._table = shape
        self._names = re.compile(shape.names)
        # What is merged is whole entries: each must be complete, in `defaults` too.
        inner = replace(mode, nullable=shape.elements, words=(), partial=False)
        self._item = compile_shape(shape.item, inner)

    def decode(self, node: Node, report: Report) -> Prepared:
        """A map; the names are checked."""
        if type(node) is not MapNode:
            return _no_map(self, node, report)
        entries: dict[str, Prepared] = {}
        for name, entry in node.entries.items():
            if self._names.fullmatch(name) is None:
                report.error(
                    "KP-DECL-007",
                    at_key(entry),
                    f"{name!r} is not a name in {self._mode.label}",
                    advice=f"Write {self._table.says}.",
                )
                continue
            value = self._item.decode(entry.value, report)
            if value is not INVALID:
                entries[name] = value
        return map_of(entries)

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """A map of checked values."""
        if value is None and self._mode.nullable:
            return None
        if not isinstance(value, dict):
            return self.wrong_value(value, "", node, report)
        result: dict[str, Value] = {}
        for name, item in value.items():
            if self._names.fullmatch(name) is None:
                return self.wrong_value(value, f"{name!r} is not {self._table.says}", node, report)
            checked = self._item.convert(item, node, report)
            if not isinstance(checked, Invalid):
                result[name] = checked
        return result


class RecordCodec(BaseCodec):
    """Maps with fixed fields."""

    __slots__ = ("_codecs", "_later", "_required")

    def __init__(
        self, shape: Record, mode: Mode, extra: Iterable[Field] = (), *, merging: bool = False
    ) -> None:
        """`extra` fields are those of installed providers; `merging`: see `Mode.partial`."""
        super().__init__(shape, mode)
        fields = (*shape.fields, *extra)
        self._codecs: Mapping[str, Codec] = {
            field.name: compile_field(field, mode.label, partial=merging, verbatim=mode.verbatim)
            for field in fields
            if not field.later
        }
        self._later = frozenset(field.name for field in fields if field.later)
        self._required = tuple(field.name for field in fields if field.required)

    def decode(self, node: Node, report: Report) -> Prepared:
        """A map; unknown and missing fields are reported."""
        if type(node) is not MapNode:
            return _no_map(self, node, report)
        return map_of(self.entries(node, report))

    def entries(
        self, node: MapNode, report: Report, provided: Iterable[str] = ()
    ) -> dict[str, Prepared]:
        """The fields that could be read. `provided`: required ones that come from elsewhere."""
        result: dict[str, Prepared] = {}
        codecs = self._codecs
        for name, entry in node.entries.items():
            codec = codecs.get(name)
            if codec is None:
                self._unknown_field(name, node, report)
                continue
            value = codec.decode(entry.value, report)
            if value is not INVALID:
                result[name] = value
        if not self._mode.partial:
            self.check_required({*node.entries, *provided}, node, report)
        return result

    def check_required(self, present: Container[str], node: Node, report: Report) -> None:
        """Report required fields that are nowhere."""
        for name in self._required:
            if name not in present:
                report.error(
                    "KP-DECL-002",
                    at(node),
                    f"{self._mode.label or report.address} lacks {name}",
                    advice=f"Add {name}.",
                )

    @property
    def required(self) -> tuple[str, ...]:
        """The names of required fields."""
        return self._required

    @property
    def records(self) -> Mapping[str, RecordCodec]:
        """Fields that are records with required fields of their own."""
        return {
            name: codec
            for name, codec in self._codecs.items()
            if isinstance(codec, RecordCodec) and codec.required
        }

    def _unknown_field(self, name: str, node: MapNode, report: Report) -> None:
        place = at_key(node.entries[name])
        label = f"{self._mode.label}.{name}" if self._mode.label else name
        if name in self._later:
            report.error(
                "KP-DECL-004",
                place,
                f"{label} is not there yet",
                why="the name is kept for a later version",
                advice="Remove it.",
            )
            return
        report.error(
            "KP-DECL-001",
            place,
            f"{label} is not a field",
            advice=self._habit(name) or suggest_or_list(name, self._codecs, "Fields"),
        )

    def _habit(self, name: str) -> str:
        """What to write for a word that people who know Terraform bring along."""
        fields = self._codecs
        if name == "count" and "for_each" in fields:
            return (
                "There is no count, so that removing one moves no other: write for_each, "
                "or declare: false."
            )
        if name == "prevent_destroy" and "ignore_changes" in fields:
            return "Write deletion: {protection: true} on the key; it is the default."
        if "inputs" in fields and name != "version" and not suggest(name, fields):
            return f"The module's variables are given below inputs: write inputs: {{{name}: ...}}."
        return ""

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """A map of checked fields."""
        if value is None and self._mode.nullable:
            return None
        if not isinstance(value, dict):
            return self.wrong_value(value, "", node, report)
        result: dict[str, Value] = {}
        for name, item in value.items():
            codec = self._codecs.get(name)
            if codec is None:
                return self.wrong_value(value, f"{name!r} is not a field of it", node, report)
            checked = codec.convert(item, node, report)
            if not isinstance(checked, Invalid):
                result[name] = checked
        missing = [name for name in self._required if name not in value]
        if missing:
            return self.wrong_value(value, f"it lacks {', '.join(missing)}", node, report)
        return result


def _no_map(codec: TableCodec | RecordCodec, node: Node, report: Report) -> Prepared:
    """A scalar or list where a map belongs: perhaps a word, `none` or a template."""
    if type(node) is ScalarNode:
        special = codec.special(node, report)
        if special is not None:
            return special
        if codec.is_none(node):
            return None
    return codec.wrong_shape(node, report)


def compile_shape(shape: Shape, mode: Mode) -> Codec:
    """The codec of a shape."""
    match shape:
        case Items():
            return ItemsCodec(shape, mode)
        case Table():
            return TableCodec(shape, mode)
        case Record():
            return RecordCodec(shape, mode)
        case Plain():
            return PlainCodec(shape, mode)
        case Refers():
            return ReferenceCodec(shape, mode)
        case _:
            parse = parser(shape)
            assert parse is not None  # noqa: S101  # every other shape is a scalar
            return ScalarCodec(shape, mode, parse)


def compile_field(
    field: Field, above: str = "", *, partial: bool = False, verbatim: bool = False
) -> Codec:
    """The codec of a field; `above` is the path of what it is in."""
    label = f"{above}.{field.name}" if above else field.name
    mode = Mode(
        label,
        Kind.LITERAL if verbatim else field.kind,
        field.nullable,
        field.words,
        field.unknown,
        verbatim=verbatim,
        partial=partial,
    )
    return compile_shape(field.shape, mode)
