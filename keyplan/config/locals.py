"""`locals`: named values of a stack, evaluated once, in the order of their references.

Rules: a local may read variables and other locals; keys, policies and principals are
linked later and cannot be read here. A cycle is an error that names every local of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from keyplan.config.decode import Prepared, evaluate, templates_of
from keyplan.config.decode_scalars import Mode, PlainCodec
from keyplan.config.expressions import FileReader, Scope
from keyplan.config.fields import Kind, Plain
from keyplan.config.names import Absent, Values
from keyplan.config.report import INVALID, Invalid, Report, at_key, related
from keyplan.config.tree import Entry
from keyplan.diagnostics import Diagnostics
from keyplan.model.values import Value


def evaluate_locals(
    entries: Mapping[str, Entry],
    variables: object,
    files: FileReader,
    diagnostics: Diagnostics,
) -> tuple[dict[str, Value], frozenset[str]]:
    """The value of each local, and the names of those that could not be evaluated."""
    prepared = {name: _decode(name, entry, diagnostics) for name, entry in entries.items()}
    broken = {name for name, item in prepared.items() if item is INVALID}
    order = _order(prepared, entries, diagnostics)
    if order is None:
        return {}, frozenset(entries)
    values: dict[str, Value] = {}
    for name in order:
        if name in broken:
            continue
        names = {"var": variables, "local": Values("local", values, frozenset(broken)), **ABSENT}
        value = evaluate(prepared[name], Scope(names, files), Report(diagnostics, f"local.{name}"))
        if isinstance(value, Invalid):
            broken.add(name)
        else:
            values[name] = value
    return {name: values[name] for name in entries if name in values}, frozenset(broken)


ABSENT: Mapping[str, Absent] = {
    name: Absent(name, "variables and locals are evaluated before anything is linked")
    for name in ("key", "policy", "principal", "each", "this", "module")
}


def _decode(name: str, entry: Entry, diagnostics: Diagnostics) -> Prepared:
    codec = PlainCodec(Plain(typed=True), Mode(f"local.{name}", Kind.TEMPLATE))
    return codec.decode(entry.value, Report(diagnostics, f"local.{name}"))


def _order(
    prepared: Mapping[str, Prepared], entries: Mapping[str, Entry], diagnostics: Diagnostics
) -> list[str] | None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, item in prepared.items():
        read = (reference for found in templates_of(item) for reference in found.references)
        needs = {part[1] for part in read if part[0] == "local" and len(part) > 1}
        sorter.add(name, *sorted(needs & prepared.keys()))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        cycle: list[str] = error.args[1]
    needs_next = cycle[:0:-1]  # graphlib names each before what needs it, the first one twice
    first = min(needs_next, key=list(entries).index)
    start = needs_next.index(first)
    around = needs_next[start:] + needs_next[:start]
    Report(diagnostics, f"local.{first}").error(
        "KP-REF-008",
        at_key(entries[first]),
        "locals refer to each other in a circle: "
        + " -> ".join(f"local.{name}" for name in (*around, first)),
        advice="Write one of them without the others.",
        also=tuple(
            related(f"local.{name}", at_key(entries[name])) for name in around if name != first
        ),
    )
    return None
