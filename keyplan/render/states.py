"""Keys of the state, runs, and problems, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keyplan.plans.history import Problem, Run, RunOutcome
from keyplan.render.layout import clean, count, entry, paragraph
from keyplan.render.values import attribute_text
from keyplan.state.model import Phase, ResourceState

_COLUMN = 16


def keys_text(found: Sequence[ResourceState]) -> str:
    """An address a line, and where it is on its way out."""
    lines = [line for item in found for line in paragraph(clean(item.address) + _phase(item), 0, 4)]
    return "".join(f"{line}\n" for line in lines)


def _phase(item: ResourceState) -> str:
    if item.phase is Phase.LIVE:
        return ""
    until = f" until {item.until[:10]}" if item.until else ""
    return f"  ({item.phase.value.replace('_', ' ')}{until})"


def key_text(item: ResourceState) -> str:
    """Everything that the state knows of a key."""
    lines = paragraph(item.address)
    rows = [
        ("provider", item.provider),
        ("id", item.id),
        (
            "phase",
            f"{item.phase.value.replace('_', ' ')}{f' until {item.until}' * bool(item.until)}",
        ),
        ("mark", f"{item.owner.stack} {item.owner.token}" if item.owner else "none"),
        ("protected", "yes" if item.protected else "no"),
        ("depends on", ", ".join(item.dependencies)),
        ("managed", ", ".join(sorted(item.managed))),
        ("recorded", ", ".join(sorted(item.recorded))),
        ("versions", ", ".join(f"{one.number} {one.state}" for one in item.versions)),
    ]
    for label, text in rows:
        lines += entry(2, label, text, width=_COLUMN) if text else []
    lines += ["", "  attributes"]
    for name, value in sorted(item.attributes.items()):
        lines += entry(4, name, attribute_text(name, value), width=_COLUMN)
    return "\n".join(lines) + "\n"


def key_document(item: ResourceState) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        "address": item.address,
        "provider": item.provider,
        "id": item.id,
        "phase": item.phase.value,
        "until": item.until or None,
        "owner": {"stack": item.owner.stack, "token": item.owner.token} if item.owner else None,
        "protected": item.protected,
        "managed": sorted(item.managed),
        "recorded": sorted(item.recorded),
        "dependencies": list(item.dependencies),
        "attributes": dict(item.attributes),
    }


def history_text(runs: Sequence[Run]) -> str:
    """The newest run first."""
    if not runs:
        return "No run yet.\n"
    lines: list[str] = []
    for run in runs:
        lines += paragraph(f"{run.id}: {_headline(run)}", 0, 4)
        if run.holder:
            lines += paragraph(f"{run.at}, {run.holder}", 4)
        if run.allowed:
            lines += paragraph(f"allowed: {', '.join(run.allowed)}", 4)
    return "\n".join(lines) + "\n"


def _headline(run: Run) -> str:
    match run.outcome:
        case RunOutcome.UNREADABLE | RunOutcome.SEALED:
            return f"{run.outcome}: {run.problem}"
        case RunOutcome.EMPTY:
            return "empty: it stopped before it had done anything"
        case RunOutcome.OPEN:
            serial = f"serial {run.serial}, open,"
        case RunOutcome.PUT_AWAY:
            serial = f"serial {run.serial}, put away without an end,"
        case _:
            serial = f"serial {run.serial} -> {run.serial + 1}, {run.outcome},"
    failed = f", {run.failed} failed" if run.failed else ""
    return f"{run.operation}, {serial} {count(run.done, 'step')} done{failed}"


def history_document(runs: Sequence[Run]) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        "format_version": "1.0",
        "runs": [
            {
                "id": run.id,
                "outcome": run.outcome.value,
                "operation": run.operation or None,
                "holder": run.holder or None,
                "started_at": run.at or None,
                "serial_before": run.serial,
                "serial_after": _after(run),
                "steps_done": run.done,
                "steps_failed": run.failed,
                "allowed": list(run.allowed),
                "problem": run.problem or None,
            }
            for run in runs
        ],
    }


def _after(run: Run) -> int | None:
    ended = (RunOutcome.SUCCEEDED, RunOutcome.FAILED, RunOutcome.INTERRUPTED)
    return run.serial + 1 if run.outcome in ended else None


def problems_text(problems: Sequence[Problem], *, store: str) -> str:
    """Each problem with what to do about it."""
    lines: list[str] = []
    for item in problems:
        note = "" if item.matters else "note: "
        lines += paragraph(f"{note}{item.subject}: {item.what}", 0, 2)
        for line in item.advice.splitlines():
            lines += paragraph(line, 4)
    wrong = sum(item.matters for item in problems)
    if wrong:
        return "\n".join([*lines, "", f"{count(wrong, 'problem')}. Nothing was changed."]) + "\n"
    lines += [""] if lines else []
    sound = paragraph(f"{store}: the state, its kept versions and its journals are sound.")
    return "\n".join([*lines, *sound]) + "\n"


def problems_document(problems: Sequence[Problem]) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        "format_version": "1.0",
        "valid": not any(item.matters for item in problems),
        "problems": [
            {"subject": item.subject, "what": item.what, "advice": item.advice} for item in problems
        ],
    }
