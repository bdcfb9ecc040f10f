"""What one folder declares: the stack's own files, or those of a module, decoded once.

Rules: a module is read once, however often it is used; its blocks wait for an instance.
What belongs to the stack (providers, `import`, `moved`, `removed`) is refused in a
module, never ignored. Plugins are only asked for names and models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyplan.config.blocks import Block
from keyplan.config.declarations import Declarations
from keyplan.config.decode import Prepared
from keyplan.config.decode_blocks import BlockReader, provider_fields
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode
from keyplan.config.fields import Field, Kind, Record, Shape
from keyplan.config.language import OUTPUT, VARIABLE
from keyplan.config.language_key import KEY
from keyplan.config.language_modules import MODULE
from keyplan.config.language_policy import IDENTITY, POLICY, PRINCIPAL
from keyplan.config.locals import Locals, read_locals
from keyplan.config.report import Report, at_key, suggest, suggest_or_list
from keyplan.config.tree import Entry, MapNode
from keyplan.config.variable_types import type_of
from keyplan.sdk.provider import Plugin


@dataclass(frozen=True, slots=True)
class Variable:
    """One declared variable. `shape` is `None` if its type was reported."""

    name: str
    entry: Entry
    fields: Mapping[str, Prepared]
    shape: Shape | None

    @property
    def sensitive(self) -> bool:
        """Whether its value may not be shown."""
        return self.fields.get("sensitive") is True


@dataclass(frozen=True, slots=True)
class Source:
    """One folder's blocks by name. `children` are the modules that it uses, by name.

    `failed` has the addresses of blocks that could not be used at all, so that nothing
    says that they are not declared.
    """

    folder: Path
    variables: Mapping[str, Variable]
    locals: Locals
    principals: Mapping[str, Block]
    policies: Mapping[str, Block]
    keys: Mapping[str, Block]
    modules: Mapping[str, Block]
    outputs: Mapping[str, Block]
    failed: frozenset[str]
    children: dict[str, Source] = field(default_factory=dict)


def read_variables(declarations: Declarations, report: Report) -> dict[str, Variable]:
    """Each variable with its fields and its type; one that is no map has none."""
    codec = RecordCodec(VARIABLE, Mode("", Kind.LITERAL))
    decoded: dict[str, Variable] = {}
    for name, entry in declarations.blocks["variable"].items():
        own = report.about(f"var.{name}")
        fields: Mapping[str, Prepared] = {}
        if isinstance(entry.value, MapNode):
            fields = codec.entries(entry.value, own)
        else:
            own.error(
                "KP-DECL-003",
                at_key(entry),
                f"variable {name} is not a map",
                advice="Write `type: string` below it.",
            )
        decoded[name] = Variable(name, entry, fields, type_of(entry, own))
    return decoded


def read_blocks(  # noqa: PLR0917  # what the stages before it found
    folder: Path,
    declarations: Declarations,
    variables: Mapping[str, Variable],
    plugins: Mapping[str, Plugin],
    known: Iterable[str],
    report: Report,
) -> Source:
    """Decode the blocks of one folder. `known` are the names of provider instances."""
    reader = _Reader(declarations, plugins, known, report)
    keys = reader.blocks("key", KEY, provider_fields(plugins))
    return Source(
        folder,
        variables,
        read_locals(declarations.blocks["locals"], report),
        reader.blocks("principal", PRINCIPAL, reader.identity_fields()),
        reader.blocks("policy", POLICY, provider_fields(plugins)),
        keys,
        reader.blocks("module", MODULE, ()),
        reader.blocks("output", OUTPUT, ()),
        frozenset(reader.failed),
    )


class _Reader:
    """Reads the blocks of each kind and remembers which could not be used."""

    def __init__(
        self,
        declarations: Declarations,
        plugins: Mapping[str, Plugin],
        known: Iterable[str],
        report: Report,
    ) -> None:
        self._declarations = declarations
        self._plugins = plugins
        self._known = frozenset(known)
        self._report = report
        self.failed: set[str] = set()

    def blocks(self, kind: str, record: Record, extra: tuple[Field, ...]) -> dict[str, Block]:
        """Every block of a kind that can be used at least in part."""
        defaults = self._declarations.defaults.get(kind, {})
        reader = BlockReader(kind, record, extra, defaults, self._report)
        result: dict[str, Block] = {}
        for name, entry in self._declarations.blocks[kind].items():
            block = reader.read(name, entry, self._report.about(f"{kind}.{name}"))
            if block is None:
                self.failed.add(f"{kind}.{name}")
            else:
                result[name] = block
        return result

    def identity_fields(self) -> tuple[Field, ...]:
        """One field per provider type or instance that a principal can have a name with.

        A type that is not installed gets a warning, unless it looks like a slip of one
        that is: stacks share files of principals.
        """
        fields = {field.name for field in PRINCIPAL.fields}
        names = {*self._plugins, *self._known} - fields  # a provider cannot take their place
        for name, entry in self._declarations.blocks["principal"].items():
            inner = entry.value.entries if isinstance(entry.value, MapNode) else {}
            for written, below in inner.items():
                if written in names or written in fields or suggest(written, names | fields):
                    continue
                self._report.about(f"principal.{name}").warning(
                    "KP-DECL-028",
                    at_key(below),
                    f"no provider {written} is installed or declared",
                    why="this identity is not used",
                    advice=suggest_or_list(written, names, "Known"),
                )
                names.add(written)
        return tuple(
            Field(name, IDENTITY.shape, IDENTITY.doc, IDENTITY.kind) for name in sorted(names)
        )
