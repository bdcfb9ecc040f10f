"""Closing a run that did not end: finding out what became of it, and saving the state."""

from __future__ import annotations

from keyplan.app.apply import holder
from keyplan.app.workspace import Workspace
from keyplan.applying.options import ApplyOptions
from keyplan.applying.recovery import close_open_run
from keyplan.plans.recovery import RecoveryReport
from keyplan.sdk.capabilities import Finding
from keyplan.state.entries import StepStarted
from keyplan.state.journal import read_journal


def resume(workspace: Workspace, *, accept: bool, lock_timeout: float) -> RecoveryReport:
    """Close the open run, if there is one. Changes no key that the run had not begun with.

    Raises `BusyError` if the run is still going on, `JournalError` for a journal that
    does not fit, and the errors of store and providers.
    """
    needed = _providers_of_open_run(workspace) & set(workspace.settings.providers)
    # A service that takes idempotency tokens is asked by repeating the call.
    repeats = any(_repeats(workspace, instance) for instance in needed)
    with workspace.sessions(needed, read_only=not repeats) as sessions:
        return close_open_run(
            workspace.store,
            sessions,
            options=ApplyOptions(operation="resume", holder=holder(), lock_timeout=lock_timeout),
            accept=accept,
            clock=workspace.clock,
        )


def _providers_of_open_run(workspace: Workspace) -> set[str]:
    """Where the run did anything: whoever else cannot be reached does not matter."""
    run = workspace.snapshot().open_run
    if run is None:
        return set()
    entries = read_journal(workspace.store.read_log(run), run=run).entries
    return {entry.provider for entry in entries if isinstance(entry, StepStarted)}


def _repeats(workspace: Workspace, instance: str) -> bool:
    plugin = workspace.registry.plugins[instance.partition(".")[0]]
    return plugin.capabilities().finding is Finding.NATIVE
