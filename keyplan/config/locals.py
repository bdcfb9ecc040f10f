"""`locals`: named values, evaluated once per stack or module, in the order of their references.

Rules: a local may read variables and other locals; keys, policies and principals are
linked later and cannot be read here. A cycle is an error that names every local of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from keyplan.config.decode import Prepared, evaluate, templates_of
from keyplan.config.decode_scalars import Mode, PlainCodec
from keyplan.config.expressions import Scope
from keyplan.config.fields import Kind, Plain
from keyplan.config.names import Absent, Values
from keyplan.config.report import INVALID, Invalid, Report, at_key, related
from keyplan.config.tree import Entry
from keyplan.model.values import Value


@dataclass(frozen=True, slots=True)
class Locals:
    """The locals of one folder, decoded. `order` is that of evaluation, `None` for a circle."""

    entries: Mapping[str, Entry]
    prepared: Mapping[str, Prepared]
    order: tuple[str, ...] | None


def read_locals(entries: Mapping[str, Entry], report: Report) -> Locals:
    """Decode the locals of one folder."""
    prepared = {name: _decode(name, entry, report) for name, entry in entries.items()}
    order = _order(prepared, entries, report)
    return Locals(entries, prepared, None if order is None else tuple(order))


def evaluate_locals(
    found: Locals, scope: Scope, report: Report
) -> tuple[dict[str, Value], frozenset[str]]:
    """The value of each local, and the names of those that could not be evaluated.

    `scope` has the variables. Messages are about the module that `scope` names.
    """
    if found.order is None:
        return {}, frozenset(found.entries)
    broken = {name for name, item in found.prepared.items() if item is INVALID}
    values: dict[str, Value] = {}
    above = f"{scope.module}." if scope.module else ""
    for name in found.order:
        if name in broken:
            continue
        names = {**ABSENT, **scope.names, "local": Values("local", values, frozenset(broken))}
        own = Scope(names, scope.files, scope.module)
        value = evaluate(found.prepared[name], own, report.about(f"{above}local.{name}"))
        if isinstance(value, Invalid):
            broken.add(name)
        else:
            values[name] = value
    return {name: values[name] for name in found.entries if name in values}, frozenset(broken)


ABSENT: Mapping[str, Absent] = {
    name: Absent(name, "variables and locals are evaluated before anything is linked")
    for name in ("key", "policy", "principal", "each", "this", "module")
}


def _decode(name: str, entry: Entry, report: Report) -> Prepared:
    codec = PlainCodec(Plain(typed=True), Mode(f"local.{name}", Kind.TEMPLATE))
    return codec.decode(entry.value, report.about(f"local.{name}"))


def _order(
    prepared: Mapping[str, Prepared], entries: Mapping[str, Entry], report: Report
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
    written = {name: number for number, name in enumerate(entries)}
    first = min(needs_next, key=written.__getitem__)
    start = needs_next.index(first)
    around = needs_next[start:] + needs_next[:start]
    report.about(f"local.{first}").error(
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
