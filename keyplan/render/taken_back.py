"""A run that failed and was taken back: what was done, what of it is undone, what never began."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.plans.reports import ApplyReport, StepResult, StepStatus
from keyplan.plans.taken_back import not_undone
from keyplan.render.fold import fold
from keyplan.render.layout import count, paragraph


def taken_back_text(failed: ApplyReport, rollback: ApplyReport) -> str:
    """The lists under the report of the rollback, ending with a line end."""
    lines = [""]
    lines += _listed(f"Done by {failed.run}", failed.with_status(StepStatus.SUCCEEDED))
    lines += _listed("Undone", rollback.with_status(StepStatus.SUCCEEDED))
    lines += _listed(f"Not started by {failed.run}", failed.with_status(StepStatus.SKIPPED))
    left = not_undone(failed, rollback)
    lines += [f"Not undone: {count(len(left), 'step') if left else 'nothing'}"]
    folded = fold(left, lambda item: (item.why, item.step.call))
    for item in folded.shown:
        lines += paragraph(f"{item.step.call} {item.step.address}: {item.why}", 2, 4)
    for (why, call), more in folded.more.items():
        lines += paragraph(f"{count(more, 'more step')}, {call}: {why}", 2, 4)
    return "\n".join(lines) + "\n"


def _listed(title: str, results: Sequence[StepResult]) -> list[str]:
    if not results:
        return [f"{title}: nothing"]
    lines = [f"{title}: {count(len(results), 'step')}"]
    folded = fold(results, lambda item: (item.status, item.step.call))
    for result in folded.shown:
        lines += paragraph(f"{result.step.call} {result.step.address}", 2, 4)
    for (_, call), more in folded.more.items():
        lines += paragraph(f"{count(more, 'more step')}, {call}", 2, 4)
    return lines
