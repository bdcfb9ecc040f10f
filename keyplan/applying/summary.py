"""From what became of each step to the report of an apply."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.address import Address
from keyplan.plans.changes import Action, ResourceChange
from keyplan.plans.plan import Counts, Plan
from keyplan.plans.reports import StepResult, StepStatus


def counts_of(plan: Plan, results: Sequence[StepResult]) -> Counts:
    """How many changes were made: those whose every step succeeded."""
    tally = dict.fromkeys(Action, 0)
    for change, whole in _changes(plan, results):
        tally[change.action] += whole
    return Counts(
        add=tally[Action.CREATE],
        change=tally[Action.UPDATE],
        destroy=tally[Action.DELETE],
        imported=tally[Action.READ],
        forget=tally[Action.FORGET],
    )


def unfinished(plan: Plan, results: Sequence[StepResult]) -> tuple[Address, ...]:
    """The keys whose change is not, or not completely, made. In the order of the plan."""
    return tuple(change.address for change, whole in _changes(plan, results) if not whole)


def outcome_of(results: Sequence[StepResult], *, interrupted: bool) -> str:
    """The word for the whole: `succeeded`, `failed` or `interrupted`."""
    if any(result.status in (StepStatus.FAILED, StepStatus.UNDECIDED) for result in results):
        return "failed"
    return "interrupted" if interrupted else "succeeded"


def _changes(plan: Plan, results: Sequence[StepResult]) -> list[tuple[ResourceChange, bool]]:
    done = {result.step.number for result in results if result.status is StepStatus.SUCCEEDED}
    return [(change, done.issuperset(change.steps)) for change in plan.changes]
