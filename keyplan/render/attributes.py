"""What happens to one key, attribute by attribute, below its headline.

Rules: labels stand in column 8, values in column 21; old before new, `a -> b`; what
cannot be taken back says so in the right-hand column; a long document is explained by
its differences and never dumped.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.timing import format_date
from keyplan.model.values import Unknown, Value
from keyplan.plans.changes import Action, AttributeChange, Reason, ResourceChange
from keyplan.plans.plan import Step
from keyplan.render.explain import Difference
from keyplan.render.layout import entry, paragraph, with_right
from keyplan.render.values import (
    NOT_MANAGED,
    UNKNOWN,
    attribute_text,
    grant_text,
    is_long,
    policy_change,
)
from keyplan.render.view import PlanView
from keyplan.render.words import place, reason_text

INDENT = 8
COLUMN = 21

_HEADLINE = frozenset({"tier", "usage", "algorithm"})
_ORDER = (
    "parent", "scope", "protection", "policies", "policy", "aliases", "grants", "rotation",
    "expires_at", "certificate", "labels", "description", "state", "deletion", "owner",
)  # fmt: skip
_BESIDE = {"relation": "parent", "exportable": "protection", "policy": "policies"}
_TOLD_BY_ATTRIBUTES = (Reason.DRIFT, Reason.WITHDRAWN)
_RELATIONS = {"governs": "governs: authority only, nothing is wrapped"}


def change_lines(view: PlanView, change: ResourceChange, *, without: str = "") -> list[str]:
    """Everything below the headline of a change. `without` names an attribute shown elsewhere."""
    lines: list[str] = []
    told = change.action is Action.UPDATE and change.reason in _TOLD_BY_ATTRIBUTES
    if not told and (reason := reason_text(change.reason)):
        lines += entry(INDENT, "why", reason)
    match change.action:
        case Action.CREATE:
            lines += _creation(view, change)
        case Action.UPDATE | Action.READ:
            lines += _updates(view, change, without)
        case _:
            lines += _step_lines(view.steps_of(change))
    for note in change.notes:
        lines += paragraph(note, COLUMN)
    if change.action is not Action.CREATE:
        lines = with_right(lines, place(change.position)) if lines else lines
    return lines


def policy_names(change: ResourceChange) -> str:
    """The declared policies behind the compiled one, `policy.a, policy.b`; empty if not known."""
    listed = (change.after or {}).get("policies")
    if isinstance(listed, list) and listed:
        return attribute_text("policies", listed)
    return next((item.note for item in change.attributes if item.path == "policy"), "")


# -- a new key ---------------------------------------------------------------------------


def _creation(view: PlanView, change: ResourceChange) -> list[str]:
    after = change.after or {}
    lines: list[str] = []
    elsewhere = set(_HEADLINE)
    elsewhere.update(name for name, host in _BESIDE.items() if after.get(host))
    names = [name for name in _ORDER if name in after]
    names += sorted(name for name in after if name not in _ORDER)
    for name in names:
        if name in elsewhere:
            continue
        if name == "policy" and (sources := policy_names(change)):
            lines += entry(INDENT, "policies", sources)
        else:
            lines += entry(INDENT, name, _created_text(view, change, name, after))
    if "rotation" not in after:
        lines += entry(INDENT, "rotation", NOT_MANAGED)
    if not any(isinstance(after.get(name), Unknown) for name in ("id", "arn")):
        lines += entry(INDENT, "id", UNKNOWN)
    return lines


def _created_text(
    view: PlanView, change: ResourceChange, name: str, after: Mapping[str, Value]
) -> str:
    text = attribute_text(name, after[name])
    match name:
        case "parent" if after["parent"]:
            relation = str(after.get("relation") or "")
            return f"{text} ({_RELATIONS.get(relation, relation)})" if relation else text
        case "protection":
            if "exportable" not in after:
                return text
            return f"{text}, {'exportable' if after['exportable'] is True else 'not exportable'}"
        case "rotation" if after["rotation"]:
            return text + _first_due(view, change)
        case _:
            return text


def _first_due(view: PlanView, change: ResourceChange) -> str:
    for due in view.due.get(change.address, ()):
        if "rotat" in due.what:
            return f"; first due {format_date(due.at)}"
    return ""


# -- a changed key -----------------------------------------------------------------------


def _updates(view: PlanView, change: ResourceChange, without: str) -> list[str]:
    lines: list[str] = []
    before = ""
    for item in change.attributes:
        name, _, element = item.path.partition(":")
        if name == without:
            lines += entry(INDENT, name, "as shown below, once for every key it reaches")
            continue
        label = "" if element and name == before else name
        before = name
        lines += _update(view, change, item, label, element)
    if not change.attributes:
        lines += _step_lines(view.steps_of(change))
    return lines


def _update(
    view: PlanView, change: ResourceChange, item: AttributeChange, label: str, element: str
) -> list[str]:
    lines = entry(INDENT, label, update_text(item, element))
    lines = with_right(lines, _word(view, change, item))
    if item.note and item.path != "policy":
        lines += paragraph(item.note, COLUMN)
    if not element and (is_long(item.before) or is_long(item.after)):
        lines += difference_lines(view, item, COLUMN)
    return lines


def update_text(item: AttributeChange, element: str = "") -> str:
    """Old and new value of an attribute or of one element of a collection."""
    name = item.path.partition(":")[0]
    if item.before == item.after:
        value = grant_text(item.after) if name == "grants" else attribute_text(name, item.after)
        return f"{element}: {value}" if element else value
    if element:
        return _element_text(name, element, item)
    if item.path == "policy":
        named = f"{item.note}: " if item.note else ""
        text = named + policy_change(item.before, item.after)
    else:
        text = f"{attribute_text(name, item.before)} -> {attribute_text(name, item.after)}"
    if item.recorded:
        text += " (recorded, no call)"
    if item.reason not in (Reason.DECLARED, Reason.DUE):
        text += f" ({reason_text(item.reason)})"
    return text


def _element_text(name: str, element: str, item: AttributeChange) -> str:
    if name == "aliases":
        text = f"- {element}" if item.after is None else f"+ {element}"
    else:
        show = grant_text if name == "grants" else _plain
        if item.before is None:
            text = f"+ {element}: {show(item.after)}"
        elif item.after is None:
            text = f"- {element}: {show(item.before)}"
        else:
            text = f"~ {element}: {show(item.before)} -> {show(item.after)}"
    if item.reason not in (Reason.DECLARED, Reason.WITHDRAWN):
        text += f" ({reason_text(item.reason)})"
    return text


def _plain(value: Value) -> str:
    return attribute_text("", value)


def _word(view: PlanView, change: ResourceChange, item: AttributeChange) -> str:
    if item.one_way:
        return "ONE WAY, NO UNDO"
    name = item.path.partition(":")[0]
    if name in ("policy", "policies", "grants") and change.address in view.wider:
        return "WIDER"
    return ""


# -- differences inside a value ----------------------------------------------------------


def difference_lines(view: PlanView, item: AttributeChange, indent: int) -> list[str]:
    """What differs inside a long value; empty where explaining would take too long."""
    found = view.explainer.explain(item.before, item.after)
    return explained(found, indent) if found else []


def explained(found: tuple[Difference, ...], indent: int) -> list[str]:
    """Differences below the places they are at."""
    lines: list[str] = []
    place_before: str | None = None
    for difference in found:
        if difference.path and difference.path != place_before:
            lines += paragraph(difference.path, indent, indent + 2)
        place_before = difference.path
        lines += paragraph(f"{difference.mark} {difference.text}", indent + 2, indent + 4)
    return lines


# -- what is done where no attribute tells it --------------------------------------------


def _step_lines(steps: tuple[Step, ...]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        text = f"{step.call}: {step.detail}" if step.detail else step.call
        lines += with_right(
            entry(INDENT, f"step {step.number}", text), "NO UNDO" if step.irreversible else ""
        )
    return lines
