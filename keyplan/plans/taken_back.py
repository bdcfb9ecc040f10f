"""What of a run that failed was not undone by the rollback after it, and why.

Rules: every step that was done is either answered by a step of the rollback or named here.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.operations import CreateKey, Operation, ReplicateKey
from keyplan.plans.plan import Step
from keyplan.plans.reports import ApplyReport, StepStatus


@dataclass(frozen=True, slots=True)
class NotUndone:
    """A step of the run, or of the rollback, that leaves something as it is."""

    step: Step
    why: str


def not_undone(failed: ApplyReport, rollback: ApplyReport) -> tuple[NotUndone, ...]:
    """What is left: steps of the rollback that were not done, and what it had no step for."""
    done = [item.step for item in failed.with_status(StepStatus.SUCCEEDED)]
    made = {step.address for step in done if isinstance(step.operation, CreateKey | ReplicateKey)}
    answers = [_subject(item.step.operation) for item in rollback.results]
    left: list[NotUndone] = []
    for step in reversed(done):
        subjects = {_subject(operation) for operation in step.inverse.operations}
        answer = next((item for item in answers if item in subjects), None)
        if answer is None:
            left.append(NotUndone(step, _why(step, made)))
        else:
            answers.remove(answer)
    broken = [
        NotUndone(item.step, item.message)
        for item in rollback.results
        if item.status is not StepStatus.SUCCEEDED
    ]
    return (*broken, *reversed(left))


def _subject(operation: Operation) -> tuple[object, ...]:
    """What an operation is about: values may have been unknown when its inverse was planned."""
    names = ("attribute", "alias", "grant", "version", "kind")
    return (operation.name, operation.target, *(getattr(operation, name, None) for name in names))


def _why(step: Step, made: set[Address]) -> str:
    if step.inverse.grade is Grade.NONE:
        return "it has no way back"
    if step.address in made:
        return "the run made this key, which is kept as it was made, suspended"
    return step.inverse.residue or "nothing of it was in force any more"
