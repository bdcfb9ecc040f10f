"""The top level of a stack: what all its files declare, merged by name.

Rules: files are merged in lexical order; the same name twice is an error that shows
both places. What the language has and this version does not is an error that says so,
never ignored. Words of Terraform get the word of keyplan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from keyplan.config.language import (
    BLOCKS,
    DEFAULTS,
    LATER_BLOCKS,
    LIST_BLOCKS,
    NAME,
    NAME_SAYS,
    RESERVED,
)
from keyplan.config.report import Report, at, at_key, related, suggest_or_list
from keyplan.config.source import SourceFile
from keyplan.config.tree import Entry, ListNode, MapNode, Node, ScalarNode, parse

_NAME = re.compile(NAME)
_INSTANCE = re.compile(rf"{NAME}(\.{NAME})?")
_HABITS = {
    "terraform": "keyplan",
    "resource": "key",
    "keys": "key",
    "data_source": "import",
    "inputs": "variable",
    "vars": "variable",
    "import_": "import",
}


@dataclass(slots=True)
class Declarations:
    """Entries by block and name. `complete` is false if a file could not be read at all."""

    blocks: dict[str, dict[str, Entry]] = field(
        default_factory=lambda: {name: {} for name in BLOCKS}
    )
    defaults: dict[str, dict[str, Entry]] = field(
        default_factory=lambda: {name: {} for name in DEFAULTS}
    )
    lists: dict[str, list[Node]] = field(default_factory=lambda: {name: [] for name in LIST_BLOCKS})
    guardrail: list[Node] = field(default_factory=list)
    complete: bool = True


def collect_declarations(files: Iterable[SourceFile], report: Report) -> Declarations:
    """Parse each file and merge what they declare."""
    result = Declarations()
    for file in files:
        document = parse(file, report.diagnostics)
        if document is None:
            result.complete = False
            continue
        for block, entry in document.entries.items():
            _add_block(block, entry, result, report)
    return result


def _add_block(block: str, entry: Entry, result: Declarations, report: Report) -> None:
    if block in LATER_BLOCKS or block in RESERVED:
        report.error(
            "KP-DECL-004",
            at_key(entry),
            f"{block} is not there yet",
            why="this version of keyplan does not know what to do with it",
            advice="Remove it; it is never ignored silently.",
        )
        if block == "guardrail" and not _is_empty(entry.value):
            result.guardrail.append(entry.value)
    elif block not in BLOCKS:
        habit = _HABITS.get(block)
        report.error(
            "KP-DECL-011",
            at_key(entry),
            f"{block} is not a block",
            advice=f"Write {habit}." if habit else suggest_or_list(block, BLOCKS, "Blocks"),
        )
    elif block in LIST_BLOCKS:
        _add_list(block, entry, result, report)
    elif isinstance(entry.value, MapNode):
        for name, inner in entry.value.entries.items():
            _add_entry(block, name, inner, result, report)
    elif not _is_empty(entry.value):
        report.error(
            "KP-DECL-003",
            at(entry.value),
            f"{block} is not a map",
            advice=f"Write `{block}:` and below it, indented, one entry per name.",
        )


_EXAMPLES = {
    "import": "{to: key.name, id: its-id}",
    "moved": "{from: key.old, to: key.new}",
    "removed": "{from: key.old, mode: forget}",
}


def _add_list(block: str, entry: Entry, result: Declarations, report: Report) -> None:
    if isinstance(entry.value, ListNode):
        result.lists[block].extend(entry.value.items)
    elif not _is_empty(entry.value):
        report.error(
            "KP-DECL-003",
            at(entry.value),
            f"{block} is not a list",
            advice=f"Write `- {_EXAMPLES[block]}` below it.",
        )


def _add_entry(block: str, name: str, entry: Entry, result: Declarations, report: Report) -> None:
    if block == "defaults":
        _add_defaults(name, entry, result, report)
        return
    pattern = _INSTANCE if block == "provider" else _NAME
    if block != "keyplan" and pattern.fullmatch(name) is None:
        report.error(
            "KP-DECL-007",
            at_key(entry),
            f"{name!r} is not a name",
            advice=f"Write {NAME_SAYS}"
            + (", and perhaps a dot and an alias." if block == "provider" else "."),
        )
        return
    _add_once(f"{block}.{name}", name, entry, result.blocks[block], report)


def _add_defaults(kind: str, entry: Entry, result: Declarations, report: Report) -> None:
    if kind not in DEFAULTS:
        report.error(
            "KP-DECL-011",
            at_key(entry),
            f"{kind} has no defaults",
            advice=suggest_or_list(kind, DEFAULTS, "Defaults are for"),
        )
    elif isinstance(entry.value, MapNode):
        for name, inner in entry.value.entries.items():
            _add_once(f"defaults.{kind}.{name}", name, inner, result.defaults[kind], report)
    elif not _is_empty(entry.value):
        report.error("KP-DECL-003", at(entry.value), f"defaults.{kind} is not a map")


def _add_once(
    address: str, name: str, entry: Entry, entries: dict[str, Entry], report: Report
) -> None:
    first = entries.setdefault(name, entry)
    if first is not entry:
        report.about(address).error(
            "KP-DECL-008",
            at_key(entry),
            f"{address} is declared twice",
            advice="Keep one of the two, or give one of them another name.",
            also=(related("first declared here", at_key(first)),),
        )


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and not node.text and not node.quoted
