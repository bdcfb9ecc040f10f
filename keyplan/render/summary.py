"""The end of a plan: the line that CI tools look for, brakes, and the exact next command.

Rules: `Plan: X to add, Y to change, Z to destroy.` is Terraform's and alone on its
line; the command comes last, because the end of the log is what is on the screen; it
can be copied as it stands.
"""

from __future__ import annotations

import shlex

from keyplan.model.canonical import short
from keyplan.model.timing import format_date
from keyplan.plans.changes import Action
from keyplan.plans.findings import Brake, BrakeName, blind_spots
from keyplan.plans.plan import Counts, Plan, PlanMode
from keyplan.render.drift import drifted_keys
from keyplan.render.findings import findings_count
from keyplan.render.layout import as_far, command, count, entry, listed, paragraph
from keyplan.render.values import text_of
from keyplan.render.view import PlanView

NO_CHANGES = "No changes. The keys match the configuration."


def plan_line(counts: Counts) -> str:
    """`Plan: 3 to add, 0 to change, 0 to destroy.`, imports and forgets only if there are any."""
    text = f"Plan: {counts.add} to add, {counts.change} to change, {counts.destroy} to destroy"
    if counts.imported:
        text += f", {counts.imported} to import"
    if counts.forget:
        text += f", {counts.forget} to forget"
    return f"{text}."


def counts_of(plan: Plan) -> Counts:
    """The plan's counts of keys; a refresh changes the state only, so all are zero."""
    return Counts() if plan.mode is PlanMode.REFRESH_ONLY else plan.counts


def outputs_section(view: PlanView) -> list[str]:
    """Outputs that change."""
    changed = [item for item in view.plan.outputs if item.before != item.after]
    if not changed:
        return []
    lines = ["Outputs", ""]
    for item in changed:
        if item.before is None:
            lines += entry(2, f"+ {item.name}", text_of(item.after), width=24)
        elif item.after is None:
            lines += entry(2, f"- {item.name}", text_of(item.before), width=24)
        else:
            text = f"{text_of(item.before)} -> {text_of(item.after)}"
            lines += entry(2, f"~ {item.name}", text, width=24)
    return [*lines, ""]


def due_section(view: PlanView) -> list[str]:
    """What time brings next: three dates, or all of them where nothing is folded."""
    due = sorted(view.plan.due, key=lambda item: (item.at, item.address))
    if not due:
        return []
    lines = ["Due next", ""]
    shown = due if view.options.full else due[:3]
    for item in shown:
        lines += entry(2, format_date(item.at), f"{item.address}: {item.what}", width=12)
    if len(due) > len(shown):
        lines += paragraph(f"and {count(len(due) - len(shown), 'more date')} after that", 14)
    return [*lines, ""]


def result_lines(view: PlanView) -> list[str]:
    """The `Plan:` line, or that there is nothing to do."""
    plan = view.plan
    counts = counts_of(plan)
    if plan.errored:
        return [plan_line(counts)]
    if plan.has_changes or counts.any:
        lines = [plan_line(counts)]
        if not counts.any and plan.mode is PlanMode.NORMAL:
            lines += ["", *paragraph(_only_state(view))]
        if plan.mode is PlanMode.REFRESH_ONLY:
            lines += ["", *paragraph("Applying it updates the state and changes no key.")]
        return lines
    if keys := len(drifted_keys(plan.drift)):
        text = f"No changes. Drift on {count(keys, 'key')} is left as it is (see Drift)."
        return paragraph(text)
    match plan.mode:
        case PlanMode.DESTROY:
            return ["No changes. There is nothing to destroy."]
        case PlanMode.REFRESH_ONLY:
            return ["No changes. The keys are as keyplan left them."]
        case PlanMode.NORMAL:
            seen = as_far(blind_spots(plan.findings))
            return paragraph(f"{NO_CHANGES.removesuffix('.')}{seen}.")


def _only_state(view: PlanView) -> str:
    if any(item.before != item.after for item in view.plan.outputs):
        return "Only outputs change: applying it writes them to the state."
    return "Only the state changes: no key is touched."


def next_lines(view: PlanView) -> list[str]:
    """Where it was saved, the brakes to release, and what to type."""
    plan, options = view.plan, view.options
    if plan.errored:
        text = f"Blocked: {findings_count(plan.findings)}. Nothing of this plan can be applied"
        if plan.releasable:
            return ["", *paragraph(f"{text} as it is."), *_brake_lines(plan.brakes)]
        more = ["", "Next: correct the errors above, then keyplan plan"] if options.hints else []
        return ["", *paragraph(f"{text}."), *more]
    if not plan.has_changes:
        return []
    lines = [""]
    if options.plan_file:
        bound = listed(["state", *plan.identities])
        text = f"Saved to {options.plan_file}, checksum {short(plan.checksum)}; "
        lines += paragraph(f"{text}good for this {bound} only.")
    else:
        text = f"Checksum {short(plan.checksum)}; not saved: --out FILE keeps exactly this plan."
        lines += paragraph(text)
    if plan.brakes:
        lines += _brake_lines(plan.brakes)
    if plan.observe:
        return [*lines, "", "The stack has `mode: observe`: there is nothing to apply."]
    if options.hints:
        lines += ["", *_commands(view)]
    return lines


def _brake_lines(brakes: tuple[Brake, ...]) -> list[str]:
    number = count(len(brakes), "brake")
    lines = ["", f"Applying it needs {number} released:"]
    for brake in brakes:
        lines += entry(2, f"--allow {brake.name.value}", f"for {brake.why}", width=23)
    return lines


def _commands(view: PlanView) -> list[str]:
    plan = view.plan
    parts = ["Next:", "keyplan", view.options.verb]
    if view.options.plan_file:
        parts = ["Next:", "keyplan", "apply", shlex.quote(view.options.plan_file)]
    elif plan.mode is PlanMode.REFRESH_ONLY:
        parts.append("--refresh-only")
    for name in sorted({brake.name.value for brake in plan.brakes}):
        parts += ["--allow", name]
    return [*command(parts), *_without_risk(view)]


def _without_risk(view: PlanView) -> list[str]:
    """How to leave out what cannot be undone, where that leaves something to do."""
    steps = [step for step in view.plan.steps if step.irreversible]
    addresses = sorted({step.address for step in steps})
    brake = any(item.name is BrakeName.IRREVERSIBLE for item in view.plan.brakes)
    others = any(
        change.address not in addresses and change.action is not Action.NO_OP
        for change in view.plan.changes
    )
    if not brake or not others or not 1 <= len(addresses) <= 3:
        return []
    numbers = listed([str(step.number) for step in steps])
    word = "step" if len(steps) == 1 else "steps"
    arguments = [text for address in addresses for text in ("--exclude", shlex.quote(address))]
    words = f"  or: leave {word} {numbers} out with".split(" ")
    return command(["  or:", *words[3:], "keyplan", "plan", *arguments])
