"""Blocks of one kind, with `defaults` merged into them.

Rules: a field that a block omits comes from `defaults`; maps (labels, deletion, a
provider's own block) merge per entry, everything else is taken whole, and `none`
written in the block wins. A required field may come from either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keyplan.config.blocks import Block
from keyplan.config.decode import Deferred, Prepared, entries_of, merged
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode
from keyplan.config.fields import Field, Kind, Plain, Record, Table
from keyplan.config.report import Report, at
from keyplan.config.tree import Entry, MapNode, ScalarNode
from keyplan.model.values import Value

PER_INSTANCE = ("for_each", "declare")
"""Fields that `defaults` cannot fill: they say which blocks there are."""


def provider_fields(names: Iterable[str]) -> tuple[Field, ...]:
    """One field per provider type: what only that provider has, as plain data."""
    return tuple(
        Field(name, Table(Plain()), f"What only {name} has.", Kind.TEMPLATE)
        for name in sorted(names)
    )


class BlockReader:
    """Reads blocks of one kind."""

    def __init__(
        self,
        kind: str,
        record: Record,
        extra: tuple[Field, ...],
        defaults: Mapping[str, Entry],
        report: Report,
    ) -> None:
        self._kind = kind
        self._codec = RecordCodec(record, Mode("", Kind.TEMPLATE), extra, merging=bool(defaults))
        self._records = self._codec.records if defaults else {}
        self._layer: MapNode | None = None
        self._defaults: Mapping[str, Prepared] = {}
        if defaults:
            first = next(iter(defaults.values()))
            self._layer = MapNode(dict(defaults), first.line, first.column, first.value.file)
            self._defaults = self._read_defaults(self._layer, report.about(f"defaults.{kind}"))

    def _read_defaults(self, layer: MapNode, report: Report) -> Mapping[str, Prepared]:
        for name in PER_INSTANCE:
            if name in layer.entries:
                report.error(
                    "KP-DECL-001",
                    at(layer.entries[name].value),
                    f"{name} has no default",
                    advice="Write it in the block.",
                )
        every = self._codec.entries(layer, report, provided=self._codec.required)
        return {name: item for name, item in every.items() if name not in PER_INSTANCE}

    def read(self, name: str, entry: Entry, report: Report) -> Block | None:
        """The block; `None` if nothing of it can be used."""
        node = entry.value
        if isinstance(node, ScalarNode) and not node.text and not node.quoted:
            node = MapNode({}, node.line, node.column, node.file)
        if not isinstance(node, MapNode):
            report.error(
                "KP-DECL-003",
                at(node),
                f"{self._kind}.{name} is not a map",
                advice="Write its attributes below it, indented.",
            )
            return None
        fields = self._codec.entries(node, report, provided=self._defaults)
        layers: tuple[MapNode, ...] = (node,)
        if self._layer is not None:
            layers = (node, self._layer)
            self._fill(fields, node, report)
        repeat = {name: fields.pop(name) for name in PER_INSTANCE if name in fields}
        constants: dict[str, Value] = {}
        deferred: dict[str, Deferred] = {}
        for field, item in fields.items():
            if isinstance(item, Deferred):
                deferred[field] = item
            else:
                constants[field] = item  # type: ignore[assignment]  # invalid ones are left out
        return Block(self._kind, name, entry, constants, deferred, repeat, layers)

    def _fill(self, fields: dict[str, Prepared], node: MapNode, report: Report) -> None:
        for name, default in self._defaults.items():
            if name in fields:
                fields[name] = merged(fields[name], default)
            elif name not in node.entries:  # what was reported is not replaced
                fields[name] = default
        for name, codec in self._records.items():
            entries = entries_of(fields.get(name))
            if entries is not None:
                where = node.entries[name].value if name in node.entries else node
                codec.check_required(entries, where, report)
