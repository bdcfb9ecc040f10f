"""The same policy change on several keys, shown once.

Rules: two keys belong together when their policies differ in the same way, whatever
the documents around the difference; a key whose policy differs in its own way is shown
on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.plans.changes import Action, AttributeChange, ResourceChange
from keyplan.render.attributes import explained, policy_names
from keyplan.render.explain import Difference
from keyplan.render.layout import count, entry, paragraph, with_right
from keyplan.render.values import policy_change
from keyplan.render.view import PlanView
from keyplan.render.words import place

LISTED = 20
"""So many keys of a group are named."""


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Keys whose policies change alike. `name` are the policies in force, if known."""

    name: str
    differences: tuple[Difference, ...]
    members: tuple[tuple[ResourceChange, AttributeChange], ...]

    @property
    def title(self) -> str:
        """`policy.envelope, in force on 3 keys`."""
        keys = count(len(self.members), "key")
        return f"{self.name}, in force on {keys}" if self.name else f"the policy of {keys}"


def policy_groups(view: PlanView) -> tuple[PolicyGroup, ...]:
    """Groups of at least two keys, in order of their first key."""
    found: dict[tuple[str, tuple[Difference, ...]], list[tuple[ResourceChange, AttributeChange]]]
    found = {}
    for change in view.changes:
        if change.action is not Action.UPDATE:
            continue
        for item in change.attributes:
            if item.path == "policy" and item.before is not None and item.after is not None:
                differences = view.explainer.explain(item.before, item.after)
                if differences:
                    found.setdefault((policy_names(change), differences), []).append((change, item))
    return tuple(
        PolicyGroup(name, differences, tuple(members))
        for (name, differences), members in found.items()
        if len(members) > 1
    )


def group_lines(view: PlanView, group: PolicyGroup) -> list[str]:
    """The difference once, then the keys it reaches."""
    first = group.members[0][0]
    lines = with_right(paragraph(f"~ {group.title}", 2, 6), place(first.position))
    lines += explained(group.differences, 6)
    shown = group.members if view.options.full else group.members[:LISTED]
    width = min(32, max(len(change.address) for change, _ in shown) + 3)
    for change, item in shown:
        text = entry(
            8, change.address, f"policy {policy_change(item.before, item.after)}", width=width
        )
        lines += with_right(text, "WIDER" if change.address in view.wider else "")
    if len(shown) < len(group.members):
        rest = count(len(group.members) - len(shown), "more key")
        lines += paragraph(f"and {rest} (show all: {view.options.show_all})", 8)
    return lines
