"""What became of each step of a run, written down once: journal, knowledge, order, observer.

Rules: a step has one result. Whoever watches is told after it is recorded. For the
scheduler's thread only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from keyplan.applying.executor import Attempt
from keyplan.applying.known import Known
from keyplan.applying.order import Order
from keyplan.applying.record import Recorder, explain
from keyplan.applying.telling import Teller
from keyplan.errors import KeyplanError, ProviderError
from keyplan.plans.plan import Step
from keyplan.plans.reports import ApplyEvent, EventKind, StepResult, StepStatus
from keyplan.state.entries import StepFailed, StepSkipped, StepSucceeded, StepUndecided


class Results:
    """The results of a run, beginning with those of the steps in `done`."""

    def __init__(
        self,
        steps: Sequence[Step],
        done: Collection[int],
        *,
        known: Known,
        order: Order,
        recorder: Recorder,
        teller: Teller,
    ) -> None:
        self._steps = {step.number: step for step in steps}
        self._known = known
        self._order = order
        self._recorder = recorder
        self._teller = teller
        self._found: dict[int, StepResult] = {
            number: StepResult(step, StepStatus.SUCCEEDED)
            for number, step in self._steps.items()
            if number in done
        }

    def __contains__(self, number: int) -> bool:
        return number in self._found

    @property
    def whole(self) -> bool:
        """Whether every result is a success."""
        return all(item.status is StepStatus.SUCCEEDED for item in self._found.values())

    def in_order(self) -> tuple[StepResult, ...]:
        """The result of each step; every one must have one by now."""
        return tuple(self._found[number] for number in self._steps)

    def succeeded(self, step: Step, entry: StepSucceeded, seconds: float = 0.0) -> None:
        """A step was done: what waits for it may be ready now."""
        self._recorder.add(entry)
        self._known.learn(step.operation.target, entry.id, entry.observation)
        self._order.succeeded(step.number)
        self._found[step.number] = StepResult(step, StepStatus.SUCCEEDED, seconds=seconds)
        self.tell(EventKind.COMPLETE, step, seconds)

    def failed(self, attempt: Attempt) -> None:
        """A step failed, or nobody knows what it did."""
        step, error, seconds = attempt.step, attempt.error, attempt.seconds
        if error is None:
            raise AssertionError("an attempt has an outcome or an error")
        kind, text = error.error_class, explain(error)
        if attempt.undecided:
            status = StepStatus.UNDECIDED
            self._recorder.add(StepUndecided(step.number, kind, text))
        else:
            status = StepStatus.FAILED
            self._recorder.add(StepFailed(step.number, kind, text))
        request = error.request_id if isinstance(error, ProviderError) else ""
        self._found[step.number] = StepResult(
            step, status, kind, text, error.advice, seconds, request
        )
        self.tell(EventKind.ERRORED, step, seconds, error=error)

    def skipped(self, number: int, why: str) -> None:
        """A step was never begun."""
        self._recorder.add(StepSkipped(number, why))
        self._found[number] = StepResult(
            self._steps[number], StepStatus.SKIPPED, message=f"not started: {why}"
        )

    def skip_the_rest(self, why: str) -> None:
        """Everything without a result was never begun; say what it waited for."""
        behind = self._order.behind(sorted(self._broken()))
        for number in self._steps:
            if number not in self._found:
                origin = behind.get(number)
                self.skipped(number, why if origin is None else f"it depends on step {origin}")

    def _broken(self) -> list[int]:
        ends = (StepStatus.FAILED, StepStatus.UNDECIDED)
        return [number for number, item in self._found.items() if item.status in ends]

    def tell(
        self,
        kind: EventKind,
        step: Step,
        seconds: float = 0.0,
        error: KeyplanError | None = None,
    ) -> None:
        """Tell whoever watches what happens to a step."""
        done, total = len(self._found), len(self._steps)
        message = explain(error) if error else ""
        self._teller.tell(ApplyEvent(kind, step, done, total, seconds, error, message))
