"""Applying a plan: the only way in which keyplan changes the world.

    preflight -> lease -> state as planned? -> identities -> live keys -> steps -> close

Rules: nothing is written before everything was checked under the lease. The plan is
performed as it is; configuration is never seen here. A run ends in one of three ways:
closed (every step is decided, the state committed, whatever failed), open (a step is
undecided: `keyplan resume`), or not at all (nothing was done, and the reason raised).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.applying import closing
from keyplan.applying.faithful import check_brakes, check_steps
from keyplan.applying.known import Known
from keyplan.applying.leasing import leased
from keyplan.applying.live import LiveCheck
from keyplan.applying.options import ApplyOptions, Interrupt, Observer, new_run_id
from keyplan.applying.preflight import (
    check_allowed,
    check_clock,
    check_idle,
    check_sessions,
    check_state,
)
from keyplan.applying.reading_back import read_back
from keyplan.applying.record import Recorder
from keyplan.applying.scheduler import Scheduler, Surroundings
from keyplan.applying.summary import counts_of, outcome_of, unfinished
from keyplan.errors import StateError
from keyplan.model.operations import is_remote
from keyplan.model.timing import format_instant
from keyplan.plans.changes import Reason
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyEvent, ApplyReport, StepResult, StepStatus
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.session import ProviderSession
from keyplan.state.entries import RunStarted
from keyplan.state.journal import JournalWriter
from keyplan.state.model import StateSnapshot
from keyplan.state.snapshot import load_snapshot

__all__ = ["ApplyOptions", "Interrupt", "Observer", "apply_plan"]


def _silent(event: ApplyEvent) -> None:
    """Nobody watches."""


def apply_plan(
    plan: Plan,
    *,
    store: Store,
    sessions: Mapping[str, ProviderSession],
    allowed: frozenset[str] = frozenset(),
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    observer: Observer = _silent,
    clock: Clock = SYSTEM_CLOCK,
    interrupt: Interrupt | None = None,
    new_run: Callable[[datetime], str] = new_run_id,
) -> ApplyReport:
    """Perform a plan and save the state; the report says what became of each step.

    `allowed` names the brakes that may be released. Raises `BlockedPlanError`,
    `PlanFileError`, `StalePlanError` or `BusyError` if nothing may be done, `StateError` if
    the journal or the state cannot be written (the message says what was done), and
    whatever error stopped the run before its first write.
    """
    check_allowed(plan, allowed)
    around = Surroundings(sessions, options, clock, observer, interrupt or Interrupt())
    with leased(
        store,
        holder=options.holder,
        operation=options.operation,
        timeout=options.lock_timeout,
        clock=clock,
    ) as lease:
        snapshot = load_snapshot(store, new_lineage=lambda: plan.lineage)
        check_idle(snapshot, store.describe())
        check_state(plan, snapshot)
        check_clock(plan, clock.now())
        check_sessions(plan, sessions)
        check_steps(plan, sessions)
        check_brakes(plan, snapshot.state, allowed)
        run = _Run(plan, store, lease, snapshot, around, new_run(clock.now()), clock.monotonic())
        return run.perform(allowed)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run under the lease. `began` is on the monotonic clock."""

    plan: Plan
    store: Store
    lease: Lease
    snapshot: StateSnapshot
    around: Surroundings
    name: str
    began: float

    def perform(self, allowed: frozenset[str]) -> ApplyReport:
        """The steps, and the end of the run."""
        if not self.plan.has_changes:
            return self._report((), serial=self.snapshot.state.serial)
        recorder = Recorder(JournalWriter(self.store, self.lease, self.name))
        recorder.add(self._head(allowed))
        known = Known.of_plan(self.plan, self.snapshot.state, self.around.sessions)
        live = LiveCheck(
            self.around.sessions,
            known,
            clock=self.around.clock,
            fresh=self.around.options.fresh,
        )
        live.everything(self.plan.steps)
        scheduler = Scheduler(
            self.plan.steps, known=known, live=live, recorder=recorder, around=self.around
        )
        try:
            results = scheduler.run()
            interrupted = scheduler.interrupted
            if self.plan.steps and not scheduler.began:
                return self._report(
                    results, serial=self.snapshot.state.serial, interrupted=interrupted
                )
            if any(result.status is StepStatus.UNDECIDED for result in results):
                recorder.flush()
                return self._report(
                    results,
                    serial=self.snapshot.state.serial,
                    interrupted=interrupted,
                    open_run=self.name,
                )
            warnings = self._describe(recorder, known, failed=not _whole(results))
            warnings += [scheduler.unheard] if scheduler.unheard else []
            outcome = outcome_of(results, interrupted=interrupted)
            closing.end_run(recorder, outcome, self.around.clock)
        except StateError as error:
            raise self._journal_lost(error) from error
        state, more = closing.commit_run(self.store, self.lease, self.snapshot, recorder, self.name)
        report = self._report(
            results, serial=state.serial, interrupted=interrupted, warnings=(*warnings, *more)
        )
        return replace(report, outputs=state.outputs)

    def _head(self, allowed: frozenset[str]) -> RunStarted:
        state, options = self.snapshot.state, self.around.options
        return RunStarted(
            run=self.name,
            operation=options.operation,
            checksum=self.plan.checksum,
            lineage=state.lineage,
            serial=state.serial,
            holder=options.holder,
            allowed=tuple(sorted(allowed)),
            at=format_instant(self.around.clock.now()),
            places={
                instance: session.identity.place
                for instance, session in sorted(self.around.sessions.items())
            },
        )

    def _describe(self, recorder: Recorder, known: Known, *, failed: bool) -> list[str]:
        """Record how keys and outputs are afterwards; returns warnings."""
        adopted = {
            step.address
            for step in self.plan.steps
            if step.reason is Reason.ADOPT and not is_remote(step.operation)
        }
        verified, warnings = read_back(recorder.entries, known, self.around.sessions, also=adopted)
        recorder.add(*verified)
        for entry in verified:
            known.learn(entry.address, entry.observation.id, entry.observation)
        outputs, unknown = closing.outputs_after(self.plan, self.snapshot.state, known)
        if outputs is not None:
            recorder.add(outputs)
        return warnings if failed else warnings + unknown

    def _report(
        self,
        results: tuple[StepResult, ...],
        *,
        serial: int,
        interrupted: bool = False,
        open_run: str | None = None,
        warnings: tuple[str, ...] = (),
    ) -> ApplyReport:
        return ApplyReport(
            run=self.name,
            results=results,
            counts=counts_of(self.plan, results),
            serial=serial,
            outputs=self.snapshot.state.outputs,
            warnings=warnings,
            interrupted=interrupted,
            open_run=open_run,
            seconds=self.around.clock.monotonic() - self.began,
            unfinished=unfinished(self.plan, results),
        )

    def _journal_lost(self, error: StateError) -> StateError:
        """The journal could not be written, so the run stopped where it was."""
        return type(error)(
            f"run {self.name} was stopped, because its journal cannot be written: {error.what}",
            target=error.target or self.store.describe(),
            why=error.why,
            advice=f"{error.advice}\n{closing.FINISH}" if error.advice else closing.FINISH,
        )


def _whole(results: Sequence[StepResult]) -> bool:
    return all(result.status is StepStatus.SUCCEEDED for result in results)
