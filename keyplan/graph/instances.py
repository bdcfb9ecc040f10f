"""`for_each` and `declare`: from blocks to what they declare.

Rules: a block with `for_each` declares one instance per entry of a map or item of a
list of text; `declare: false` leaves an instance out. Both are known before anything
is linked, so they may read variables and locals, and nothing of keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from keyplan.config.blocks import Block
from keyplan.config.budget import MAX_STACK_STEPS
from keyplan.config.decode import Deferred, Prepared, evaluate
from keyplan.config.expressions import FileReader, Lookup, Scope
from keyplan.config.names import Absent
from keyplan.config.report import Invalid, Report, at
from keyplan.config.scalars import kind_of
from keyplan.config.sources import Source
from keyplan.diagnostics import Related
from keyplan.graph.lazy import Lazy
from keyplan.graph.providers import ProviderName
from keyplan.model.address import Address, quote
from keyplan.model.values import Value

_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_STEPS = 100
"""What an instance takes of the stack's budget: 200,000 of them take all of it."""
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
    home: Home
    each: Mapping[str, object] | None = None

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


@dataclass(slots=True, eq=False)
class Home:
    """The stack, or one instance of a module: where blocks are declared, and what they see.

    `address` is empty for the stack. `early` are the names that are known before anything
    is linked, `names` all of them. `providers` maps what a provider is called here to its
    name in the stack. `within` are the places that use the module, innermost first.
    `lookup` makes an address readable. `children` are the instances of modules, by name
    and `for_each` key; a name is in `broken` if they are not known, which was reported.
    `outputs` are what its user may read. `given` are the inputs that `user` wrote.
    """

    address: str
    source: Source
    early: Mapping[str, object]
    files: FileReader
    lookup: Callable[[Address], Lookup]
    providers: Mapping[str, str] = field(default_factory=dict)
    within: tuple[Related, ...] = ()
    names: Mapping[str, object] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)
    children: dict[str, dict[str | None, Home]] = field(default_factory=dict)
    outputs: Mapping[str, Lazy] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    user: Home | None = None
    given: Mapping[str, Prepared] = field(default_factory=dict)

    def provider(self, name: str) -> str:
        """The name that the stack knows a provider by."""
        return str(name) if isinstance(name, ProviderName) else self.providers.get(name, name)

    def inside(self, name: str) -> str:
        """The whole address of something that is written here as `key.root`."""
        return f"{self.address}.{name}" if self.address else name

    def scope(self, names: Mapping[str, object]) -> Scope:
        """A scope for text that is written here."""
        return Scope(names, self.files, self.address)


def readable(value: object, lookup: Callable[[Address], Lookup]) -> object:
    """A value whose addresses can be read through; the same object if it has none."""
    if isinstance(value, Address):
        return lookup(value)
    if isinstance(value, dict):
        entries = {name: readable(item, lookup) for name, item in value.items()}
        return value if all(entries[name] is value[name] for name in value) else entries
    if isinstance(value, list):
        items = [readable(item, lookup) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def expand(kind: str, blocks: Mapping[str, Block], home: Home, report: Report) -> Declared:
    """All instances of the blocks of one kind."""
    families = {
        name: _family(block, home, report.about(home.inside(block.address)))
        for name, block in blocks.items()
    }
    prefix = f"{kind}."
    failed = (name for name in home.source.failed if name.startswith(prefix))
    return Declared(kind, families, frozenset(name.removeprefix(prefix) for name in failed))


Each = Mapping[str, object]


def each_of(block: Block, home: Home, report: Report) -> Mapping[str | None, Each | None] | None:
    """What `each` is in every instance, by key; one `None` without `for_each`.

    `None` if `for_each` could not be used, which was reported.
    """
    return _entries(block, home, report) if block.wrote("for_each") else {None: None}


def is_declared(block: Block, each: Each | None, home: Home, report: Report) -> bool | None:
    """The value of `declare`; `None` if it was reported."""
    if "declare" not in block.repeat:
        return None if block.wrote("declare") else True
    value = evaluate(
        block.repeat["declare"], _scope(NO_EACH if each is None else each, home), report
    )
    return value if isinstance(value, bool) else None


def _family(block: Block, home: Home, report: Report) -> Family:
    family = Family(block, keyed=block.wrote("for_each"))
    own = home.inside(block.address)
    if not _affordable(1, block, home, report):
        family.failed = True
        return family
    if not family.keyed and not block.wrote("declare"):
        family.instances[None] = Instance(Address(own), block, home)
        return family
    entries = each_of(block, home, report)
    if entries is None or not _affordable(len(entries), block, home, report):
        family.failed = True
        return family
    for key, each in entries.items():
        wanted = is_declared(block, each, home, report)
        if wanted:
            address = Address(own if key is None else f"{own}[{quote(key)}]")
            family.instances[key] = Instance(address, block, home, each)
        elif wanted is None:
            family.failed = True
        else:
            family.left_out.add(key)
    return family


def _affordable(count: int, block: Block, home: Home, report: Report) -> bool:
    """Whether the stack's budget has room for so many instances; said once when it has not."""
    budget = home.files.budget
    if budget.is_spent():
        report.already_reported()
        return False
    budget.spend(count * _STEPS, None)
    if budget.is_spent():
        report.error(
            "KP-EXPR-013",
            block.place,
            "the stack declares too much",
            why=f"an instance counts as {_STEPS} of its {MAX_STACK_STEPS:,} steps",
            advice="Make one of the for_each smaller, or split the stack.",
        )
    return not budget.is_spent()


def _scope(each: object, home: Home) -> Scope:
    return home.scope({**home.early, **_NOT_YET, "each": each})


def _entries(block: Block, home: Home, report: Report) -> dict[str | None, Each | None] | None:
    """`each` by key; `None` if it was reported."""
    if "for_each" not in block.repeat:
        return None
    prepared = block.repeat["for_each"]
    value = evaluate(prepared, _scope(NO_EACH, home), report)
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
    result: dict[str | None, Each | None] = {}
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
        found = readable(item, home.lookup) if isinstance(prepared, Deferred) else item
        result[key] = {"key": key, "value": found}
    return result


def _wrong(block: Block, report: Report, summary: str, advice: str) -> None:
    node = block.node("for_each")
    report.error("KP-DECL-025", at(node) if node else block.place, summary, advice=advice)
