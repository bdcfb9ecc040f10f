"""Editing the state itself: a run that makes no call and is journalled like any other.

Rules: under the lease, on an idle state, folded and committed as a run, archived. A crash
anywhere leaves the state as it was or an open run that `keyplan resume` closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keyplan.applying import closing
from keyplan.applying.leasing import leased
from keyplan.applying.options import new_run_id
from keyplan.applying.preflight import check_idle
from keyplan.applying.record import Recorder
from keyplan.errors import JournalError, StateConflictError
from keyplan.model.address import Address
from keyplan.model.inverses import inverse_of
from keyplan.model.operations import AdoptKey, ForgetKey, RenameKey, StateOperation
from keyplan.model.timing import format_instant
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.state.codec import decode_state
from keyplan.state.entries import (
    Entry,
    RunEnded,
    RunStarted,
    Settlement,
    StateReplaced,
    StepStarted,
    StepSucceeded,
)
from keyplan.state.journal import JournalReading, JournalWriter, read_journal
from keyplan.state.model import State, StateSnapshot
from keyplan.state.rebuilding import present_state
from keyplan.state.runs import runs
from keyplan.state.snapshot import load_snapshot

_NO_LINEAGE = "none"


def edit_state(
    store: Store,
    operations: Sequence[StateOperation],
    *,
    operation: str,
    holder: str,
    expected: str | None,
    lock_timeout: float = 0.0,
    clock: Clock = SYSTEM_CLOCK,
) -> State:
    """Perform operations that change the state only; `expected` is its version as it was read.

    Raises `BusyError`, `StateConflictError` if the state moved meanwhile, `StateError`.
    """
    with leased(
        store, holder=holder, operation=operation, timeout=lock_timeout, clock=clock
    ) as lease:
        snapshot = load_snapshot(store, new_lineage=lambda: _NO_LINEAGE)
        check_idle(snapshot, store.describe())
        if snapshot.version != expected:
            raise StateConflictError(
                "the state has changed since it was read",
                target=store.describe(),
                why="Somebody else wrote it while this command waited for the lock.",
                advice="Nothing was written. Look at it as it is now, then run again.",
            )
        entries: list[Entry] = []
        for number, item in enumerate(operations, 1):
            provider = snapshot.state.resources[_subject(item)].provider
            inverse = inverse_of(item, supported=())
            entries.append(StepStarted(number, provider, item, inverse, Settlement()))
            entries.append(StepSucceeded(number, _id_of(item)))
        return record_run(
            store, lease, snapshot, entries, operation=operation, holder=holder, clock=clock
        )


def replace_state(
    store: Store,
    base: StateSnapshot,
    content: bytes,
    lease: Lease,
    *,
    holder: str,
    edited: bool,
    clock: Clock = SYSTEM_CLOCK,
) -> State:
    """Put another state in the place of the present one, with the serial after `base`'s."""
    entry = StateReplaced(content.decode(), edited=edited)
    return record_run(
        store, lease, base, [entry], operation="state push", holder=holder, clock=clock
    )


def finish_replacement(store: Store, lease: Lease) -> StateReplaced | None:
    """Commit the replacement of a state whose process died before it did; returns it.

    It needs no state to stand on: the one that was to be replaced may be damaged, or older.
    """
    for log in runs(store.open_logs()):
        journal = _journal(store, log)
        match () if journal is None else journal.entries:
            case (RunStarted() as head, StateReplaced() as item, RunEnded() as end):
                pass
            case _:
                continue
        found = present_state(store)
        present = found.state
        if present is not None and (log in present.closed_runs or head.serial < present.serial):
            continue
        before = present or decode_state(item.content.encode(), edited=item.edited)
        base = State(head.lineage, head.serial, closed_runs=before.closed_runs)
        at = StateSnapshot(base, found.version)
        recorder = Recorder(JournalWriter(store, lease, log, after=journal), (head, item, end))
        closing.commit_run(store, lease, at, recorder, log)
        return item
    return None


def began_nothing(entries: Sequence[Entry]) -> bool:
    """Whether a run that did not end did nothing: its program comes before its first effect."""
    return len(entries) <= 1 or all(
        isinstance(item, RunStarted | StateReplaced) for item in entries
    )


def _journal(store: Store, log: str) -> JournalReading | None:
    try:
        return read_journal(store.read_log(log), run=log)
    except JournalError:
        return None


def record_run(
    store: Store,
    lease: Lease,
    base: StateSnapshot,
    entries: Sequence[Entry],
    *,
    operation: str,
    holder: str,
    clock: Clock,
    places: Mapping[str, str] | None = None,
) -> State:
    """Journal, fold and commit a run that makes no call; returns the state after it.

    `places` is where the keys of its steps are, should those have to be looked for again.
    """
    now = clock.now()
    run = new_run_id(now)
    recorder = Recorder(JournalWriter(store, lease, run))
    recorder.add(
        RunStarted(
            run=run,
            operation=operation,
            checksum="",
            lineage=base.state.lineage,
            serial=base.state.serial,
            holder=holder,
            allowed=(),
            at=format_instant(now),
            places=dict(places or {}),
        ),
        *entries,
    )
    closing.end_run(store, base, recorder, "succeeded", clock)
    return closing.commit_run(store, lease, base, recorder, run)[0]


def _subject(operation: StateOperation) -> Address:
    return operation.source if isinstance(operation, RenameKey) else operation.target


def _id_of(operation: StateOperation) -> str:
    match operation:
        case AdoptKey(id=key_id) | ForgetKey(id=key_id) | RenameKey(id=key_id):
            return key_id
        case _:
            return ""
