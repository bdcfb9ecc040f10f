"""A run that did not end: `keyplan resume` finishes it, `keyplan rollback` closes it first.

    journal -> undecided steps, decided by the world -> the rest of the program -> closed

Rules: everything is written to the same journal, so that recovery may itself be killed
anywhere and be started again. A step that cannot be decided keeps the run open, until
it can or a person accepts it as it is. A run in which a step failed is closed and not
gone on with; nor is one whose world has moved: the next plan starts from the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from keyplan.applying import closing
from keyplan.applying.deciding import RESULTS, Decider, has_failed, undecided
from keyplan.applying.editing import began_nothing, finish_replacement
from keyplan.applying.faithful import check_brakes, check_steps
from keyplan.applying.known import Known
from keyplan.applying.leasing import leased
from keyplan.applying.options import (
    ApplyOptions,
    Interrupt,
    Observer,
    Surroundings,
    unwatched,
)
from keyplan.applying.outdated import Outdated, outdated_head
from keyplan.applying.preflight import check_allowed, check_clock, check_sessions
from keyplan.applying.reading_back import read_back
from keyplan.applying.record import Recorder, explain
from keyplan.applying.run import Run, adopted
from keyplan.applying.scheduler import INTERRUPTED
from keyplan.errors import (
    BlockedPlanError,
    JournalError,
    KeyplanError,
    PlanFileError,
    StalePlanError,
)
from keyplan.plans.plan import Plan
from keyplan.plans.program import read_program
from keyplan.plans.recovery import Fate, RecoveredStep, RecoveryReport
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.session import ProviderSession
from keyplan.state.entries import (
    Entry,
    RunEnded,
    RunPlanned,
    RunStarted,
    StepSkipped,
    StepSucceeded,
)
from keyplan.state.fold import fold
from keyplan.state.journal import JournalReading, JournalWriter, read_journal
from keyplan.state.model import StateSnapshot
from keyplan.state.rebuilding import misfit
from keyplan.state.snapshot import archive_closed_runs, load_snapshot

__all__ = ["close_open_run", "finish_open_run", "undecided"]

RESUME = ApplyOptions(operation="resume")
"""How others see who finishes a run."""

_NO_LINEAGE = "none"
_REFUSALS = (StalePlanError, BlockedPlanError, PlanFileError, JournalError)
"""Why a run is not gone on with, and closed as it is."""


def close_open_run(
    store: Store,
    sessions: Mapping[str, ProviderSession],
    *,
    lease: Lease | None = None,
    options: ApplyOptions = RESUME,
    accept: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> RecoveryReport:
    """Decide the steps of the open run, save the state, archive the journal.

    Changes no key (but see `decide` for services with idempotency tokens). With `accept`,
    steps that cannot be decided count as not done, on a person's word. Without a `lease` one
    is taken and given back.
    Raises `BusyError` if somebody holds the lease (the run may still be going on),
    `JournalError` for a journal that is broken or belongs to another state, `StateError`
    if journal or state cannot be written. Without an open run it only tidies up.
    """
    around = Surroundings(sessions, options, clock, unwatched, Interrupt())
    with _opened(store, lease, around, accept=accept) as found:
        return found.close(accept=accept) if isinstance(found, _Recovery) else found


def finish_open_run(
    store: Store,
    sessions: Mapping[str, ProviderSession],
    *,
    lease: Lease | None = None,
    options: ApplyOptions = RESUME,
    accept: bool = False,
    observer: Observer = unwatched,
    clock: Clock = SYSTEM_CLOCK,
    interrupt: Interrupt | None = None,
) -> RecoveryReport:
    """Decide the steps of the open run, perform the rest of its program, and close it.

    The rest is under the checks of `apply`; what it may not do any more is left, and the
    report says why. Raises as `close_open_run`, and the errors of providers with the run
    still open.
    """
    around = Surroundings(sessions, options, clock, observer, interrupt or Interrupt())
    with _opened(store, lease, around, accept=accept) as found:
        return found.finish(accept=accept) if isinstance(found, _Recovery) else found


@contextmanager
def _opened(
    store: Store, held: Lease | None, around: Surroundings, *, accept: bool
) -> Iterator[_Recovery | RecoveryReport]:
    """The open run under the lease; its report at once if there is nothing to decide."""
    options = around.options
    taken = leased(
        store,
        holder=options.holder,
        operation=options.operation,
        timeout=options.lock_timeout,
        clock=around.clock,
    )
    with taken if held is None else nullcontext(held) as lease:
        finish_replacement(store, lease)
        snapshot = load_snapshot(store, new_lineage=lambda: _NO_LINEAGE)
        archived = archive_closed_runs(store, snapshot.state, lease=lease)
        run, serial = snapshot.open_run, snapshot.state.serial
        if run is None:
            yield RecoveryReport("", closed=True, serial=serial, archived=archived)
            return
        journal = read_journal(store.read_log(run), run=run)
        if journal.torn:
            store.truncate_log(run, journal.good_size, lease=lease)
        if began_nothing(journal.entries):
            store.archive(run, lease=lease)
            yield RecoveryReport(run, closed=True, serial=serial, torn=journal.torn, begun=False)
            return
        if (old := outdated_head(journal.entries, snapshot)) is not None:
            outdated = Outdated(store, lease, snapshot, old, journal, around)
            yield outdated.put_away(accept=accept)
            return
        head = _head(journal.entries[0], snapshot, store)
        fold(snapshot.state, journal.entries)  # raises before anything rests on the journal
        recorder = Recorder(JournalWriter(store, lease, run, after=journal), journal.entries)
        yield _Recovery(store, lease, snapshot, head, journal, recorder, around)


def _head(head: Entry, snapshot: StateSnapshot, store: Store) -> RunStarted:
    state = snapshot.state
    if not isinstance(head, RunStarted):
        advice = "Put the journal back from a backup, then: keyplan resume"
    elif (head.lineage, head.serial) == (state.lineage, state.serial):
        return head
    else:
        advice = misfit(store, head, state)
    raise JournalError(
        "the open journal does not belong to this state",
        target=snapshot.open_run or "",
        why=f"The state is at serial {state.serial} of lineage {state.lineage}; the run began"
        " with another. One of the two was restored or moved without the other.",
        advice=advice,
    )


@dataclass(frozen=True, slots=True)
class _Recovery:
    """The end of one run, under the lease."""

    store: Store
    lease: Lease
    snapshot: StateSnapshot
    head: RunStarted
    journal: JournalReading
    recorder: Recorder
    around: Surroundings

    def close(self, *, accept: bool) -> RecoveryReport:
        """Decide, and end the run where it is."""
        if isinstance(self.recorder.entries[-1], RunEnded):
            return self._commit((), ())
        known = self._known()
        steps = self._decide(known, accept=accept)
        return self._open(steps) if _is_open(steps) else self._close(steps, known)

    def finish(self, *, accept: bool) -> RecoveryReport:
        """Decide, and do the rest, if it may be done."""
        if isinstance(self.recorder.entries[-1], RunEnded):
            return self._commit((), ())
        known = self._known()
        steps = self._decide(known, accept=accept)
        if _is_open(steps):
            return self._open(steps)
        if has_failed(self.recorder.entries) or self._owes_rollback:
            return self._close(steps, known)
        self.recorder.flush()
        try:
            run = self._rest()
        except _REFUSALS as error:
            return self._close(steps, known, stopped=error)
        try:
            applied = run.go_on(self.recorder)
        except StalePlanError as error:
            return self._close(steps, known, stopped=error)
        closed = applied.open_run is None
        report = self._report(steps, closed=closed, serial=applied.serial)
        return replace(report, finished=applied)

    @property
    def _owes_rollback(self) -> bool:
        """Whether the run was to be taken back if something stops it, and something did."""
        entries = self.recorder.entries
        stopped = any(isinstance(item, StepSkipped) and item.why == INTERRUPTED for item in entries)
        return self.head.on_failure == "rollback" and (stopped or has_failed(entries))

    def _known(self) -> Known:
        known = Known(self.snapshot.state, self.around.sessions)
        known.replay(self.recorder.entries)
        return known

    def _decide(self, known: Known, *, accept: bool) -> tuple[RecoveredStep, ...]:
        around = self.around
        decider = Decider(self.head, known, self.recorder, around.sessions, around.clock)
        return decider.decide(accept=accept)

    def _program(self) -> Plan | None:
        """The whole program; `None` in a journal that was written before they had one."""
        for entry in self.journal.entries[:2]:
            if isinstance(entry, RunPlanned):
                head = self.head
                return read_program(entry.program, run=head.run, checksum=head.checksum)
        return None

    def _rest(self) -> Run:
        """The run with its program, checked as by apply as far as something is left to do."""
        plan = self._program()
        if plan is None:
            raise JournalError(
                "the journal does not say what was left to do",
                target=self.head.run,
                advice="Plan it: keyplan plan",
            )
        around, allowed = self.around, frozenset(self.head.allowed)
        done = {item.step for item in self.recorder.entries if isinstance(item, StepSucceeded)}
        left = replace(plan, steps=tuple(step for step in plan.steps if step.number not in done))
        if left.steps:
            check_allowed(left, allowed)
            check_clock(left, around.clock.now())
            check_sessions(left, around.sessions)
            check_steps(left, around.sessions)
            check_brakes(left, self.snapshot.state, allowed)
        began = around.clock.monotonic()
        return Run(plan, self.store, self.lease, self.snapshot, around, self.head.run, began)

    # -- ending --------------------------------------------------------------------------

    def _open(self, steps: tuple[RecoveredStep, ...]) -> RecoveryReport:
        self.recorder.flush()
        return self._report(steps, closed=False)

    def _close(
        self,
        steps: tuple[RecoveredStep, ...],
        known: Known,
        *,
        stopped: KeyplanError | None = None,
    ) -> RecoveryReport:
        """End the run with what was done; keys and outputs as they are now."""
        also = {step.address for step in steps if step.fate is Fate.ACCEPTED}
        plan = None if isinstance(stopped, JournalError) else self._program_if_readable()
        if plan is not None:
            also |= adopted(plan)
        entries = self.recorder.entries
        verified, warnings = read_back(entries, known, self.around.sessions, also=also)
        self.recorder.add(*verified)
        if plan is not None:
            for entry in verified:
                known.learn(entry.address, entry.observation.id, entry.observation)
            outputs, _ = closing.outputs_after(plan, self.snapshot.state, known)
            self.recorder.add(*([] if outputs is None else [outputs]))
        outcome = "failed" if has_failed(entries) or stopped else "interrupted"
        closing.end_run(self.store, self.snapshot, self.recorder, outcome, self.around.clock)
        return self._commit(steps, tuple(warnings), stopped=stopped)

    def _program_if_readable(self) -> Plan | None:
        try:
            return self._program()
        except JournalError:
            return None  # closing needs it for keys taken over and outputs only

    def _commit(
        self,
        steps: tuple[RecoveredStep, ...],
        warnings: tuple[str, ...],
        *,
        stopped: KeyplanError | None = None,
    ) -> RecoveryReport:
        run, recorder = self.head.run, self.recorder
        state, more = closing.commit_run(self.store, self.lease, self.snapshot, recorder, run)
        report = self._report(steps, closed=True, serial=state.serial)
        return replace(
            report,
            warnings=(*warnings, *more),
            stopped="" if stopped is None else explain(stopped),
        )

    def _report(
        self, steps: tuple[RecoveredStep, ...], *, closed: bool, serial: int | None = None
    ) -> RecoveryReport:
        return RecoveryReport(
            run=self.head.run,
            closed=closed,
            serial=self.snapshot.state.serial if serial is None else serial,
            steps=steps,
            before=sum(isinstance(entry, RESULTS) for entry in self.journal.entries),
            torn=self.journal.torn,
        )


def _is_open(steps: tuple[RecoveredStep, ...]) -> bool:
    return any(step.fate is Fate.UNDECIDABLE for step in steps)
