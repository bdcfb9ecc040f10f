"""What `keyplan resume` found out, step by step, and what it did then."""

from __future__ import annotations

from keyplan.plans.recovery import Fate, RecoveryReport
from keyplan.render.fold import fold
from keyplan.render.layout import count, paragraph
from keyplan.render.report import apply_text

_WORDS = {
    Fate.DONE: "was done",
    Fate.NOT_DONE: "was not done",
    Fate.ACCEPTED: "is left as it is, as you said",
    Fate.UNDECIDABLE: "cannot be decided",
}


def recovery_text(report: RecoveryReport, *, hints: bool = True) -> str:
    """The report of a resume, ending with a line end."""
    if not report.run:
        return "\n".join([*paragraph(nothing_open(report)), ""])
    lines = paragraph(f"Run {report.run}: {count(report.before, 'step')} had a result.", 0, 2)
    if report.torn:
        lines += paragraph("The last line of its journal was torn and was cut off.", 2)
    lines += _steps(report)
    for warning in report.warnings:
        lines += ["", *paragraph(f"warning: {warning}", 0, 2)]
    lines.append("")
    if report.finished is not None:
        text = apply_text(report.finished, verb="Resume", hints=hints)
        return "\n".join(lines) + f"\n{text}"
    lines += _end(report, hints=hints)
    return "\n".join(lines) + "\n"


def nothing_open(report: RecoveryReport) -> str:
    """Where no run was open: what was tidied up."""
    said = [f"Run {run} had ended; its journal is archived now." for run in report.archived]
    return " ".join(["There is no run to resume.", *said])


def _steps(report: RecoveryReport) -> list[str]:
    lines: list[str] = []
    folded = fold(report.steps, lambda step: (step.fate, step.operation.name))
    for step in folded.shown:
        name = step.operation.name.replace("_", " ")
        lines += paragraph(f"step {step.number}, {name} {step.address}: {_WORDS[step.fate]}", 2, 4)
        if step.why:
            lines += paragraph(step.why, 4)
    for (fate, name), more in folded.more.items():
        text = f"{count(more, 'more step')}, {name.replace('_', ' ')}: {_WORDS[fate]}"
        lines += paragraph(text, 2, 4)
    return lines


def _end(report: RecoveryReport, *, hints: bool) -> list[str]:
    """How a run ended that was not gone on with."""
    if not report.closed:
        undecided = count(len(report.with_fate(Fate.UNDECIDABLE)), "step")
        return paragraph(
            f"The run stays open: {undecided} cannot be decided. When what is in the way is gone,"
            " run keyplan resume again, or keyplan rollback to take the run back; if you know"
            " that it should be left as it is, run keyplan resume --accept."
        )
    lines: list[str] = []
    if not report.begun:
        return [*paragraph("Nothing of it was begun. It is closed."), *_next(hints=hints)]
    if report.stopped:
        lines += paragraph(f"The rest of the run was not done. {report.stopped}.")
    lines += [f"The run is closed, the state is saved: serial {report.serial}."]
    return [*lines, *_next(hints=hints)]


def _next(*, hints: bool) -> list[str]:
    return ["", "Next: keyplan plan"] if hints else []
