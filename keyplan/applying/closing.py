"""The end of a run, for those that went through and those that are closed after a crash.

    keys read back -> outputs -> RunEnded, flushed -> fold -> commit -> archive

Rules: a run is closed only when every step is decided. The state is committed once,
against the version it was loaded at; if that fails, the journal stays open and nothing
is lost: the error carries the state, for whoever can put it into a file.
"""

from __future__ import annotations

from keyplan._version import __version__
from keyplan.applying.known import Known
from keyplan.applying.record import Recorder
from keyplan.errors import BusyError, KeyplanError, StateConflictError, StateError, StoreError
from keyplan.model.timing import format_instant
from keyplan.model.values import Value, resolve
from keyplan.plans.plan import Plan
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import Clock
from keyplan.state.codec import encode_state
from keyplan.state.entries import OutputsSet, RunEnded, RunStarted, StepStarted, StepSucceeded
from keyplan.state.fold import fold
from keyplan.state.model import State, StateSnapshot
from keyplan.state.snapshot import archive_closed_runs, commit_state

FINISH = "Nothing is lost: the journal has everything. Finish the run with: keyplan resume"

LEASE = (
    "Nothing more was begun. See who holds the state now; when nobody does, let keyplan find"
    " out what was done, and finish the run: keyplan resume"
)
"""What to do when the lease was lost."""

SHOWN = 8
"""How many steps an error names."""


def outputs_after(plan: Plan, before: State, known: Known) -> tuple[OutputsSet | None, list[str]]:
    """The outputs as they are after the run (`None`: as before), and warnings.

    An output that waits for a key that was not made keeps the value it had.
    """
    values: dict[str, Value] = dict(before.outputs)
    warnings: list[str] = []
    for output in plan.outputs:
        if output.after is None:
            values.pop(output.name, None)
            continue
        try:
            values[output.name] = resolve(output.after, known.value_of)
        except KeyplanError as error:
            warnings.append(f"output {output.name} is not known: {error.what}")
    return (OutputsSet(values) if values != before.outputs else None), warnings


def end_run(
    store: Store, snapshot: StateSnapshot, recorder: Recorder, outcome: str, clock: Clock
) -> None:
    """Write that every step is decided. Durable on return.

    Raises `StateError`, which carries the state as it should be, if that cannot be written.
    """
    try:
        recorder.add(RunEnded(outcome, format_instant(clock.now())))
        recorder.flush()
    except StateError as error:
        run = _run_of(recorder)
        lost = journal_lost(error, recorder, run=run, store=store.describe())
        lost.unsaved = _encoded(fold(snapshot.state, recorder.entries))
        raise lost from error


def commit_run(
    store: Store, lease: Lease, snapshot: StateSnapshot, recorder: Recorder, run: str
) -> tuple[State, list[str]]:
    """Fold an ended run into the state, commit, archive; returns the state and warnings.

    Raises `StateError`, which carries the state, if it cannot be committed; the journal is
    then open, and `keyplan resume` finishes the run.
    """
    state = fold(snapshot.state, recorder.entries)
    try:
        commit_state(
            store, state, expected=snapshot.version, lease=lease, keyplan_version=__version__
        )
    except StateError as error:
        why = error.why
        if isinstance(error, StateConflictError):
            why = why or "Somebody else wrote the state while this run held the lease."
        unsaved = type(error)(
            f"run {run} is done, but its state cannot be saved: {error.what}",
            target=store.describe(),
            why=why,
            advice=_joined(error.advice, FINISH),
        )
        if isinstance(error, StoreError | StateConflictError | BusyError):
            unsaved.unsaved = _encoded(state)
        raise unsaved from error
    try:
        archive_closed_runs(store, state, lease=lease)
    except StateError as error:
        return state, [f"the journal of run {run} is not archived yet: {error.what}"]
    return state, []


def journal_lost(error: StateError, recorder: Recorder, *, run: str, store: str) -> StateError:
    """The error of a run that stopped because its journal cannot be written any more.

    It names what was done and is in no journal: nobody else can say that.
    """
    started = {item.step: item for item in recorder.entries if isinstance(item, StepStarted)}
    unrecorded = [
        f"step {item.step}, {started[item.step].operation.name.replace('_', ' ')}"
        f" {started[item.step].operation.target}, which is {item.id}"
        for item in recorder.entries[recorder.durable :]
        if isinstance(item, StepSucceeded)
    ]
    why = error.why
    if unrecorded:
        more = f" and {len(unrecorded) - SHOWN} more" if len(unrecorded) > SHOWN else ""
        done = "; ".join(unrecorded[:SHOWN]) + more
        why = _joined(why, f"Done, but with no result in the journal: {done}.")
    busy = isinstance(error, BusyError)
    return type(error)(
        f"run {run} was stopped, because its journal cannot be written: {error.what}",
        target=error.target or store,
        why=why,
        advice=LEASE if busy else _joined(error.advice, FINISH),
    )


def _run_of(recorder: Recorder) -> str:
    head = recorder.entries[0]
    return head.run if isinstance(head, RunStarted) else ""


def _encoded(state: State) -> bytes:
    return encode_state(state, keyplan_version=__version__)


def _joined(first: str, second: str) -> str:
    return f"{first}\n{second}" if first else second
