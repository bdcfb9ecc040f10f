"""A step in flight: since when, in which thread, and what it means if it never lands."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.errors import OutcomeUnknownError
from keyplan.plans.plan import Step


@dataclass(slots=True)
class Flight:
    """A step that a worker has begun, and when it was last mentioned to the observer.

    `late` says that its call was overdue when it was looked at the last time.
    """

    step: Step
    began: float
    mentioned: float
    thread: int
    late: bool = False


def hung(step: Step, deadline: float) -> OutcomeUnknownError:
    """The error of a step whose call is not waited for any longer."""
    return OutcomeUnknownError(
        "the call did not end, and is not waited for any longer",
        target=step.address,
        why=f"The provider {step.provider} hangs in {step.call}, beyond the deadline of"
        f" {deadline:.0f} s.",
        advice="When the service answers again: keyplan resume",
        operation=step.operation.name,
    )
