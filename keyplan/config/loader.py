"""From a directory to a `Configuration`: the last stage that sees files.

Rules: every mistake of a run is reported together, in file order; work goes on after a
mistake as far as it makes sense, and a block that could not be used is remembered so
that nothing else calls it undeclared. Plugins are only asked for names and models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keyplan.config.blocks import Configuration
from keyplan.config.declarations import collect_declarations
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode
from keyplan.config.entries import read_imports, read_moved, read_removed
from keyplan.config.expressions import Scope
from keyplan.config.fields import Kind
from keyplan.config.language_guardrail import GUARDRAIL
from keyplan.config.locals import ABSENT, evaluate_locals, read_locals
from keyplan.config.modules import read_modules
from keyplan.config.names import Values
from keyplan.config.report import Report
from keyplan.config.source import StackFiles, read_stack
from keyplan.config.sources import read_blocks, read_variables
from keyplan.config.stack import read_providers, read_stack_block
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
    declared = read_variables(declarations, report)
    given = collect(declared, root, inputs, environment, diagnostics)
    values, broken = evaluate_variables(declared, given, files, diagnostics)
    variables = Values("var", values, broken)
    scope = Scope({**ABSENT, "var": variables}, files)
    found, bad = evaluate_locals(read_locals(declarations.blocks["locals"], report), scope, report)
    names = {"var": variables, "local": Values("local", found, bad)}
    scope = Scope({**ABSENT, **names}, files)
    providers, failed_providers = read_providers(
        declarations.blocks["provider"], plugins, scope, report
    )
    known = {*providers, *failed_providers, *(name.partition(".")[0] for name in providers)}
    stack = read_stack_block(
        root.resolve().name, declarations.blocks["keyplan"], report.about("keyplan")
    )
    for node in declarations.guardrail:
        RecordCodec(GUARDRAIL, Mode("guardrail", Kind.TEMPLATE)).decode(node, report)
    source = read_blocks(root.resolve(), declarations, declared, plugins, known, report)
    complete = read_modules(source, plugins, known, report)
    configuration = Configuration(
        root=root,
        stack=stack,
        names=names,
        files=files,
        source=source,
        providers=providers,
        principals=source.principals,
        policies=source.policies,
        keys=source.keys,
        outputs=source.outputs,
        imports=read_imports(declarations.lists["import"], report.about("import")),
        moved=read_moved(declarations.lists["moved"], report.about("moved")),
        removed=read_removed(declarations.lists["removed"], report),
        failed=frozenset({*source.failed, *(f"provider.{name}" for name in failed_providers)}),
        warnings=tuple(
            item for item in diagnostics.in_order() if item.severity is not Severity.ERROR
        ),
    )
    return None if unreadable or not declarations.complete or not complete else configuration
