"""The section Changes: the tree of keys that change, riskier things never folded away.

Rules: a child stands below its parent where both change; a policy that changes alike on
several keys is shown once; more than twenty similar changes fold to three and a count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.plans.changes import Action, ResourceChange
from keyplan.plans.plan import PlanMode
from keyplan.render.attributes import change_lines
from keyplan.render.fold import fold
from keyplan.render.layout import clean, count, paragraph, with_right
from keyplan.render.policies import group_lines, policy_groups
from keyplan.render.view import PlanView
from keyplan.render.words import MARKS

DEEPEST = 6
"""Deeper levels are not indented further."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes two changes similar enough to fold."""

    action: Action
    provider: str
    what: str
    risky: bool


def changes_section(view: PlanView) -> list[str]:
    """The section with its title; empty if nothing changes.

    A refresh changes no key: its section Drift says all.
    """
    if not view.changes or view.plan.mode is PlanMode.REFRESH_ONLY:
        return []
    groups = policy_groups(view)
    grouped = {change.address for group in groups for change, _ in group.members}
    only_grouped = {
        change.address
        for group in groups
        for change, _ in group.members
        if [item.path for item in change.attributes] == ["policy"]
    }
    folded = fold(
        (change for change in view.changes if change.address not in only_grouped),
        lambda change: _likeness(view, change),
        full=view.options.full,
    )
    lines = ["Changes", ""]
    for change, depth in _tree(folded.shown):
        lines += headline(view, change, depth)
        lines += change_lines(view, change, without="policy" if change.address in grouped else "")
        lines.append("")
    for likeness, more in folded.more.items():
        text = (
            f"{MARKS[likeness.action]} {count(more, 'more key')}: {likeness.what}"
            f" (show all: {view.options.show_all})"
        )
        lines += [*paragraph(text, 2, 6), ""]
    for group in groups:
        lines += [*group_lines(view, group), ""]
    return lines


def headline(view: PlanView, change: ResourceChange, depth: int = 0) -> list[str]:
    """Mark, address, and the facts of the key at the right."""
    mark = f"{' ' * (2 + 2 * min(depth, DEEPEST))}{MARKS[change.action]} "
    lines = paragraph(f"{mark.strip()} {clean(change.address)}", len(mark) - 2, len(mark) + 2)
    return with_right(lines, view.facts_text(change.address))


def _likeness(view: PlanView, change: ResourceChange) -> Likeness:
    risky = (
        change.address in view.wider
        or any(item.one_way for item in change.attributes)
        or any(step.irreversible for step in view.steps_of(change))
    )
    match change.action:
        case Action.CREATE:
            _, *facts = view.facts(change.address)
            what = " ".join([change.provider, *(fact for fact in facts if fact)])
        case Action.UPDATE if change.attributes:
            names = dict.fromkeys(item.path.partition(":")[0] for item in change.attributes)
            what = f"{', '.join(names)} only"
        case _:
            calls = dict.fromkeys(step.call for step in view.steps_of(change))
            what = ", ".join(calls) or change.reason.value
    return Likeness(change.action, change.provider, what, risky)


def _tree(changes: Iterable[ResourceChange]) -> Iterator[tuple[ResourceChange, int]]:
    """Each change with its depth below the topmost shown ancestor, children after parents."""
    shown = {change.address: change for change in changes}
    children: dict[Address, list[ResourceChange]] = {}
    stack: list[tuple[ResourceChange, int]] = []
    for change in shown.values():
        parent = change.parent
        if parent is not None and parent in shown:
            children.setdefault(parent, []).append(change)
        else:
            stack.append((change, 0))
    stack.reverse()
    while stack:
        change, depth = stack.pop()
        yield change, depth
        below = children.pop(change.address, [])
        stack += [(child, depth + 1) for child in reversed(below)]
    for orphans in children.values():  # a plan has no cycles; if one had, nothing may be hidden
        yield from ((change, 0) for change in orphans)
