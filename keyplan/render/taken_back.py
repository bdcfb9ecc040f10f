"""A run that failed and was taken back: what was done, what of it is undone, what never began."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.plans.reports import ApplyReport, StepResult, StepStatus
from keyplan.render.fold import fold
from keyplan.render.layout import count, paragraph


def taken_back_text(failed: ApplyReport, rollback: ApplyReport) -> str:
    """The lists under the report of the rollback, ending with a line end."""
    lines = [""]
    lines += _listed(f"Done by {failed.run}", failed.with_status(StepStatus.SUCCEEDED))
    lines += _listed("Undone", rollback.with_status(StepStatus.SUCCEEDED))
    lines += _listed(f"Not started by {failed.run}", failed.with_status(StepStatus.SKIPPED))
    left = [item for item in rollback.results if item.status is not StepStatus.SUCCEEDED]
    lines += _listed("Not undone", left)
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
