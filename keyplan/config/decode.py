"""Partial evaluation: what decoding gives before a scope is known.

Rules: what is constant is its canonical value at once; what is a template or an
expression is a `Deferred`, which is evaluated per instance (`for_each`) and per key
(policies that speak of `this`). Everything wrong goes to the report once, and work
goes on. `decode_scalars` and `decode_collections` have the codecs that make these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias

from keyplan.config.expressions import ExpressionError, Scope, Template
from keyplan.config.report import INVALID, Invalid, Report, at
from keyplan.config.tree import Node
from keyplan.model.address import Address
from keyplan.model.values import Unknown, Value

Decoded: TypeAlias = "Value | Invalid"
Prepared: TypeAlias = "Value | Deferred | Invalid"


class Deferred:
    """Something that needs a scope."""

    __slots__ = ()

    @property
    def templates(self) -> Iterable[Template]:
        """Every template inside, for finding references."""
        raise NotImplementedError

    @property
    def addresses(self) -> Iterable[str]:
        """Every address inside that a module writes as its own."""
        return ()

    def evaluate(self, scope: Scope, report: Report) -> Decoded:
        """The canonical value in a scope; `INVALID` if it was reported."""
        raise NotImplementedError


class Codec(Protocol):
    """How one field is read."""

    def decode(self, node: Node, report: Report) -> Prepared:
        """Read what was written."""

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """Check a value that an expression at `node` gave."""


class FinishList(Protocol):
    """The part of a list's codec that looks at the whole list."""

    def finish(self, items: list[Decoded], nodes: tuple[Node, ...], report: Report) -> Decoded:
        """Drop what is invalid, report duplicates, bring into canonical order."""


class DeferredAddress(Deferred):
    """An address in a module, as the module writes it: whole once the instance is known."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def templates(self) -> Iterable[Template]:
        """None."""
        return ()

    @property
    def addresses(self) -> Iterable[str]:
        """Itself."""
        return (self.text,)

    def evaluate(self, scope: Scope, report: Report) -> Decoded:
        """The address as the stack knows it."""
        del report
        return Address(f"{scope.module}.{self.text}")


class DeferredScalar(Deferred):
    """A template or expression, and the codec that checks what it gives."""

    __slots__ = ("codec", "label", "template", "unknown")

    def __init__(self, template: Template, codec: Codec, label: str, *, unknown: bool) -> None:
        self.template = template
        self.codec = codec
        self.label = label
        self.unknown = unknown

    @property
    def templates(self) -> Iterable[Template]:
        """Its one template."""
        return (self.template,)

    def evaluate(self, scope: Scope, report: Report) -> Decoded:
        """Evaluate and check; an `Unknown` only where the field takes it."""
        try:
            value = self.template.evaluate(scope)
        except ExpressionError as error:
            report.expression(error)
            return INVALID
        if not isinstance(value, Unknown):
            return self.codec.convert(value, self.template.node, report)
        if self.unknown:
            return value
        names = ", ".join(str(reference) for reference in value.references)
        report.error(
            "KP-REF-006",
            at(self.template.node),
            f"{self.label} must be known while planning",
            why=f"only the provider can know {names}, after apply",
            advice="Use it in labels, description or an output.",
        )
        return INVALID


class DeferredList(Deferred):
    """A list with something deferred in it. `codec` checks the whole afterwards."""

    __slots__ = ("codec", "items", "nodes")

    def __init__(self, items: list[Prepared], nodes: tuple[Node, ...], codec: FinishList) -> None:
        self.items = items
        self.nodes = nodes
        self.codec = codec

    @property
    def templates(self) -> Iterable[Template]:
        """Those of all items."""
        return (found for item in self.items for found in templates_of(item))

    @property
    def addresses(self) -> Iterable[str]:
        """Those of all items."""
        items = (item for item in self.items if isinstance(item, Deferred))
        return (found for item in items for found in item.addresses)

    def evaluate(self, scope: Scope, report: Report) -> Decoded:
        """Each item, then the list."""
        items = [evaluate(item, scope, report) for item in self.items]
        return self.codec.finish(items, self.nodes, report)


class DeferredMap(Deferred):
    """A map with something deferred in it."""

    __slots__ = ("entries",)

    def __init__(self, entries: Mapping[str, Prepared]) -> None:
        self.entries = entries

    @property
    def templates(self) -> Iterable[Template]:
        """Those of all entries."""
        return (found for item in self.entries.values() for found in templates_of(item))

    def evaluate(self, scope: Scope, report: Report) -> Decoded:
        """Each entry; one that was reported is left out."""
        result: dict[str, Value] = {}
        for name, item in self.entries.items():
            value = item.evaluate(scope, report) if isinstance(item, Deferred) else item
            if value is not INVALID:
                result[name] = value
        return result


def evaluate(prepared: Prepared, scope: Scope, report: Report) -> Decoded:
    """The canonical value in a scope."""
    return prepared.evaluate(scope, report) if isinstance(prepared, Deferred) else prepared


def templates_of(prepared: Prepared) -> Iterable[Template]:
    """Every template inside, in order."""
    return prepared.templates if isinstance(prepared, Deferred) else ()


def map_of(entries: dict[str, Prepared]) -> Prepared:
    """A map as a value if everything in it is constant, as a `DeferredMap` otherwise."""
    for item in entries.values():
        if isinstance(item, Deferred):
            return DeferredMap(entries)
    return entries  # type: ignore[return-value]  # invalid entries were left out


def merged(own: Prepared, default: Prepared) -> Prepared:
    """A map with, in addition, the entries of `default` that it lacks; anything else as it is."""
    mine, theirs = entries_of(own), entries_of(default)
    return own if mine is None or theirs is None else map_of({**theirs, **mine})


def entries_of(prepared: Prepared) -> Mapping[str, Prepared] | None:
    """The entries of a map, deferred or not; `None` for anything else."""
    if isinstance(prepared, DeferredMap):
        return prepared.entries
    return prepared if isinstance(prepared, dict) else None
