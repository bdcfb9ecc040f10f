"""The steps in flight: since when, in which thread, and what it means if one never lands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keyplan.applying.executor import Attempt
from keyplan.applying.lanes import Begun
from keyplan.errors import OutcomeUnknownError
from keyplan.plans.plan import Step
from keyplan.session.session import ProviderSession

PROGRESS = 10.0
"""A step in flight is mentioned again after so many seconds."""


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


class Flights:
    """What is in flight. For the scheduler's thread only."""

    def __init__(self, sessions: Mapping[str, ProviderSession], deadline: float) -> None:
        self._sessions = sessions
        self._deadline = deadline
        self._flights: dict[int, Flight] = {}

    def begun(self, begun: Begun) -> None:
        """A worker begins a step."""
        self._flights[begun.step.number] = Flight(begun.step, begun.at, begun.at, begun.thread)

    def landed(self, step: Step) -> None:
        """A step was reported."""
        self._flights.pop(step.number, None)

    def given_up(self, now: float) -> Iterator[Attempt]:
        """Calls that were overdue at two looks: nobody waits any longer, their answer is lost."""
        for flight in list(self._flights.values()):
            step, late = flight.step, flight.late
            flight.late = self._sessions[step.provider].overdue(flight.thread)
            if late and flight.late:
                self.landed(step)
                error = _hung(step, self._deadline)
                yield Attempt(step, error=error, undecided=True, seconds=now - flight.began)

    def to_mention(self, now: float) -> Iterator[Flight]:
        """Flights that have gone on for long, each every `PROGRESS` seconds."""
        for flight in self._flights.values():
            if now - flight.mentioned >= PROGRESS:
                flight.mentioned = now
                yield flight


def _hung(step: Step, deadline: float) -> OutcomeUnknownError:
    """The error of a step whose call is not waited for any longer."""
    return OutcomeUnknownError(
        "the call did not end, and is not waited for any longer",
        target=step.address,
        why=f"The provider {step.provider} hangs in {step.call}, beyond the deadline of"
        f" {deadline:.0f} s.",
        advice="When the service answers again: keyplan resume",
        operation=step.operation.name,
    )
