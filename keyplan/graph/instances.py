"""`for_each` and `declare`: from blocks to what they declare.

Rules: a block with `for_each` declares one instance per entry of a map or item of a
list of text; `declare: false` leaves an instance out. Both are known before anything
is linked, so they may read variables and locals, and nothing of keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keyplan.config.blocks import Block, Configuration
from keyplan.config.decode import evaluate
from keyplan.config.expressions import Scope
from keyplan.config.names import Absent
from keyplan.config.report import Invalid, Report, at
from keyplan.config.scalars import kind_of
from keyplan.model.address import Address
from keyplan.model.values import Value

_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
NO_EACH = Absent("each", "the block has no for_each")
_NOT_YET = {
    name: Absent(name, "for_each and declare are evaluated before anything is linked")
    for name in ("key", "policy", "principal", "this", "module")
}


@dataclass(frozen=True, slots=True)
class Instance:
    """One declared thing: a block, and `each` if the block has `for_each`."""

    address: Address
    block: Block
    each: Mapping[str, Value] | None = None

    @property
    def each_name(self) -> object:
        """What the name `each` means in its fields."""
        return NO_EACH if self.each is None else self.each


@dataclass(slots=True)
class Family:
    """The instances of one block, by `for_each` key (`None` without `for_each`).

    `failed`: its instances are not known, which was reported. `left_out` has the keys
    that `declare: false` took away.
    """

    block: Block
    keyed: bool
    instances: dict[str | None, Instance] = field(default_factory=dict)
    left_out: set[str | None] = field(default_factory=set)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything of one kind, by name. `failed`: names that could not be read at all."""

    kind: str
    families: Mapping[str, Family]
    failed: frozenset[str]

    def __iter__(self) -> Iterator[Instance]:
        for family in self.families.values():
            yield from family.instances.values()

    def get(self, address: Address) -> Instance | None:
        """An instance by its address."""
        parts = address.parts
        family = self.families.get(parts.name)
        return None if family is None else family.instances.get(parts.instance)


def expand(
    kind: str, blocks: Mapping[str, Block], configuration: Configuration, report: Report
) -> Declared:
    """All instances of the blocks of one kind."""
    families = {
        name: _family(block, configuration, report.about(block.address))
        for name, block in blocks.items()
    }
    prefix = f"{kind}."
    failed = (name for name in configuration.failed if name.startswith(prefix))
    return Declared(kind, families, frozenset(name.removeprefix(prefix) for name in failed))


def each_of(
    block: Block, configuration: Configuration, report: Report
) -> Mapping[str | None, Mapping[str, Value] | None] | None:
    """What `each` is in every instance, by key; one `None` without `for_each`.

    `None` if `for_each` could not be used, which was reported.
    """
    return _entries(block, configuration, report) if block.wrote("for_each") else {None: None}


def _family(block: Block, configuration: Configuration, report: Report) -> Family:
    family = Family(block, keyed=block.wrote("for_each"))
    if not family.keyed and not block.wrote("declare"):
        family.instances[None] = Instance(Address(block.address), block)
        return family
    entries = each_of(block, configuration, report)
    if entries is None:
        family.failed = True
        return family
    for key, each in entries.items():
        address = Address.of(block.kind, block.name, key)
        instance = Instance(address, block, each)
        wanted = _declared(instance, configuration, report)
        if wanted:
            family.instances[key] = instance
        elif wanted is None:
            family.failed = True
        else:
            family.left_out.add(key)
    return family


def _scope(each: object, configuration: Configuration) -> Scope:
    return Scope({**configuration.names, **_NOT_YET, "each": each}, configuration.files)


def _declared(instance: Instance, configuration: Configuration, report: Report) -> bool | None:
    """The value of `declare`; `None` if it was reported."""
    block = instance.block
    if "declare" not in block.repeat:
        return None if block.wrote("declare") else True
    value = evaluate(block.repeat["declare"], _scope(instance.each_name, configuration), report)
    return value if isinstance(value, bool) else None


def _entries(
    block: Block, configuration: Configuration, report: Report
) -> dict[str | None, Mapping[str, Value] | None] | None:
    """`each` by key; `None` if it was reported."""
    if "for_each" not in block.repeat:
        return None
    value = evaluate(block.repeat["for_each"], _scope(NO_EACH, configuration), report)
    if isinstance(value, Invalid):
        return None
    pairs: list[tuple[Value, Value]]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(item, item) for item in value]
    else:
        _wrong(block, report, f"for_each is {kind_of(value)}", "Give it a map or a list of text.")
        return None
    result: dict[str | None, Mapping[str, Value] | None] = {}
    for key, item in pairs:
        if not isinstance(key, str):
            _wrong(block, report, f"for_each has {kind_of(key)} in it: {key}", "Write it as text.")
            return None
        if _TEXT.fullmatch(key) is None:
            _wrong(
                block,
                report,
                f"for_each has {key!r} in it, which cannot be part of an address",
                "Write 1 to 256 characters without control characters.",
            )
            return None
        if key in result:
            _wrong(block, report, f"for_each has {key!r} twice", "Keep one of the two.")
            return None
        result[key] = {"key": key, "value": item}
    return result


def _wrong(block: Block, report: Report, summary: str, advice: str) -> None:
    node = block.node("for_each")
    report.error("KP-DECL-025", at(node) if node else block.place, summary, advice=advice)
