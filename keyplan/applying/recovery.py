"""Closing a run that did not end: what `keyplan resume` does first.

The journal says which steps were started; the world says what became of them. A create
is looked for by its token, everything else by reading the key. Then the run is closed
as any other: folded, committed, archived.

Rules: recovery changes no key (but see `decide` for services with idempotency tokens);
it writes what it found out to the same journal, so that it may itself be interrupted
anywhere and be started again. A step that cannot be decided keeps the run open, until
it can or a person accepts it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keyplan.applying import closing
from keyplan.applying.decide import Question, Verdict, decide
from keyplan.applying.known import Known
from keyplan.applying.leasing import leased
from keyplan.applying.options import ApplyOptions
from keyplan.applying.reading_back import read_back
from keyplan.applying.record import Recorder
from keyplan.errors import JournalError, ProviderError
from keyplan.model.operations import (
    AdoptKey,
    ForgetKey,
    RecordAttributes,
    RenameKey,
    StateOperation,
)
from keyplan.plans.recovery import Fate, RecoveredStep, RecoveryReport
from keyplan.sdk.provider import Outcome
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.session import ProviderSession
from keyplan.state.entries import (
    Entry,
    RunEnded,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from keyplan.state.journal import JournalReading, JournalWriter, read_journal
from keyplan.state.model import StateSnapshot
from keyplan.state.snapshot import archive_closed_runs, load_snapshot

ACCEPTED = "accepted"
"""The error class of a step that a person accepted as it is."""

NOT_DONE = "not_done"
"""The error class of a step that was started and, as it turned out, not done."""

RESUME = ApplyOptions(operation="resume")
"""How others see who closes a run."""

_RESULTS = (StepSucceeded, StepFailed, StepSkipped)
_NO_LINEAGE = "none"


def close_open_run(
    store: Store,
    sessions: Mapping[str, ProviderSession],
    *,
    options: ApplyOptions = RESUME,
    accept: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> RecoveryReport:
    """Decide the steps of the open run, save the state, archive the journal.

    With `accept`, steps that cannot be decided count as not done, on a person's word.
    Raises `BusyError` if somebody holds the lease (the run may still be going on),
    `JournalError` for a journal that is broken or belongs to another state, `StateError`
    if journal or state cannot be written. Without an open run it only tidies up.
    """
    with leased(
        store,
        holder=options.holder,
        operation=options.operation,
        timeout=options.lock_timeout,
        clock=clock,
    ) as lease:
        snapshot = load_snapshot(store, new_lineage=lambda: _NO_LINEAGE)
        archive_closed_runs(store, snapshot.state, lease=lease)
        if snapshot.open_run is None:
            return RecoveryReport("", closed=True, serial=snapshot.state.serial)
        journal = read_journal(store.read_log(snapshot.open_run), run=snapshot.open_run)
        if journal.torn:
            store.truncate_log(snapshot.open_run, journal.good_size, lease=lease)
        recovery = _Recovery(store, lease, snapshot, snapshot.open_run, journal, sessions, clock)
        return recovery.close(accept=accept)


@dataclass(frozen=True, slots=True)
class _Recovery:
    """The close of one run, under the lease."""

    store: Store
    lease: Lease
    snapshot: StateSnapshot
    run: str
    journal: JournalReading
    sessions: Mapping[str, ProviderSession]
    clock: Clock

    def close(self, *, accept: bool) -> RecoveryReport:
        """Decide, record, end the run."""
        entries = self.journal.entries
        if not entries:
            self.store.archive(self.run, lease=self.lease)
            return self._report((), closed=True)
        head = self._head(entries[0])
        recorder = Recorder(
            JournalWriter(self.store, self.lease, self.run, after=self.journal), entries
        )
        warnings: list[str] = []
        steps: tuple[RecoveredStep, ...] = ()
        if not isinstance(entries[-1], RunEnded):
            known = self._known(entries)
            steps = self._decide(undecided(entries), head, known, recorder, accept=accept)
            if any(step.fate is Fate.UNDECIDABLE for step in steps):
                recorder.flush()
                return self._report(steps, closed=False)
            accepted = [step.address for step in steps if step.fate is Fate.ACCEPTED]
            verified, warnings = read_back(recorder.entries, known, self.sessions, also=accepted)
            recorder.add(*verified)
            closing.end_run(recorder, "interrupted", self.clock)
        state, more = closing.commit_run(self.store, self.lease, self.snapshot, recorder, self.run)
        report = self._report(steps, closed=True, warnings=(*warnings, *more))
        return replace(report, serial=state.serial)

    def _head(self, head: Entry) -> RunStarted:
        state = self.snapshot.state
        if isinstance(head, RunStarted) and (head.lineage, head.serial) == (
            state.lineage,
            state.serial,
        ):
            return head
        raise JournalError(
            "the open journal does not belong to this state",
            target=self.run,
            why=f"The state is at serial {state.serial} of lineage {state.lineage}; the run began"
            " with another. One of the two was restored or moved without the other.",
            advice="Put the state and the journal that belong together back, then: keyplan resume",
        )

    def _known(self, entries: tuple[Entry, ...]) -> Known:
        """What the run had learnt."""
        known = Known(self.snapshot.state, self.sessions)
        started: dict[int, StepStarted] = {}
        for entry in entries:
            if isinstance(entry, StepStarted):
                started[entry.step] = entry
                known.place(entry.operation.target, entry.provider)
            elif isinstance(entry, StepSucceeded):
                known.learn(started[entry.step].operation.target, entry.id, entry.observation)
        return known

    def _decide(
        self,
        pending: list[StepStarted],
        head: RunStarted,
        known: Known,
        recorder: Recorder,
        *,
        accept: bool,
    ) -> tuple[RecoveredStep, ...]:
        """Find out about each, and record it. Questions to one provider go together."""
        questions: dict[str, list[Question]] = {}
        verdicts: dict[int, Verdict] = {}
        for item in pending:
            match item.operation:
                case RecordAttributes() | AdoptKey() | ForgetKey() | RenameKey():
                    verdicts[item.step] = self._without_call(item.operation, known)
                case operation:
                    question = Question(item.step, operation, known.known_ids(operation))
                    questions.setdefault(item.provider, []).append(question)
        for provider, asked in questions.items():
            verdicts.update(self._ask(provider, head.places.get(provider, ""), asked))
        steps = tuple(_recovered(item, verdicts[item.step], accept=accept) for item in pending)
        for step in steps:
            self._record(step, verdicts[step.number], recorder)
            outcome = verdicts[step.number].outcome
            if outcome is not None:
                known.learn(step.address, outcome.id, outcome.observation)
        return steps

    def _ask(self, provider: str, place: str, asked: list[Question]) -> Mapping[int, Verdict]:
        """Ask where the run wrote. Absence anywhere else would prove nothing."""
        session = self.sessions.get(provider)
        try:
            if session is None:
                why = f"the provider {provider} is not declared any more"
            elif not session.identity.is_at(place):
                why = f"the run wrote to {place}, and this connection is {session.identity.place}"
            else:
                return decide(session, asked, clock=self.clock)
        except ProviderError as error:
            why = f"{provider} does not say who it is: {error.what}"
        return {item.number: Verdict(done=None, why=why) for item in asked}

    def _without_call(self, operation: StateOperation, known: Known) -> Verdict:
        """A step that only changes the state is done by being recorded."""
        match operation:
            case AdoptKey(id=key_id) | ForgetKey(id=key_id) | RenameKey(id=key_id):
                pass
            case RecordAttributes(target):
                key_id = known.id_of(target) or ""
        return Verdict(done=True, outcome=Outcome(key_id))

    def _record(self, step: RecoveredStep, verdict: Verdict, recorder: Recorder) -> None:
        match step.fate:
            case Fate.DONE:
                outcome = verdict.outcome or Outcome("")
                recorder.add(StepSucceeded(step.number, outcome.id, outcome.observation))
            case Fate.NOT_DONE:
                recorder.add(StepFailed(step.number, NOT_DONE, "the run broke off before it"))
            case Fate.ACCEPTED:
                recorder.add(StepFailed(step.number, ACCEPTED, step.why))
            case Fate.UNDECIDABLE:
                pass  # the journal says so already, or says nothing: both mean open

    def _report(
        self,
        steps: tuple[RecoveredStep, ...],
        *,
        closed: bool,
        warnings: tuple[str, ...] = (),
    ) -> RecoveryReport:
        return RecoveryReport(
            run=self.run,
            closed=closed,
            serial=self.snapshot.state.serial,
            steps=steps,
            before=sum(isinstance(entry, _RESULTS) for entry in self.journal.entries),
            torn=self.journal.torn,
            warnings=warnings,
        )


def undecided(entries: Iterable[Entry]) -> list[StepStarted]:
    """The steps that were started and have no result, in order."""
    pending: dict[int, StepStarted] = {}
    for entry in entries:
        if isinstance(entry, StepStarted):
            pending[entry.step] = entry
        elif isinstance(entry, _RESULTS):
            pending.pop(entry.step, None)
    return [pending[number] for number in sorted(pending)]


def _recovered(item: StepStarted, verdict: Verdict, *, accept: bool) -> RecoveredStep:
    fate = {True: Fate.DONE, False: Fate.NOT_DONE, None: Fate.UNDECIDABLE}[verdict.done]
    if fate is Fate.UNDECIDABLE and accept:
        fate = Fate.ACCEPTED
    return RecoveredStep(
        number=item.step,
        provider=item.provider,
        operation=item.operation,
        inverse=item.inverse,
        settlement=item.settlement,
        fate=fate,
        why=verdict.why,
    )
