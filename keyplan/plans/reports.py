"""What became of a plan: the report of an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyplan.errors import KeyplanError
from keyplan.model.address import Address
from keyplan.model.values import Value
from keyplan.plans.plan import Counts, Step


class StepStatus(StrEnum):
    """The fate of one step."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step and what became of it. `seconds` is how long the call took, retries included.

    `request_id` is the service's own reference of a call that failed, where it gave one.
    """

    step: Step
    status: StepStatus
    error_class: str = ""
    message: str = ""
    advice: str = ""
    seconds: float = 0.0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """The whole apply.

    `serial` is the state's new serial. `counts` are of changes whose every step
    succeeded. `open_run` names the journal if a step stayed undecided.
    """

    run: str
    results: tuple[StepResult, ...]
    counts: Counts
    serial: int
    outputs: Mapping[str, Value] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    interrupted: bool = False
    open_run: str | None = None
    seconds: float = 0.0
    unfinished: tuple[Address, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every step succeeded."""
        return not self.interrupted and all(
            result.status is StepStatus.SUCCEEDED for result in self.results
        )

    def with_status(self, status: StepStatus) -> tuple[StepResult, ...]:
        """The results with that fate, in order."""
        return tuple(result for result in self.results if result.status is status)


class EventKind(StrEnum):
    """What an observer of an apply is told, while it happens."""

    STARTED = "apply_start"
    PROGRESS = "apply_progress"
    COMPLETE = "apply_complete"
    ERRORED = "apply_errored"


@dataclass(frozen=True, slots=True)
class ApplyEvent:
    """One moment of an apply. `done` and `total` count steps; `seconds` since the step began.

    `error` is why the step failed, and `message` that in a line.
    """

    kind: EventKind
    step: Step
    done: int
    total: int
    seconds: float = 0.0
    error: KeyplanError | None = None
    message: str = ""
