"""Codecs of scalars, references and plain data: from nodes to canonical values.

Rules: a field's kind decides how its scalars are read, its shape what they may be.
`none`, unquoted, is a value only where a field takes it. Text without `${` and `%{`
never reaches the template engine; a plain address never reaches the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from keyplan.config.decode import (
    Decoded,
    Deferred,
    DeferredAddress,
    DeferredList,
    DeferredScalar,
    Prepared,
    map_of,
)
from keyplan.config.expressions import ExpressionError, parse_expression, parse_template
from keyplan.config.fields import Choice, Kind, Plain, Refers, Shape, describe
from keyplan.config.report import INVALID, Invalid, Report, at, suggest
from keyplan.config.scalars import Parse, kind_of, of_value
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode, plain_value
from keyplan.model.address import Address
from keyplan.model.values import Value

PLAIN_ADDRESS = re.compile(
    r"(key|policy|principal)\.[a-z][a-z0-9_]{0,62}(\[\"(?:[^\"\\]|\\.)*\"\])?"
    r"(\.replicas\[\"(?:[^\"\\]|\\.)*\"\])?"
)
_INSTANCE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_SCOPE_NAMES = frozenset({"var", "local", "each", "key", "policy", "principal", "this", "module"})


@dataclass(frozen=True, slots=True)
class Mode:
    """What a codec knows beside its shape. `label` is the path of the field, for messages.

    `verbatim`: `${` means nothing here (values of variables). `partial`: required fields
    may come from `defaults`, so whoever merges looks for them.
    """

    label: str
    kind: Kind
    nullable: bool = False
    words: tuple[str, ...] = ()
    unknown: bool = False
    verbatim: bool = False
    partial: bool = False

    def inner(self) -> Mode:
        """The mode of what is inside: the same kind, nothing special."""
        return replace(self, nullable=False, words=(), unknown=False, partial=False)


_SHOWN = 60
"""Texts up to this length are repeated in messages."""


class BaseCodec:
    """What all codecs share: templates, words, `none`, and complaints about shapes."""

    __slots__ = ("_mode", "_shape")

    whole: ClassVar[bool] = False
    """Whether one `Unknown` may stand for all of it, where the field takes one."""

    def __init__(self, shape: Shape, mode: Mode) -> None:
        self._shape = shape
        self._mode = mode

    def decode(self, node: Node, report: Report) -> Prepared:
        """Read what was written."""
        raise NotImplementedError

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """Check a value that an expression at `node` gave."""
        raise NotImplementedError

    def special(self, node: ScalarNode, report: Report) -> Prepared | None:
        """What a scalar is before its shape matters: a template, a word, `none`, nothing at all.

        Python's `None` says that it is none of these; the language's is `_NONE`.
        """
        text, mode = node.text, self._mode
        if "{" in text and ("${" in text or "%{" in text) and not mode.verbatim:
            return self.template(node, report)
        if not node.quoted:
            if not text:
                advice = " Write none to remove it." if mode.nullable else ""
                report.error(
                    "KP-DECL-010",
                    at(node),
                    f"{mode.label} has no value",
                    advice=f"Write {describe(self._shape)}.{advice}",
                )
                return INVALID
            if text in mode.words:
                return text
        return None

    def is_none(self, node: ScalarNode) -> bool:
        """Whether it says `none` and the field takes it."""
        return self._mode.nullable and not node.quoted and node.text == "none"

    def template(self, node: ScalarNode, report: Report) -> Prepared:
        """A scalar as template or expression, by the field's kind."""
        mode = self._mode
        if mode.kind is Kind.LITERAL:
            report.error(
                "KP-DECL-012",
                at(node),
                f"{mode.label} is taken literally",
                why="it is read before variables and keys are known",
                advice="Write the value itself.",
            )
            return INVALID
        try:
            parse = parse_template if mode.kind is Kind.TEMPLATE else parse_expression
            template = parse(node)
        except ExpressionError as error:
            report.expression(error)
            return INVALID
        if template.is_constant:
            return self.convert(template.constant, node, report)
        return DeferredScalar(template, self, mode.label, unknown=mode.unknown and self.whole)

    def wrong_shape(self, node: Node, report: Report) -> Invalid:
        """A list where a map belongs, and the like."""
        found = {ScalarNode: "text", ListNode: "a list", MapNode: "a map"}[type(node)]
        report.error(
            "KP-DECL-003",
            at(node),
            f"{self._mode.label} is {found}",
            advice=f"Write {describe(self._shape)}.",
        )
        return INVALID

    def wrong_value(self, value: object, why: str, node: Node, report: Report) -> Invalid:
        """A value that the shape does not take."""
        label, advice = self._mode.label, f"Write {describe(self._shape)}."
        summary = f"{label} cannot be {kind_of(value)}"
        if value is None:
            why = f"nothing is there for {report.address}" if report.address else ""
            advice = "Give it what is missing, or use coalesce for a value instead."
        elif isinstance(value, str) and len(value) <= _SHOWN:
            summary = f"{label} cannot be {value!r}"
            if isinstance(self._shape, Choice):
                advice = suggest(value, self._shape.values) or advice
        report.error("KP-DECL-005", at(node), summary, why=why, advice=advice)
        return INVALID


class ScalarCodec(BaseCodec):
    """Text, flags, numbers, choices, durations, dates.

    Texts that were accepted are remembered with their values: stacks repeat themselves.
    """

    __slots__ = ("_accepted", "_parse")

    whole = True

    def __init__(self, shape: Shape, mode: Mode, parse: Parse) -> None:
        super().__init__(shape, mode)
        self._parse = parse
        self._accepted: dict[str, Value] = {}

    def decode(self, node: Node, report: Report) -> Prepared:
        """A constant, or a deferred template."""
        if type(node) is not ScalarNode:
            return self.wrong_shape(node, report)
        text = node.text
        if text in self._accepted:
            return self._accepted[text]
        if "{" in text or not text or self._mode.words or text == "none":
            special = self.special(node, report)
            if special is not None:
                return special
            if self.is_none(node):
                return None
        if text in _NULLS and not node.quoted:
            return self._no_null(node, report)
        if self._mode.kind is Kind.EXPRESSION and text not in _FLAGS:
            return self.template(node, report)
        try:
            value = self._parse(text)
        except ValueError as error:
            return self.wrong_value(text, str(error), node, report)
        if text not in _SPECIAL and len(self._accepted) < _REMEMBERED and not self._mode.words:
            self._accepted[text] = value
        return value

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """A checked value; `none` where the field takes it."""
        if value is None and self._mode.nullable:
            return None
        try:
            return of_value(self._shape, self._parse, value)
        except ValueError as error:
            return self.wrong_value(value, str(error), node, report)

    def _no_null(self, node: ScalarNode, report: Report) -> Invalid:
        """YAML's null: as text it would name an owner, or a principal, "null"."""
        none = "Write none" if self._mode.nullable else "Leave it out"
        report.error(
            "KP-DECL-005",
            at(node),
            f"{self._mode.label} cannot be {node.text}",
            why="there is no null",
            advice=f"{none}, or put quotes around it if the text is meant.",
        )
        return INVALID


_FLAGS = frozenset({"true", "false"})
_NULLS = frozenset({"~", "null", "Null", "NULL"})
_SPECIAL = _NULLS | {"none", ""}
"""Texts that mean one thing with quotes and another without."""
_REMEMBERED = 1024


class ReferenceCodec(BaseCodec):
    """Addresses. The canonical value is an `Address`, or the name of a provider instance."""

    __slots__ = ("_accepted",)

    def __init__(self, shape: Refers, mode: Mode) -> None:
        super().__init__(shape, mode)
        self._accepted: dict[str, Value] = {}

    def decode(self, node: Node, report: Report) -> Prepared:
        """A plain address at once; anything else is an expression."""
        if type(node) is not ScalarNode:
            return self.wrong_shape(node, report)
        if node.text in self._accepted:
            return self._accepted[node.text]
        special = self.special(node, report)
        if special is not None:
            return special
        if self.is_none(node):
            return None
        text = node.text
        if self._provider:
            if _INSTANCE.fullmatch(text) and text.partition(".")[0] not in _SCOPE_NAMES:
                return text
        elif PLAIN_ADDRESS.fullmatch(text):
            address = self._checked(Address(text), node, report)
            if node.file.module and not isinstance(address, Invalid):
                return DeferredAddress(text)
            if not isinstance(address, Invalid) and len(self._accepted) < _REMEMBERED:
                self._accepted[text] = address
            return address
        if self._mode.verbatim:
            return self.convert(text, node, report)
        return self.template(node, report)

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """An address of the right kind."""
        if value is None and self._mode.nullable:
            return None
        if isinstance(value, Address) and not self._provider:
            return self._checked(value, node, report)
        if isinstance(value, str) and value in self._mode.words:
            return value
        if self._provider and isinstance(value, str) and _INSTANCE.fullmatch(value):
            return value
        target = self._target
        example = "hsm" if self._provider else f"{target}.name"
        report.error(
            "KP-REF-001",
            at(node),
            f"{self._mode.label} needs the address of a {target}",
            why=f"this is {kind_of(value)}",
            advice=f"Write a reference such as {example}, not text.",
        )
        return INVALID

    @property
    def _target(self) -> str:
        return self._shape.target if isinstance(self._shape, Refers) else ""

    @property
    def _provider(self) -> bool:
        return self._target == "provider"

    def _checked(self, address: Address, node: Node, report: Report) -> Decoded:
        if address.startswith(self._target + ".") or address.kind == self._target:
            return address
        report.error(
            "KP-REF-004",
            at(node),
            f"{self._mode.label} needs a {self._target}, and {address} is a {address.kind}",
            advice=f"Write the address of a {self._target}.",
        )
        return INVALID


class PlainCodec(BaseCodec):
    """Data of any shape. Where it is an expression, text with `${…}` in it is a template."""

    __slots__ = ("_leaf",)

    whole = True

    def __init__(self, shape: Plain, mode: Mode) -> None:
        super().__init__(shape, mode)
        self._leaf = self
        if mode.kind is Kind.EXPRESSION:
            self._leaf = PlainCodec(shape, replace(mode, kind=Kind.TEMPLATE))

    def decode(self, node: Node, report: Report) -> Prepared:
        """The same shape, with scalars as the field types them."""
        leaf = self._leaf
        match node:
            case ScalarNode():
                return self._scalar(node, report)
            case ListNode(items=nodes):
                found = (leaf.decode(each, report) for each in nodes)
                items = [item for item in found if item is not INVALID]
                if any(isinstance(item, Deferred) for item in items):
                    return DeferredList([*items], (), _AS_WRITTEN)
                return items  # type: ignore[return-value]
            case MapNode(entries=entries):
                below = {name: leaf.decode(entry.value, report) for name, entry in entries.items()}
                return map_of({name: item for name, item in below.items() if item is not INVALID})

    def _scalar(self, node: ScalarNode, report: Report) -> Prepared:
        text = node.text
        if "{" in text and ("${" in text or "%{" in text) and not self._mode.verbatim:
            return self._leaf.template(node, report)  # text around `${…}` is a template anywhere
        if self._mode.kind is Kind.EXPRESSION:
            return self.template(node, report)  # quotes are YAML's: 'key.master["prod"].id'
        assert isinstance(self._shape, Plain)  # noqa: S101  # for the type checker
        return plain_value(node) if self._shape.typed else text

    def convert(self, value: object, node: Node, report: Report) -> Decoded:
        """Whatever it is."""
        del node, report
        return value  # type: ignore[return-value]  # expressions give values


class _AsWritten:
    """Finishes a list of plain data: nothing to check."""

    def finish(self, items: list[Decoded], nodes: tuple[Node, ...], report: Report) -> Decoded:
        """The items that could be read."""
        del nodes, report
        return [item for item in items if not isinstance(item, Invalid)]


_AS_WRITTEN = _AsWritten()
