"""What became of an apply: one line for tools, then only what went wrong and what to do.

Rules: success is short; a failed step says what, why and what next; steps that were
not attempted are counted; an open run names the command that closes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.values import Value
from keyplan.plans.plan import Counts
from keyplan.plans.reports import ApplyReport, StepResult, StepStatus
from keyplan.render.fold import fold
from keyplan.render.layout import command, count, entry, paragraph, with_right
from keyplan.render.values import text_of


def apply_line(counts: Counts, *, verb: str = "Apply", ok: bool = True) -> str:
    """`Apply complete! Resources: 3 added, 0 changed, 0 destroyed.`, Terraform's words."""
    text = f"{counts.add} added, {counts.change} changed, {counts.destroy} destroyed"
    if counts.imported:
        text += f", {counts.imported} imported"
    if counts.forget:
        text += f", {counts.forget} forgotten"
    return f"{verb} complete! Resources: {text}." if ok else f"{verb} incomplete: {text}."


def apply_text(report: ApplyReport, *, verb: str = "Apply", hints: bool = True) -> str:
    """The report of an apply, ending with a line end."""
    lines: list[str] = []
    for status in (StepStatus.FAILED, StepStatus.UNDECIDED):
        lines += _results(report, status)
    skipped = len(report.with_status(StepStatus.SKIPPED))
    if skipped:
        lines += [*paragraph(f"{count(skipped, 'step')} not attempted."), ""]
    for warning in report.warnings:
        lines += [*paragraph(f"warning: {warning}", 0, 2), ""]
    line = apply_line(report.counts, verb=verb, ok=report.ok)
    state = f"State serial {report.serial}"
    words = "what was in flight was finished, the state is saved."
    if report.open_run:
        state = f"State serial {report.serial}, as before: what was done is in the journal"
        words = "nothing more was begun; what one call did is not known yet."
    lines += [line, f"{state}, {report.seconds:.1f} s."]
    if report.interrupted:
        lines += paragraph(f"Interrupted: {words}")
    if report.unfinished:
        names = ", ".join(str(address) for address in report.unfinished[:8])
        more = f" and {len(report.unfinished) - 8:,} more" if len(report.unfinished) > 8 else ""
        lines += paragraph(f"Not finished: {names}{more}", 0, 2)
    if report.ok:
        lines += outputs_lines(report.outputs)
    elif hints:
        lines += ["", *_next(report)]
    return "\n".join(lines) + "\n"


def outputs_lines(outputs: Mapping[str, Value]) -> list[str]:
    """The outputs of a stack under their title; empty without any."""
    if not outputs:
        return []
    lines = ["", "Outputs:", ""]
    width = max(len(name) for name in outputs) + 3
    for name, value in sorted(outputs.items()):
        lines += entry(2, f"{name} =", text_of(value), width=min(width, 30))
    return lines


def _results(report: ApplyReport, status: StepStatus) -> list[str]:
    folded = fold(report.with_status(status), lambda item: (item.error_class, item.step.call))
    lines: list[str] = []
    for result in folded.shown:
        lines += [*_result(result), ""]
    for (error_class, call), more in folded.more.items():
        text = f"{status.value}: {count(more, 'more step')} like these, {call} ({error_class})"
        lines += [*paragraph(text, 0, 2), ""]
    return lines


def _result(result: StepResult) -> list[str]:
    step = result.step
    word = "failed" if result.status is StepStatus.FAILED else "UNDECIDED"
    head = paragraph(f"{word}: step {step.number}, {step.call} on {step.address}", 0, 2)
    lines = with_right(head, f"({result.error_class})" if result.error_class else "")
    request = f"Request {result.request_id}." if result.request_id else ""
    for text in (result.message, request, result.advice):
        if text:
            lines += [line for part in text.split("\n") for line in paragraph(part, 2)]
    return lines


def _next(report: ApplyReport) -> list[str]:
    if report.open_run:
        text = (
            f"Run {report.open_run} is open: at least one answer was lost. keyplan resume finds"
            " out what happened and finishes it, keyplan rollback takes it back."
        )
        return [*paragraph(text), "", "Next: keyplan resume"]
    if report.interrupted and not report.with_status(StepStatus.FAILED):
        return command(["Next:", "keyplan", "plan"])
    return command(["Next:", "correct", "the", "cause,", "then", "keyplan", "plan"])
