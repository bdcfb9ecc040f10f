"""The section Steps: the program, in the order in which it runs, with the way back of each.

Rules: what has no way back stands below a line across the page; more than twenty steps
alike fold on their side of that line.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.inverses import Grade
from keyplan.model.operations import is_remote
from keyplan.plans.plan import Pace, Step
from keyplan.render.fold import fold
from keyplan.render.layout import RIGHT, clean, count, entry, paragraph, wrap
from keyplan.render.view import PlanView
from keyplan.render.words import undo_text

BARRIER = "what is above this line can be undone"

_UNDO = 17
_LONG = 10
"""Seconds from which on a limit is named."""
_NARROW, _WIDE = 20, 32


def steps_section(view: PlanView) -> list[str]:
    """The section with its title; empty without steps."""
    steps = view.plan.steps
    if not steps:
        return []
    digits = max(2, len(str(steps[-1].number)))
    width = min(_WIDE, max(_NARROW, *(len(step.address) for step in steps)))
    reversible = [step for step in steps if not step.irreversible]
    final = [step for step in steps if step.irreversible]
    lines = [*entry(0, "Steps", _summary(steps, view.plan.pace), width=8), ""]
    lines += _rows(view, reversible, digits, width)
    if final and reversible:
        lines += ["  " + f" {BARRIER} ".center(RIGHT - 4, "-")]
    lines += _rows(view, final, digits, width)
    return [*lines, ""]


def _summary(steps: Sequence[Step], pace: Pace) -> str:
    calls = sum(is_remote(step.operation) for step in steps)
    parts = [count(calls, "call"), *pace_text(pace)]
    if calls < len(steps):
        parts.append(
            count(len(steps) - calls, "change of the state only", "changes of the state only")
        )
    if any(step.irreversible for step in steps):
        words = "what has no undo runs last"
    elif any(step.inverse.grade is Grade.UNPROVEN for step in steps):
        words = "whether each can be undone is not proved"
    elif any(step.inverse.grade is Grade.TIME_LIMITED for step in steps):
        words = "each can be undone, some for a time"
    else:
        words = "each can be undone" if len(steps) > 1 else "it can be undone"
    return f"{', '.join(parts)}; {words}"


def pace_text(pace: Pace) -> list[str]:
    """`about 2 s`, with the limit where it is worth knowing; empty where nothing limits."""
    if pace.seconds < 1:
        return []
    text = f"about {time_text(pace.seconds)}"
    if pace.seconds >= _LONG:
        text += f" (the service takes {pace.rate:g} {pace.call} a second)"
    return [text]


def time_text(seconds: float) -> str:
    """`2 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _rows(view: PlanView, steps: Sequence[Step], digits: int, width: int) -> list[str]:
    folded = fold(
        steps,
        lambda step: (step.call, step.provider, undo_text(step.inverse)),
        full=view.options.full,
    )
    lines: list[str] = []
    for step in folded.shown:
        lines += _row(step, digits, width)
    for (call, provider, undo), more in folded.more.items():
        text = f"... {count(more, 'more step')}: {call} ({provider}), undo: {undo}"
        lines += paragraph(text, 2, 6)
    return lines


def _row(step: Step, digits: int, width: int) -> list[str]:
    """Number, address, call; the way back at the right of the first line of the call."""
    head = f" {step.number:>{digits}}  "
    column = len(head) + width + 2
    room = RIGHT - _UNDO - column
    address = wrap(clean(step.address), RIGHT - len(head))
    call = wrap(f"{step.call}: {step.detail}" if step.detail else step.call, room)
    undo = f"undo: {undo_text(step.inverse)}"
    lines = [f"{head}{address[0]}", *(f"{' ' * len(head)}{line}" for line in address[1:])]
    if len(address[0]) <= width and len(address) == 1:
        lines = [f"{head}{address[0]}".ljust(column) + call[0]]
    else:
        lines.append(" " * column + call[0])
    lines[-1] = lines[-1].ljust(RIGHT - _UNDO + 1) + undo
    return lines + [f"{' ' * column}{line}" for line in call[1:]]
