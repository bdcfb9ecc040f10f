"""Finishing a run that did not end: what became of its last steps, the rest of its program,
and taking it back where that was asked for when it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keyplan.app.apply import holder, holding
from keyplan.app.unsaved import keeping_unsaved
from keyplan.app.workspace import Workspace
from keyplan.applying.deciding import has_failed, undecided
from keyplan.applying.options import ApplyOptions, Interrupt, Observer
from keyplan.applying.recovery import finish_open_run
from keyplan.plans.recovery import RecoveryReport
from keyplan.state.entries import (
    Entry,
    RunEnded,
    RunPlanned,
    RunStarted,
    StepStarted,
    StepSucceeded,
)
from keyplan.state.journal import read_journal


@dataclass(frozen=True, slots=True)
class OwedRollback:
    """A closed run that is to be taken back, with the brakes that it was allowed to release."""

    run: str
    allowed: frozenset[str]


def resume(
    workspace: Workspace,
    *,
    accept: bool,
    options: ApplyOptions,
    observer: Observer,
    interrupt: Interrupt,
) -> RecoveryReport:
    """Finish the open run, if there is one.

    Providers are opened under the lease: until then, another process may be at work there.
    Raises `BusyError` if the run is still going on, `JournalError` for a journal that
    does not fit, and the errors of store and providers with the run still open.
    """
    with (
        keeping_unsaved(workspace.root),
        holding(workspace, operation="resume", lock_timeout=options.lock_timeout) as lease,
    ):
        entries = _open_entries(workspace)
        needed = _providers(entries) & set(workspace.settings.providers)
        # A service that takes idempotency tokens is asked by repeating the call.
        writes = workspace.asks_by_repeating(needed) or _may_go_on(entries)
        with workspace.sessions(needed, read_only=not writes) as sessions:
            return finish_open_run(
                workspace.store,
                sessions,
                lease=lease,
                options=replace(options, operation="resume", holder=holder()),
                accept=accept,
                observer=observer,
                clock=workspace.clock,
                interrupt=interrupt,
            )


def undecided_steps(workspace: Workspace) -> int:
    """How many steps of the open run the providers must be asked about, which takes a while."""
    return len(undecided(_open_entries(workspace)))


def last_run(workspace: Workspace) -> str:
    """The run that was closed last; empty if there is none."""
    closed = workspace.snapshot().state.closed_runs
    return closed[-1] if closed else ""


def owed_rollback(workspace: Workspace, run: str) -> OwedRollback | None:
    """The way back of a run, if it was to be taken back when it failed, and nothing came after.

    It is owed by the run that was just closed. Of one that was closed before, a person may
    know better: the process died between its end and its rollback, and much happened since.
    """
    if not run or run != last_run(workspace):
        return None
    entries = read_journal(workspace.store.read_log(run), run=run).entries
    if not entries or not isinstance(head := entries[0], RunStarted):
        return None
    ended = entries[-1]
    whole = isinstance(ended, RunEnded) and ended.outcome == "succeeded"
    done = any(isinstance(entry, StepSucceeded) for entry in entries)
    if head.on_failure != "rollback" or whole or not done:
        return None
    return OwedRollback(run, frozenset(head.allowed))


def _open_entries(workspace: Workspace) -> Sequence[Entry]:
    run = workspace.snapshot().open_run
    return () if run is None else read_journal(workspace.store.read_log(run), run=run).entries


def _providers(entries: Sequence[Entry]) -> set[str]:
    """Where the run did or will do anything: whoever else cannot be reached does not matter."""
    needed: set[str] = set()
    for entry in entries:
        if isinstance(entry, StepStarted):
            needed.add(entry.provider)
        elif isinstance(entry, RunPlanned):
            needed |= set(entry.program.get("identities", {}))
    return needed


def _may_go_on(entries: Sequence[Entry]) -> bool:
    planned = any(isinstance(entry, RunPlanned) for entry in entries[:2])
    return planned and not isinstance(entries[-1], RunEnded) and not has_failed(entries)
