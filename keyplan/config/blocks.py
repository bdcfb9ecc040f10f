"""What configuration is once it is decoded: blocks whose constant parts are values.

Rules: a `Block` is one declaration, before `for_each`; its deferred fields wait for a
scope. `Configuration` holds all of a stack, by name, in the order written. Nothing
here refers to anything yet: that is `keyplan.graph`'s part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keyplan.config.decode import Deferred, Prepared
from keyplan.config.expressions import FileReader, Scope, Template
from keyplan.config.report import Invalid, Place, Report, at, at_key
from keyplan.config.tree import Entry, ListNode, MapNode, Node, ScalarNode
from keyplan.diagnostics import Diagnostic, Position
from keyplan.model.resources import Removed
from keyplan.model.stack import ProviderBlock, Stack
from keyplan.model.values import Value

if TYPE_CHECKING:
    from keyplan.config.sources import Source


@dataclass(frozen=True, slots=True)
class Block:
    """One declared key, policy, principal or output.

    `repeat` has `for_each` and `declare`, which say which instances there are; they are
    not fields of an instance. `layers` are the maps that its fields stand in: its own,
    then that of `defaults`.
    """

    kind: str
    name: str
    entry: Entry
    constants: Mapping[str, Value]
    deferred: Mapping[str, Deferred]
    repeat: Mapping[str, Prepared]
    layers: tuple[MapNode, ...]

    @property
    def address(self) -> str:
        """Its address without an instance: `key.master`."""
        return f"{self.kind}.{self.name}"

    @property
    def place(self) -> Place:
        """Where its name stands."""
        return at_key(self.entry)

    def wrote(self, name: str) -> bool:
        """Whether a field was written at all, usable or not."""
        return any(name in layer.entries for layer in self.layers)

    def written(self, name: str) -> Entry | None:
        """A field as written; that of `defaults` if it is omitted here."""
        for layer in self.layers:
            entry = layer.entries.get(name)
            if entry is not None:
                return entry
        return None

    def node(self, name: str) -> Node | None:
        """The value of a field as written."""
        entry = self.written(name)
        return None if entry is None else entry.value

    def at(self, name: str = "") -> Place:
        """Where a field stands: a scalar itself, the key of a map or list; else the block."""
        entry = self.written(name)
        if entry is None:
            return self.place
        one_line = isinstance(entry.value, ScalarNode) and entry.value.line == entry.line
        return at(entry.value) if one_line else at_key(entry)

    def at_item(self, path: tuple[str, ...], text: str = "") -> Place:
        """The deepest place that a path of names leads to; there, an item with that text."""
        entry = self.written(path[0])
        if entry is None:
            return self.place
        for name in path[1:]:
            inner = entry.value.entries.get(name) if isinstance(entry.value, MapNode) else None
            if inner is None:
                break
            entry = inner
        value = entry.value
        for item in value.items if isinstance(value, ListNode) else ():
            if isinstance(item, ScalarNode) and item.text == text:
                return at(item)
        return at(value) if isinstance(value, ScalarNode) else at_key(entry)

    @property
    def templates(self) -> Iterator[Template]:
        """Every template in it."""
        for item in self.deferred.values():
            yield from item.templates

    @property
    def speaks_of_this(self) -> bool:
        """Whether it must be evaluated once per key that uses it."""
        return any(
            reference[0] == "this" for found in self.templates for reference in found.references
        )

    def values(self, scope: Scope, report: Report) -> dict[str, Value]:
        """All fields in a scope; those that were reported are left out."""
        result = dict(self.constants)
        for name, item in self.deferred.items():
            value = item.evaluate(scope, report)
            if not isinstance(value, Invalid):
                result[name] = value
        return result


@dataclass(frozen=True, slots=True)
class Move:
    """A `moved` entry as written: addresses of a key, of all keys of a block, or of a module."""

    source: str
    target: str
    source_place: Place
    target_place: Place


@dataclass(frozen=True, slots=True)
class Configuration:
    """A stack as it was written, with variables and locals evaluated.

    `names` is what every expression of the stack may read (`var`, `local`); `files` is
    how it reads files. `source` has its blocks and the modules that it uses. `failed` has
    the addresses (without instances) of blocks that could not be used at all, so that
    nothing says they are not declared.
    """

    root: Path
    stack: Stack
    names: Mapping[str, object]
    files: FileReader
    source: Source
    providers: Mapping[str, ProviderBlock] = field(default_factory=dict)
    principals: Mapping[str, Block] = field(default_factory=dict)
    policies: Mapping[str, Block] = field(default_factory=dict)
    keys: Mapping[str, Block] = field(default_factory=dict)
    outputs: Mapping[str, Block] = field(default_factory=dict)
    imports: tuple[Block, ...] = ()
    moved: tuple[Move, ...] = ()
    removed: tuple[tuple[Removed, Place], ...] = ()
    failed: frozenset[str] = frozenset()
    warnings: tuple[Diagnostic, ...] = ()


class Positions(Mapping[str, Position]):
    """Where each field of a block stands, found when it is asked for; `""` is the block."""

    __slots__ = ("_block",)

    def __init__(self, block: Block) -> None:
        self._block = block

    def __getitem__(self, name: str) -> Position:
        if name and not self._block.wrote(name):
            raise KeyError(name)
        return self._block.at(name).position

    def __iter__(self) -> Iterator[str]:
        return _written(self._block)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Snippets(Mapping[str, str]):
    """The source line of each field of a block, found when it is asked for."""

    __slots__ = ("_block",)

    def __init__(self, block: Block) -> None:
        self._block = block

    def __getitem__(self, name: str) -> str:
        if name and not self._block.wrote(name):
            raise KeyError(name)
        return self._block.at(name).snippet

    def __iter__(self) -> Iterator[str]:
        return _written(self._block)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _written(block: Block) -> Iterator[str]:
    yield ""
    seen: set[str] = set()
    for layer in block.layers:
        yield from (name for name in layer.entries if name not in seen)
        seen.update(layer.entries)
