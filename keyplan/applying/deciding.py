"""Deciding the steps that a run had started when it broke off, and writing it down.

The journal says which they are; the world says what became of them. A create is looked
for by its token, everything else by reading the key.

Rules: each is asked where the run wrote, and nowhere else; questions to one provider go
together. What cannot be told is left open, unless a person accepts it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keyplan.applying.decide import Question, Verdict, decide
from keyplan.applying.known import Known
from keyplan.applying.record import Recorder
from keyplan.errors import ProviderError
from keyplan.model.operations import (
    AdoptKey,
    ForgetKey,
    RecordAttributes,
    RenameKey,
    StateOperation,
)
from keyplan.model.timing import parse_instant
from keyplan.plans.recovery import Fate, RecoveredStep
from keyplan.sdk.provider import Outcome
from keyplan.session.clock import Clock
from keyplan.session.session import ProviderSession
from keyplan.state.entries import (
    Entry,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)

ACCEPTED = "accepted"
"""The error class of a step that a person accepted as it is."""

NOT_DONE = "not_done"
"""The error class of a step that was started and, as it turned out, not done."""

RESULTS = (StepSucceeded, StepFailed, StepSkipped)
"""The entries that decide a step."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Finds out about the steps of one run."""

    head: RunStarted
    known: Known
    recorder: Recorder
    sessions: Mapping[str, ProviderSession]
    clock: Clock

    def decide(self, *, accept: bool) -> tuple[RecoveredStep, ...]:
        """Find out about each undecided step, and record it."""
        pending = undecided(self.recorder.entries)
        questions: dict[str, list[Question]] = {}
        verdicts: dict[int, Verdict] = {}
        since = parse_instant(self.head.at)
        for item in pending:
            match item.operation:
                case RecordAttributes() | AdoptKey() | ForgetKey() | RenameKey():
                    verdicts[item.step] = self._without_call(item.operation)
                case operation:
                    ids = self.known.known_ids(operation)
                    question = Question(item.step, operation, ids, since)
                    questions.setdefault(item.provider, []).append(question)
        for provider, asked in questions.items():
            verdicts.update(self._ask(provider, self.head.places.get(provider, ""), asked))
        steps = tuple(_recovered(item, verdicts[item.step], accept=accept) for item in pending)
        for step in steps:
            self._record(step, verdicts[step.number])
            outcome = verdicts[step.number].outcome
            if outcome is not None:
                self.known.learn(step.address, outcome.id, outcome.observation)
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

    def _without_call(self, operation: StateOperation) -> Verdict:
        """A step that only changes the state is done by being recorded."""
        match operation:
            case AdoptKey(id=key_id) | ForgetKey(id=key_id) | RenameKey(id=key_id):
                pass
            case RecordAttributes(target):
                key_id = self.known.id_of(target) or ""
        return Verdict(done=True, outcome=Outcome(key_id))

    def _record(self, step: RecoveredStep, verdict: Verdict) -> None:
        match step.fate:
            case Fate.DONE:
                outcome = verdict.outcome or Outcome("")
                entry: Entry = StepSucceeded(step.number, outcome.id, outcome.observation)
            case Fate.NOT_DONE:
                entry = StepFailed(step.number, NOT_DONE, "the run broke off before it")
            case Fate.ACCEPTED:
                entry = StepFailed(step.number, ACCEPTED, step.why)
            case Fate.UNDECIDABLE:
                return  # the journal says so already, or says nothing: both mean open
        self.recorder.add(entry)


def undecided(entries: Iterable[Entry]) -> list[StepStarted]:
    """The steps that were started and have no result, in order."""
    pending: dict[int, StepStarted] = {}
    for entry in entries:
        if isinstance(entry, StepStarted):
            pending[entry.step] = entry
        elif isinstance(entry, RESULTS):
            pending.pop(entry.step, None)
    return [pending[number] for number in sorted(pending)]


def has_failed(entries: Iterable[Entry]) -> bool:
    """Whether a step failed for good: not one that was merely found not done."""
    return any(isinstance(item, StepFailed) and item.error_class != NOT_DONE for item in entries)


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
