"""One step: the call, and what to make of its answer.

Rules: an operation is repeated only when it is certain that it was not done, and then
once. A provider that fails in a way it should not has lost its answer, because nobody
knows how far it came. Runs in a worker thread and touches nothing but the session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keyplan.applying.decide import Question, Verdict, decide
from keyplan.errors import (
    KeyplanError,
    OutcomeUnknownError,
    ProviderDefectError,
    ProviderError,
    TransientError,
)
from keyplan.model.inverses import Inverse
from keyplan.model.operations import Operation, RemoteOperation
from keyplan.plans.plan import Step
from keyplan.sdk.provider import Bindings, Outcome
from keyplan.session.clock import Clock
from keyplan.session.session import ProviderSession
from keyplan.state.entries import Settlement


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step with nothing unknown left in it. `expects` is empty after the key's first write."""

    step: Step
    operation: Operation
    inverse: Inverse
    settlement: Settlement
    bindings: Bindings
    expects: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a step: an outcome, or an error that left it done or not.

    Without an outcome, `undecided` says whether the effect may be there all the same.
    """

    step: Step
    outcome: Outcome | None = None
    error: KeyplanError | None = None
    undecided: bool = False
    seconds: float = 0.0


def perform(
    prepared: Prepared,
    operation: RemoteOperation,
    session: ProviderSession,
    *,
    clock: Clock,
    deadline: float,
    stopped: Callable[[], bool],
) -> Attempt:
    """Do the step's operation; never raises a `KeyplanError`."""
    began = clock.monotonic()
    outcome, error, undecided = _perform(
        prepared, operation, session, clock=clock, deadline=deadline, stopped=stopped
    )
    return Attempt(
        prepared.step, outcome, error, undecided=undecided, seconds=clock.monotonic() - began
    )


def _perform(
    prepared: Prepared,
    operation: RemoteOperation,
    session: ProviderSession,
    *,
    clock: Clock,
    deadline: float,
    stopped: Callable[[], bool],
) -> tuple[Outcome | None, KeyplanError | None, bool]:
    repeated, since = False, clock.now()
    while True:
        try:
            outcome = session.execute(
                operation,
                prepared.bindings,
                expects=prepared.expects or None,
                deadline=deadline,
            )
        except (OutcomeUnknownError, ProviderDefectError) as error:
            question = Question(prepared.step.number, operation, prepared.bindings, since)
            verdict = decide(session, [question], clock=clock, stopped=stopped)[question.number]
            if verdict.outcome is not None:
                return verdict.outcome, None, False
            if verdict.done is None:
                return None, _unknown(error, verdict), True
            if isinstance(error, ProviderDefectError):
                return None, error, False
            if repeated or stopped():
                return None, _not_done(error), False
            repeated = True
        except KeyplanError as error:
            return None, error, False
        else:
            return outcome, None, False


def _unknown(error: ProviderError, verdict: Verdict) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        error.what,
        target=error.target,
        why=f"Whether it was done could not be found out: {verdict.why}.",
        advice="Finish the run when the service answers again: keyplan resume",
        operation=error.operation,
        request_id=error.request_id,
    )


def _not_done(error: ProviderError) -> TransientError:
    return TransientError(
        error.what,
        target=error.target,
        why="The answer was lost; a look at the service shows that it was not done.",
        advice="Run the same command again.",
        operation=error.operation,
        request_id=error.request_id,
    )
