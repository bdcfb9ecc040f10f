"""The end of a run, for those that went through and those that are closed after a crash.

    keys read back -> outputs -> RunEnded, flushed -> fold -> commit -> archive

Rules: a run is closed only when every step is decided. The state is committed once,
against the version it was loaded at; if that fails, the journal stays open and nothing
is lost.
"""

from __future__ import annotations

from keyplan._version import __version__
from keyplan.applying.known import Known
from keyplan.applying.record import Recorder
from keyplan.errors import KeyplanError, StateConflictError, StateError, StoreError
from keyplan.model.timing import format_instant
from keyplan.model.values import Value, resolve
from keyplan.plans.plan import Plan
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import Clock
from keyplan.state.entries import OutputsSet, RunEnded
from keyplan.state.fold import fold
from keyplan.state.model import State, StateSnapshot
from keyplan.state.snapshot import archive_closed_runs, commit_state

FINISH = "Nothing is lost: the journal has everything. Finish the run with: keyplan resume"


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


def end_run(recorder: Recorder, outcome: str, clock: Clock) -> None:
    """Write that every step is decided. Durable on return."""
    recorder.add(RunEnded(outcome, format_instant(clock.now())))
    recorder.flush()


def commit_run(
    store: Store, lease: Lease, snapshot: StateSnapshot, recorder: Recorder, run: str
) -> tuple[State, list[str]]:
    """Fold an ended run into the state, commit, archive; returns the state and warnings.

    Raises `StateConflictError` or another `StateError` if it cannot be committed; the
    journal is then open, and `keyplan resume` finishes the run.
    """
    try:
        state = fold(snapshot.state, recorder.entries)
        commit_state(
            store, state, expected=snapshot.version, lease=lease, keyplan_version=__version__
        )
    except StateConflictError as error:
        raise StateConflictError(
            f"run {run} is done, but its state cannot be saved: {error.what}",
            target=store.describe(),
            why=error.why or "Somebody else wrote the state while this run held the lease.",
            advice=FINISH,
        ) from error
    except StateError as error:
        raise StoreError(
            f"run {run} is done, but its state cannot be saved: {error.what}",
            target=store.describe(),
            why=error.why,
            advice=f"{error.advice}\n{FINISH}" if error.advice else FINISH,
        ) from error
    try:
        archive_closed_runs(store, state, lease=lease)
    except StateError as error:
        return state, [f"the journal of run {run} is not archived yet: {error.what}"]
    return state, []
