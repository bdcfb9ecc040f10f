"""One run under the lease: from its first entry, or from where it broke off, to its end.

    RunStarted, RunPlanned -> live keys -> steps -> read back -> RunEnded -> commit

Rules: the journal has the whole program before the first effect, so that a run whose
process was killed is finished by another. It ends in one of three ways: closed (every
step is decided, the state committed, whatever failed), open (a step is undecided), or
with an error that says what is in the journal and what is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keyplan.applying import closing
from keyplan.applying.known import Known
from keyplan.applying.live import LiveCheck
from keyplan.applying.options import Surroundings
from keyplan.applying.reading_back import read_back
from keyplan.applying.record import Recorder
from keyplan.applying.scheduler import Scheduler
from keyplan.applying.summary import counts_of, outcome_of, unfinished
from keyplan.errors import StateError
from keyplan.model.address import Address
from keyplan.model.operations import MoveAlias, is_remote
from keyplan.model.timing import format_instant
from keyplan.plans.changes import Reason
from keyplan.plans.plan import Plan
from keyplan.plans.program import write_program
from keyplan.plans.reports import ApplyReport, StepResult, StepStatus
from keyplan.sdk.store import Lease, Store
from keyplan.state.entries import Entry, RunPlanned, RunStarted, StepStarted, StepSucceeded
from keyplan.state.journal import JournalWriter
from keyplan.state.model import StateSnapshot


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a plan. `began` is on the monotonic clock."""

    plan: Plan
    store: Store
    lease: Lease
    snapshot: StateSnapshot
    around: Surroundings
    name: str
    began: float

    def begin(self, allowed: frozenset[str]) -> ApplyReport:
        """Do all of it."""
        if not self.plan.has_changes:
            return self._report((), serial=self.snapshot.state.serial)
        recorder = Recorder(JournalWriter(self.store, self.lease, self.name))
        recorder.add(self._head(allowed), RunPlanned(write_program(self.plan)))
        known = Known.of_plan(self.plan, self.snapshot.state, self.around.sessions)
        return self._perform(recorder, known, done=frozenset(), written=())

    def go_on(self, recorder: Recorder) -> ApplyReport:
        """Do the rest; the recorder has what was done and decided.

        Raises `StalePlanError` if a key that the run has not written yet is not as the
        plan saw it, with nothing recorded.
        """
        known = Known.of_plan(self.plan, self.snapshot.state, self.around.sessions)
        known.replay(recorder.entries)
        done = {item.step for item in recorder.entries if isinstance(item, StepSucceeded)}
        return self._perform(
            recorder, known, done=frozenset(done), written=_written(recorder.entries, done)
        )

    def _perform(
        self,
        recorder: Recorder,
        known: Known,
        *,
        done: frozenset[int],
        written: Collection[Address],
    ) -> ApplyReport:
        around, before = self.around, self.snapshot.state.serial
        live = LiveCheck(
            around.sessions, known, clock=around.clock, fresh=around.options.fresh, written=written
        )
        live.everything(step for step in self.plan.steps if step.number not in done)
        scheduler = Scheduler(
            self.plan.steps,
            known=known,
            live=live,
            recorder=recorder,
            around=around,
            done=done,
            held=self.lease.check,
        )
        results = scheduler.run()
        interrupted = scheduler.interrupted
        if scheduler.lost is not None:
            raise self._lost(scheduler.lost, recorder) from scheduler.lost
        if self.plan.steps and not scheduler.began and not recorder.durable:
            return self._report(results, serial=before, interrupted=interrupted)
        undecided = any(result.status is StepStatus.UNDECIDED for result in results)
        outcome = outcome_of(results, interrupted=interrupted)
        try:
            if undecided:
                recorder.flush()
                return self._report(
                    results, serial=before, interrupted=interrupted, open_run=self.name
                )
            warnings = self._describe(recorder, known, failed=not _whole(results))
            warnings += [scheduler.teller.unheard] if scheduler.teller.unheard else []
        except StateError as error:
            raise self._lost(error, recorder) from error
        closing.end_run(self.store, self.snapshot, recorder, outcome, around.clock)
        state, more = closing.commit_run(self.store, self.lease, self.snapshot, recorder, self.name)
        return self._report(
            results,
            serial=state.serial,
            interrupted=interrupted,
            warnings=(*warnings, *more),
            outputs=state.outputs,
        )

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
            on_failure=options.on_failure,
        )

    def _describe(self, recorder: Recorder, known: Known, *, failed: bool) -> list[str]:
        """Record how keys and outputs are afterwards; returns warnings."""
        verified, warnings = read_back(
            recorder.entries, known, self.around.sessions, also=adopted(self.plan)
        )
        recorder.add(*verified)
        for entry in verified:
            known.learn(entry.address, entry.observation.id, entry.observation)
        outputs, unknown = closing.outputs_after(self.plan, self.snapshot.state, known)
        if outputs is not None:
            recorder.add(outputs)
        return warnings if failed else warnings + unknown

    def _report(self, results: tuple[StepResult, ...], *, serial: int, **more: Any) -> ApplyReport:
        report = ApplyReport(
            run=self.name,
            results=results,
            counts=counts_of(self.plan, results),
            serial=serial,
            outputs=self.snapshot.state.outputs,
            seconds=self.around.clock.monotonic() - self.began,
            unfinished=unfinished(self.plan, results),
        )
        return replace(report, **more)

    def _lost(self, error: StateError, recorder: Recorder) -> StateError:
        """The journal cannot be written, so the run stopped where it was."""
        return closing.journal_lost(error, recorder, run=self.name, store=self.store.describe())


def adopted(plan: Plan) -> set[Address]:
    """The keys that a plan takes over as they are: nobody has read them for the state yet."""
    return {
        step.address
        for step in plan.steps
        if step.reason is Reason.ADOPT and not is_remote(step.operation)
    }


def _written(entries: Sequence[Entry], done: Collection[int]) -> set[Address]:
    """The keys that the run has written: their fingerprints are its own work."""
    keys: set[Address] = set()
    started: Mapping[int, StepStarted] = {
        item.step: item for item in entries if isinstance(item, StepStarted)
    }
    for number in done:
        operation = started[number].operation
        if is_remote(operation):
            keys.add(operation.target)
        if isinstance(operation, MoveAlias):
            keys.add(operation.source)
    return keys


def _whole(results: Sequence[StepResult]) -> bool:
    return all(result.status is StepStatus.SUCCEEDED for result in results)
