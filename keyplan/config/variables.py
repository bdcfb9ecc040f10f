"""Variables: their types, where values come from, and which source wins.

Rules: lowest first, `KEYPLAN_VAR_x`, `keyplan.vars.yaml`, `*.auto.vars.yaml` in lexical
order, then `--var` and `--var-file` in the order given. Values are data: nothing in
them is evaluated. A value for a variable that is not declared is an error, except in
the environment, which other stacks share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from keyplan.config.decode import Deferred, Prepared, evaluate
from keyplan.config.decode_collections import compile_shape
from keyplan.config.decode_scalars import Mode
from keyplan.config.expressions import FileReader, Scope
from keyplan.config.fields import Items, Kind, Plain, Record, Shape, Table, Text
from keyplan.config.report import INVALID, Invalid, Place, Report, at, at_key, suggest
from keyplan.config.source import FileAccessError, SourceFile, read_file_below
from keyplan.config.sources import Variable
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode, parse, parse_any
from keyplan.diagnostics import Diagnostic, Diagnostics
from keyplan.model.values import Value

PREFIX = "KEYPLAN_VAR_"
FILE = "keyplan.vars.yaml"
AUTO_SUFFIX = ".auto.vars.yaml"

Assignment: TypeAlias = tuple[Literal["var", "file"], str]


@dataclass(frozen=True, slots=True)
class VariableInputs:
    """What the command line gave: `("var", "k=v")` and `("file", path)`, in order."""

    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A value for a variable, and who gave it, for messages."""

    node: Node
    place: Place | None
    source: str


def evaluate_variables(
    declared: Mapping[str, Variable],
    given: Mapping[str, Given],
    files: FileReader,
    diagnostics: Diagnostics,
) -> tuple[dict[str, Value], frozenset[str]]:
    """The value of each variable, and the names of those that could not be given one."""
    values: dict[str, Value] = {}
    broken: set[str] = set()
    for name, variable in declared.items():
        if variable.sensitive:
            diagnostics.hide(_texts(variable, given.get(name)))
    for name, variable in declared.items():
        report = Report(diagnostics, f"var.{name}")
        value = _value(variable, given.get(name), report)
        if isinstance(value, Invalid | Deferred):
            broken.add(name)
        else:
            values[name] = value
    for name, variable in declared.items():
        if name in values:
            scope = Scope({"var": values}, files)
            validate(variable, at_key(variable.entry), scope, Report(diagnostics, f"var.{name}"))
    return values, frozenset(broken)


def collect(
    declared: Mapping[str, Variable],
    root: Path,
    inputs: VariableInputs,
    environment: Mapping[str, str],
    diagnostics: Diagnostics,
) -> dict[str, Given]:
    """The winning value of each variable, still as it was written."""
    report = Report(diagnostics)
    given: dict[str, Given] = {}
    for name in declared:
        text = environment.get(PREFIX + name)
        if text is None:
            continue
        if any("\ud800" <= character <= "\udfff" for character in text):  # octets, not text
            report.error(
                "KP-DECL-021", None, f"{PREFIX}{name} is not UTF-8 text",
                advice="Set it to text in UTF-8.",
            )  # fmt: skip
            continue
        given[name] = _given_text(f"{PREFIX}{name}", text)
    for path in _automatic(root):
        _read_file(path, path.name, declared, given, report)
    for kind, text in inputs.assignments:
        if kind == "file":
            _read_file(Path(text), text, declared, given, report)
            continue
        name, equals, value = text.partition("=")
        if not equals:
            report.error(
                "KP-DECL-021", None, f"--var {text} assigns nothing",
                advice="Write --var name=value.",
            )  # fmt: skip
        elif name not in declared:
            _undeclared(name, declared, None, f"--var {name}", report)
        else:
            given[name] = _given_text(f"--var {name}", value)
    return given


class _Unseen(Diagnostics):
    """Messages about a file of values that may be sensitive: without its lines."""

    def __init__(self, into: Diagnostics) -> None:
        super().__init__()
        self._into = into

    def add(self, diagnostic: Diagnostic) -> None:
        """Pass it on."""
        related = tuple(replace(item, snippet="") for item in diagnostic.related)
        self._into.add(replace(diagnostic, snippet="", related=related))


def _automatic(root: Path) -> list[Path]:
    try:
        names = sorted(path.name for path in root.iterdir() if path.name.endswith(AUTO_SUFFIX))
    except OSError:
        return []
    first = [root / FILE] if os.path.lexists(root / FILE) else []  # a broken link is a mistake
    return first + [root / name for name in names]


def _given_text(source: str, text: str) -> Given:
    file = SourceFile.of(source, Path(source), text)
    return Given(ScalarNode(text, 1, 1, file, quoted=False), None, source)


def _read_file(
    path: Path,
    shown: str,
    declared: Mapping[str, Variable],
    given: dict[str, Given],
    report: Report,
) -> None:
    try:
        text = read_file_below(path.parent, path.parent, path.name)
    except FileAccessError as error:
        report.error(
            "KP-DECL-021", None, f"the file of variables {shown} {error.summary}",
            advice=error.advice,
        )  # fmt: skip
        return
    if any(variable.sensitive for variable in declared.values()):
        report = Report(_Unseen(report.diagnostics))
    document = parse(SourceFile.of(shown, path, text), report.diagnostics)
    for name, entry in (document.entries if document else {}).items():
        if name not in declared:
            _undeclared(name, declared, at_key(entry), shown, report)
        else:
            given[name] = Given(entry.value, at(entry.value), shown)


def _undeclared(
    name: str, declared: Mapping[str, object], place: Place | None, source: str, report: Report
) -> None:
    report.error(
        "KP-DECL-017",
        place,
        f"there is no variable {name}",
        why=f"{source} gives it a value",
        advice=suggest(name, declared) or f"Declare it: `variable: {{{name}: {{type: string}}}}`.",
    )


def _value(variable: Variable, given: Given | None, report: Report) -> Prepared:
    """The decoded value, or `INVALID` after a report."""
    name, entry, shape = variable.name, variable.entry, variable.shape
    if shape is None:
        return INVALID
    mode = Mode(f"var.{name}", Kind.LITERAL, nullable=True, verbatim=True)
    codec = compile_shape(shape, mode)
    if given is None:
        default = default_of(variable)
        if default is not None:
            return codec.decode(default, report)
        report.error(
            "KP-DECL-016",
            at_key(entry),
            f"var.{name} has no value",
            advice=f"Give one with --var {name}=..., {PREFIX}{name} or {FILE}, or a default.",
        )
        return INVALID
    node = given.node
    if given.place is None and isinstance(node, ScalarNode):
        node = _from_text(shape, node, report)
    return codec.decode(node, report)


def _from_text(shape: Shape, node: ScalarNode, report: Report) -> Node:
    """Text of the command line or the environment as the variable's type reads it."""
    if isinstance(shape, Items | Table | Record | Plain):
        parsed = parse_any(node.file, report.diagnostics)
        return parsed if isinstance(parsed, ListNode | MapNode) else node
    return ScalarNode(node.text, 1, 1, node.file, quoted=isinstance(shape, Text))


def _texts(variable: Variable, given: Given | None) -> Iterator[str]:
    """Every text of a value as it was written."""
    nodes = [node for node in (default_of(variable), given and given.node) if node is not None]
    while nodes:
        match nodes.pop():
            case ScalarNode(text=text):
                yield text
                yield from text.split("\n")
            case ListNode(items=items):
                nodes += items
            case MapNode(entries=entries):
                yield from entries
                nodes += [entry.value for entry in entries.values()]


def default_of(variable: Variable) -> Node | None:
    """The default of a variable as written."""
    node = variable.entry.value
    entry = node.entries.get("default") if isinstance(node, MapNode) else None
    return None if entry is None else entry.value


def validate(variable: Variable, place: Place, scope: Scope, report: Report) -> None:
    """Check a value against its own conditions, which may read every variable.

    `place` is where the message belongs: at the variable, or at what gave the value.
    """
    rules = evaluate(variable.fields.get("validation"), scope, report)
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and rule.get("condition") is False:
            message = str(rule.get("error_message", "a condition failed"))
            report.error(
                "KP-DECL-019",
                place,
                f"{report.address} is refused: {message.rstrip('.')}",
                advice="Give it a value that its validation accepts.",
            )
