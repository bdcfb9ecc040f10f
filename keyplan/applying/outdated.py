"""An open run that is older than the state: a backup brought back its journal, and no more.

    journal -> undecided steps, decided by the world -> the keys that only it knows, recorded
    by a run of their own -> journal archived, without an end

Rules: nothing of it is gone on with, and no key is touched. What it did to a key that the
state holds stays as it is, for the next plan to compare. It dies and begins again at any
point: a key that the state holds by then is not recorded twice. The journal gets no end:
another run made the serial after the one that it began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keyplan.applying.deciding import RESULTS, Decider
from keyplan.applying.editing import record_run
from keyplan.applying.known import Known
from keyplan.applying.options import Surroundings
from keyplan.applying.reading_back import read_back
from keyplan.applying.record import Recorder
from keyplan.model.operations import AdoptKey, CreateKey, DestroyKey, ForgetKey, ReplicateKey
from keyplan.plans.recovery import Fate, RecoveredStep, RecoveryReport
from keyplan.sdk.store import Lease, Store
from keyplan.state.entries import Entry, RunStarted, StepStarted, StepSucceeded
from keyplan.state.journal import JournalReading, JournalWriter
from keyplan.state.model import State, StateSnapshot

_Done = tuple[StepStarted, StepSucceeded]


def outdated_head(entries: Sequence[Entry], snapshot: StateSnapshot) -> RunStarted | None:
    """How the open run began, if it began with an earlier serial of this state."""
    head, state = entries[0], snapshot.state
    if isinstance(head, RunStarted) and head.run == snapshot.open_run:
        return head if head.lineage == state.lineage and head.serial < state.serial else None
    return None


@dataclass(frozen=True, slots=True)
class Outdated:
    """Such a run, under the lease."""

    store: Store
    lease: Lease
    snapshot: StateSnapshot
    head: RunStarted
    journal: JournalReading
    around: Surroundings

    def put_away(self, *, accept: bool) -> RecoveryReport:
        """Decide its steps, record the keys that only it knows, archive its journal."""
        around, state = self.around, self.snapshot.state
        writer = JournalWriter(self.store, self.lease, self.head.run, after=self.journal)
        recorder = Recorder(writer, self.journal.entries)
        known = Known(state, around.sessions)
        known.replay(recorder.entries)
        decider = Decider(self.head, known, recorder, around.sessions, around.clock)
        steps = decider.decide(accept=accept)
        recorder.flush()
        if any(step.fate is Fate.UNDECIDABLE for step in steps):
            return self._report(steps, closed=False)
        made = _made(recorder.entries)
        held = {(item.provider, item.id) for item in state.resources.values()}
        lost = {
            address: done
            for address, done in made.items()
            if (done[0][0].provider, done[0][1].id) not in held
        }
        free = {address: done for address, done in lost.items() if address not in state.resources}
        warnings: list[str] = []
        if free:
            state, warnings = self._record(free, known)
        warnings += [_taken(done[0]) for address, done in lost.items() if address not in free]
        self.store.archive(self.head.run, lease=self.lease)
        report = self._report(steps, closed=True)
        kept = f" The state holds now what only this run knew: {', '.join(free)}" if free else ""
        return replace(
            report,
            serial=state.serial,
            warnings=tuple(warnings),
            stopped=f"It began at serial {self.head.serial}, and other runs have ended since: the"
            f" state was at serial {self.snapshot.state.serial}.{kept}",
        )

    def _record(self, free: dict[str, list[_Done]], known: Known) -> tuple[State, list[str]]:
        """The steps about these keys, as a run of its own on the present state."""
        done = sorted((item for items in free.values() for item in items), key=_number)
        entries: list[Entry] = []
        for number, (started, succeeded) in enumerate(done, 1):
            entries += [replace(started, step=number), replace(succeeded, step=number)]
        verified, warnings = read_back(
            entries, known, self.around.sessions, also={item[0].operation.target for item in done}
        )
        options = self.around.options
        state = record_run(
            self.store,
            self.lease,
            self.snapshot,
            [*entries, *verified],
            operation=options.operation,
            holder=options.holder,
            clock=self.around.clock,
            places=self.head.places,
        )
        return state, warnings

    def _report(self, steps: tuple[RecoveredStep, ...], *, closed: bool) -> RecoveryReport:
        return RecoveryReport(
            run=self.head.run,
            closed=closed,
            serial=self.snapshot.state.serial,
            steps=steps,
            before=sum(isinstance(entry, RESULTS) for entry in self.journal.entries),
            torn=self.journal.torn,
        )


def _made(entries: Sequence[Entry]) -> dict[str, list[_Done]]:
    """What was done to each key that the run made or took over, from that on, by address."""
    started: dict[int, StepStarted] = {}
    made: dict[str, list[_Done]] = {}
    for entry in entries:
        if isinstance(entry, StepStarted):
            started[entry.step] = entry
        elif isinstance(entry, StepSucceeded):
            begun = started[entry.step]
            match begun.operation:
                case CreateKey(target) | ReplicateKey(target) | AdoptKey(target):
                    made[target] = [(begun, entry)]
                case DestroyKey(target) | ForgetKey(target):
                    made.pop(target, None)
                case operation if operation.target in made:
                    made[operation.target].append((begun, entry))
                case _:
                    pass  # the state holds that key
    return made


def _number(done: _Done) -> int:
    return done[0].step


def _taken(done: _Done) -> str:
    started, succeeded = done
    return (
        f"{started.operation.target}: this run made {succeeded.id} at {started.provider}, and the"
        " state holds another key there. It stays as it is. To manage it, declare it under"
        f" another address: keyplan import ADDR {succeeded.id}"
    )
