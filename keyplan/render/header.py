"""The first lines of a plan: which stack, state and providers, what was read; and Attention.

Rules: Attention holds what cannot be undone, who gains access and what drifted, and
nothing else ever.
"""

from __future__ import annotations

from keyplan.model.timing import format_date
from keyplan.plans.changes import DriftResponse
from keyplan.plans.findings import is_blind
from keyplan.render.drift import (
    drift_headline,
    drifted_keys,
    mode_title,
    rescue_words,
    scheduled,
)
from keyplan.render.layout import RIGHT, clean, count, entry, listed, paragraph, with_right, wrap
from keyplan.render.view import PlanView
from keyplan.render.words import irreversible_text

_DRIFT_WORDS = {
    DriftResponse.REVERT: "this plan puts it back",
    DriftResponse.REPORT: "this plan leaves it so",
    DriftResponse.IGNORE: "ignored, this plan leaves it so",
    DriftResponse.OBSERVE: "only observed, left alone",
    DriftResponse.LEAVE: "not managed, left alone",
    DriftResponse.ACCEPT: "the state takes it over",
    DriftResponse.BLOCK: "a person must decide first",
}
_LINES = 3
_SLOW = 5
"""Seconds of reading from which on the service's limit is named."""


def header(view: PlanView) -> list[str]:
    """Stack, state, version; a line per provider; what was read and when."""
    plan = view.plan
    serial = f"serial {plan.serial}{' (empty)' if plan.serial == 0 else ''}"
    version = f"keyplan {plan.keyplan_version}"
    first = f"Stack {plan.stack}: state {plan.store}, {serial}"
    if len(clean(first)) + len(version) + 2 <= RIGHT:
        lines = with_right([clean(first)], version)
    else:
        lines = with_right(paragraph(f"Stack {plan.stack}: {serial}", 0, 2), version)
        lines += entry(2, "state", plan.store, width=8)
    lines += _providers(view)
    if mode := mode_title(plan.mode):
        lines += paragraph(f"Mode: {mode}.")
    return [*lines, *paragraph(_looked(view)), ""]


def _providers(view: PlanView) -> list[str]:
    identities = view.plan.identities
    width = max((len(name) for name in identities), default=0)
    places = max((len(clean(identity.place)) for identity in identities.values()), default=0)
    lines: list[str] = []
    for name, identity in identities.items():
        head = f"  {clean(name).ljust(width)}   {clean(identity.place).ljust(places)}   "
        who = f"as {clean(identity.principal)}" if identity.principal else ""
        if len(head) + len(who) <= 80:
            lines.append((head + who).rstrip())
        else:
            lines += paragraph(f"{name}   {clean(identity.place)}", 2, 4)
            lines += [f"    {line}" for line in wrap(who, 76)] if who else []
    return lines


def _looked(view: PlanView) -> str:
    plan = view.plan
    moment = f"{format_date(plan.now)} {plan.now:%H:%M} UTC"
    took = f" in {view.options.seconds:.1f} s" if view.options.seconds is not None else ""
    if not plan.refreshed:
        text = f"Nothing was read (--no-refresh), {moment}: the state stands for the world."
    else:
        keys = count(plan.keys, "key")
        text = f"Read {plan.read:,} of {keys}{took}, {moment}."
        if plan.reading_pace.seconds >= _SLOW:
            rate = plan.reading_pace.rate
            text += f" The service lets {rate:g} keys be read a second."
        if plan.keys and not (plan.read or plan.refs):
            text = f"Looked for {keys}{took}, {moment}: none exists yet."
        if not plan.drift:
            text += " No drift in what could be read." if is_blind(plan.findings) else " No drift."
    if not plan.complete:
        text += " Incomplete: --target or --exclude left something out."
    if plan.observe:
        text += " The stack only observes: nothing will be written."
    return text


def attention_section(view: PlanView) -> list[str]:
    """At most nine lines; empty if there is nothing to be attentive to."""
    lines = [*_no_undo(view), *_wider(view), *_drift(view)]
    return ["Attention", "", *lines, ""] if lines else []


def _line(word: str, text: str) -> list[str]:
    return entry(2, f"! {word}", text, width=12)


def _no_undo(view: PlanView) -> list[str]:
    steps = [step for step in view.plan.steps if step.irreversible]
    lines: list[str] = []
    for step in steps if len(steps) <= _LINES else steps[: _LINES - 1]:
        lines += _line("NO UNDO", f"step {step.number} {irreversible_text(step)}")
    if len(steps) > _LINES:
        rest = steps[_LINES - 1 :]
        numbers = f"{rest[0].number} to {rest[-1].number}"
        lines += _line("NO UNDO", f"{count(len(rest), 'more step')} without undo: {numbers}")
    return lines


def _wider(view: PlanView) -> list[str]:
    items = [item for item in view.plan.access if item.wider and item.address in view.wider]
    if not items:
        return []
    names = sorted({item.name or item.principal for item in items})
    keys = len({item.address for item in items})
    verb = "gains" if len(names) == 1 else "gain"
    who = f": {listed(names)}" if len(names) <= _LINES else ""
    text = f"{count(len(names), 'principal')} {verb} on {count(keys, 'key')}{who}"
    return _line("WIDER", text)


def _drift(view: PlanView) -> list[str]:
    relevant = tuple(item for item in view.plan.drift if item.response in _DRIFT_WORDS)
    keys = drifted_keys(relevant)
    lines: list[str] = []
    for key in keys if len(keys) <= _LINES else keys[: _LINES - 1]:
        text = f"{drift_headline(key)}; {_DRIFT_WORDS[key.worst.response]}"
        if key.worst.response is DriftResponse.REVERT and scheduled(key.worst):
            text = f"{drift_headline(key)}; this plan {rescue_words(view, key.address)}"
        lines += _line("DRIFT", text)
    if len(keys) > _LINES:
        lines += _line("DRIFT", f"{count(len(keys) - _LINES + 1, 'more key')}, see Drift")
    return lines
