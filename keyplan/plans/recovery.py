"""What became of a run that did not end: the report of `keyplan resume`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from keyplan.model.address import Address
from keyplan.model.inverses import Inverse
from keyplan.model.operations import Operation
from keyplan.plans.reports import ApplyReport
from keyplan.state.entries import Settlement


class Fate(StrEnum):
    """What was found out about a step that had been started."""

    DONE = "done"
    NOT_DONE = "not done"
    ACCEPTED = "accepted"  # a person said: leave it as it is
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class RecoveredStep:
    """One step without a result in the journal. `why` explains what cannot be told.

    `inverse` and `settlement` are those of the plan, for finishing or undoing it.
    """

    number: int
    provider: str
    operation: Operation
    inverse: Inverse
    settlement: Settlement
    fate: Fate
    why: str = ""

    @property
    def address(self) -> Address:
        """The key."""
        return self.operation.target


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """The end of an open run.

    `run` is empty if there was none. `closed` says whether the state is committed and the
    journal archived; it is not while a step is undecidable. `before` counts the results
    that were in the journal already; `begun` is false if it had nothing at all.
    `finished` is what became of the rest of the program, `stopped` why it was not gone on
    with; neither is there for a run in which a step had failed. `archived` are runs that
    had ended, and whose journals only waited for that; said where none was open.
    """

    run: str
    closed: bool
    serial: int
    steps: tuple[RecoveredStep, ...] = ()
    before: int = 0
    torn: bool = False
    warnings: tuple[str, ...] = ()
    begun: bool = True
    finished: ApplyReport | None = None
    stopped: str = ""
    archived: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the run is closed with everything that it was to do."""
        whole = self.finished is None or self.finished.ok
        return self.closed and whole and not self.stopped

    def with_fate(self, fate: Fate) -> tuple[RecoveredStep, ...]:
        """The steps with that fate, in order."""
        return tuple(step for step in self.steps if step.fate is fate)
