"""Editing the state itself: a run that makes no call and is journalled like any other.

Rules: under the lease, on an idle state, folded and committed as a run, archived. A crash
anywhere leaves the state as it was or an open run that `keyplan resume` closes.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.applying import closing
from keyplan.applying.leasing import leased
from keyplan.applying.options import new_run_id
from keyplan.applying.preflight import check_idle
from keyplan.applying.record import Recorder
from keyplan.model.address import Address
from keyplan.model.inverses import inverse_of
from keyplan.model.operations import AdoptKey, ForgetKey, RenameKey, StateOperation
from keyplan.model.timing import format_instant
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.state.entries import (
    Entry,
    RunStarted,
    Settlement,
    StateReplaced,
    StepStarted,
    StepSucceeded,
)
from keyplan.state.journal import JournalWriter
from keyplan.state.model import State, StateSnapshot
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
        entries: list[Entry] = []
        for number, item in enumerate(operations, 1):
            provider = snapshot.state.resources[_subject(item)].provider
            inverse = inverse_of(item, supported=())
            entries.append(StepStarted(number, provider, item, inverse, Settlement()))
            entries.append(StepSucceeded(number, _id_of(item)))
        at = StateSnapshot(snapshot.state, expected)
        return _run(store, lease, at, entries, operation=operation, holder=holder, clock=clock)


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
    return _run(store, lease, base, [entry], operation="state push", holder=holder, clock=clock)


def _run(
    store: Store,
    lease: Lease,
    base: StateSnapshot,
    entries: Sequence[Entry],
    *,
    operation: str,
    holder: str,
    clock: Clock,
) -> State:
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
