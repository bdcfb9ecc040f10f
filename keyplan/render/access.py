"""Who can do what: on new keys, who can afterwards; on existing ones, who gains and loses.

Rules: operations are named by their group where it is the whole group; limits are
given with the access they limit; that nobody loses is said, not left to be inferred.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyplan.model.keys import Usage
from keyplan.model.policies import ADMINISTER, AUDIT, OPERATIONS, USE, possible
from keyplan.plans.changes import AccessChange
from keyplan.render.layout import LABEL, clean, count, entry, paragraph, some, with_right
from keyplan.render.reach import reach_of, reach_text
from keyplan.render.view import PlanView

LISTED = 20
"""Up to so many groups are all shown."""

SAMPLES = 5
"""So many groups of new keys are shown of those that are more."""

NO_LIMIT = "no condition, no end date"


def access_sections(view: PlanView) -> list[str]:
    """Both sections with their titles; empty if access does not change at all."""
    new = [item for item in view.plan.access if item.address in view.created]
    changed = [item for item in view.plan.access if item.address not in view.created]
    lines: list[str] = []
    if new:
        lines += ["Who can do what afterwards", "", *_afterwards(view, new), ""]
    if changed:
        lines += ["Who gains and who loses", "", *_delta(view, changed), ""]
    if lines or view.plan.lockout:
        if changed:
            lines += paragraph(f"Reach: {reach_text(reach_of(view.plan))}.", 2, 4)
        if view.plan.lockout:
            lines += paragraph(view.plan.lockout, 2, 4)
        lines.append("")
    return lines


def operations_text(operations: Iterable[str], usage: str = "") -> str:
    """`everything`, `use`, `administer`, or the operations by name; a whole group by its own."""
    rest = set(operations)
    parts: list[str] = []
    groups = [("administer", ADMINISTER)]
    everything = OPERATIONS
    if usage in set(Usage):
        groups.append(("use", USE[Usage(usage)]))
        everything = possible(Usage(usage), public_key=False)
    if rest >= everything:
        return "everything"
    for name, group in groups:
        if rest >= group:
            parts.append(name)
            rest -= group
    if rest == AUDIT and not parts:
        return "audit"
    return ", ".join([*parts, *sorted(rest)])


# -- new keys ----------------------------------------------------------------------------


def _afterwards(view: PlanView, items: list[AccessChange]) -> list[str]:
    per_key: dict[str, dict[tuple[str, str], list[str]]] = {}
    for item in items:
        if item.after is None:
            continue
        usage = view.facts(item.address)[2]
        row = (operations_text(item.operations, usage), item.after or "")
        names = per_key.setdefault(item.address, {}).setdefault(row, [])
        names.append(item.name or item.principal)
    alike: dict[tuple[tuple[tuple[str, str], tuple[str, ...]], ...], list[str]] = {}
    for address, rows in per_key.items():
        key = tuple((row, tuple(dict.fromkeys(names))) for row, names in rows.items())
        alike.setdefault(key, []).append(address)
    lines: list[str] = []
    groups = list(alike.items())
    many = len(groups) > LISTED and not view.options.full
    shown = groups[:SAMPLES] if many else groups
    for rows_of, addresses in shown:
        limit = len(addresses) if view.options.full else 8
        lines += paragraph(some([clean(address) for address in addresses], limit), 2, 4)
        for (operations, limits), people in rows_of:
            who = ", ".join(people) + (f", {limits}" if limits else "")
            lines += entry(8, operations, who, width=LABEL)
    return lines + _more(view, len(groups) - len(shown), "group of keys", "groups of keys")


# -- existing keys -----------------------------------------------------------------------


def _delta(view: PlanView, items: list[AccessChange]) -> list[str]:
    alike: dict[tuple[str, str, str, str], list[str]] = {}
    for item in items:
        usage = view.facts(item.address)[2]
        operations = operations_text(item.operations, usage)
        key = (_mark(item), item.name or item.principal, operations, _limits(item))
        alike.setdefault(key, []).append(item.address)
    order = {"+": 0, "~": 1, "-": 2}
    groups = sorted(alike.items(), key=lambda group: order[group[0][0]])
    shown = groups if view.options.full else groups[:LISTED]
    lines: list[str] = []
    for (mark, name, operations, limits), addresses in shown:
        listed = addresses if view.options.full else addresses[:4]
        keys = " ".join(clean(address) for address in listed)
        if len(listed) < len(addresses):
            keys += f" and {len(addresses) - len(listed):,} more"
        lines += with_right(paragraph(f"{mark} {name}", 2, 4), keys)
        lines += paragraph(f"{operations}: {limits}" if limits else operations, 8)
    lines += _more(view, len(groups) - len(shown), "change of access", "changes of access")
    if not any(item.after is None for item in items):
        lines.append("  - nobody loses access")
    return lines


def _mark(item: AccessChange) -> str:
    if item.before is None:
        return "+"
    return "-" if item.after is None else "~"


def _limits(item: AccessChange) -> str:
    if item.before is None:
        return item.after or NO_LIMIT
    if item.after is None:
        return ""
    return f"{item.before or NO_LIMIT} -> {item.after or NO_LIMIT}"


def _more(view: PlanView, number: int, one: str, many: str) -> list[str]:
    if number <= 0:
        return []
    text = f"and {count(number, f'more {one}', f'more {many}')} (show all: {view.options.show_all})"
    return paragraph(text, 2, 4)
