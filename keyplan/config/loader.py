"""From a directory to a `Configuration`: the last stage that sees files.

Rules: every mistake of a run is reported together, in file order; work goes on after a
mistake as far as it makes sense, and a block that could not be used is remembered so
that nothing else calls it undeclared. Plugins are only asked for names and models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from keyplan.config.blocks import Block, Configuration
from keyplan.config.declarations import Declarations, collect_declarations
from keyplan.config.decode import Prepared
from keyplan.config.decode_blocks import BlockReader, provider_fields
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode
from keyplan.config.entries import read_imports, read_moved, read_removed
from keyplan.config.expressions import Scope
from keyplan.config.fields import Field, Kind, Record
from keyplan.config.language import OUTPUT, VARIABLE
from keyplan.config.language_key import KEY
from keyplan.config.language_policy import IDENTITY, POLICY, PRINCIPAL
from keyplan.config.locals import ABSENT, evaluate_locals
from keyplan.config.names import Values
from keyplan.config.report import Report, at_key, suggest, suggest_or_list
from keyplan.config.source import StackFiles, read_stack
from keyplan.config.stack import read_providers, read_stack_block
from keyplan.config.tree import Entry, MapNode
from keyplan.config.variables import VariableInputs, collect, evaluate_variables
from keyplan.diagnostics import Diagnostics, Severity
from keyplan.sdk.provider import Plugin

__all__ = ["VariableInputs", "load", "read"]


def load(
    root: Path,
    *,
    inputs: VariableInputs,
    plugins: Mapping[str, Plugin],
    environment: Mapping[str, str],
) -> Configuration:
    """The configuration of the stack at `root`.

    Raises `ConfigurationError` with every diagnostic of the run, in file order.
    """
    diagnostics = Diagnostics()
    configuration = read(
        root, inputs=inputs, plugins=plugins, environment=environment, diagnostics=diagnostics
    )
    diagnostics.raise_if_errors()
    assert configuration is not None  # noqa: S101  # an unreadable file is an error
    return configuration


def read(
    root: Path,
    *,
    inputs: VariableInputs,
    plugins: Mapping[str, Plugin],
    environment: Mapping[str, str],
    diagnostics: Diagnostics,
) -> Configuration | None:
    """As `load`, with mistakes added to `diagnostics` instead.

    `None` if a file could not be read or parsed: linking the rest would only report
    what that file may declare.
    """
    report = Report(diagnostics)
    sources = read_stack(root, diagnostics)
    unreadable = diagnostics.has_errors
    declarations = collect_declarations(sources.files, report)
    files = StackFiles(root)
    decoded = _decode_variables(declarations, report)
    given = collect(decoded, root, inputs, environment, diagnostics)
    values, broken = evaluate_variables(decoded, given, files, diagnostics)
    variables = Values("var", values, broken)
    found, bad = evaluate_locals(declarations.blocks["locals"], variables, files, diagnostics)
    names = {"var": variables, "local": Values("local", found, bad)}
    scope = Scope({**ABSENT, **names}, files)
    providers, failed_providers = read_providers(
        declarations.blocks["provider"], plugins, scope, report
    )
    known = {*providers, *failed_providers, *(name.partition(".")[0] for name in providers)}
    reader = _Reader(declarations, plugins, known, report)
    stack = read_stack_block(
        root.resolve().name, declarations.blocks["keyplan"], report.about("keyplan")
    )
    keys = reader.blocks("key", KEY, provider_fields(plugins))
    configuration = Configuration(
        root=root,
        stack=stack,
        names=names,
        files=files,
        providers=providers,
        principals=reader.blocks("principal", PRINCIPAL, reader.identity_fields()),
        policies=reader.blocks("policy", POLICY, provider_fields(plugins)),
        keys=keys,
        outputs=reader.blocks("output", OUTPUT, ()),
        imports=read_imports(declarations.lists["import"], report.about("import")),
        moved=read_moved(declarations.lists["moved"], report.about("moved")),
        removed=read_removed(declarations.lists["removed"], report),
        failed=frozenset({*reader.failed, *(f"provider.{name}" for name in failed_providers)}),
        warnings=tuple(
            item for item in diagnostics.in_order() if item.severity is not Severity.ERROR
        ),
    )
    return None if unreadable or not declarations.complete else configuration


def _decode_variables(
    declarations: Declarations, report: Report
) -> dict[str, tuple[Entry, Mapping[str, Prepared]]]:
    """Each variable's entry and fields; one that is no map has none."""
    codec = RecordCodec(VARIABLE, Mode("", Kind.LITERAL))
    decoded: dict[str, tuple[Entry, Mapping[str, Prepared]]] = {}
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
        decoded[name] = (entry, fields)
    return decoded


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
        names = {*self._plugins, *self._known}
        fields = {field.name for field in PRINCIPAL.fields}
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
