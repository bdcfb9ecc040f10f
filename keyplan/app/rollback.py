"""Taking a run back: close it if it is open, plan its inverse, perform that plan.

Rules: a run is taken back from its journal and from the state that it began with, never
from the configuration. The plan is shown and guarded like any other. Where nobody is
asked (`apply --on-failure rollback`), `BY_NATURE` says which brakes need no name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from keyplan import __version__
from keyplan.app.apply import ApplyOptions, Interrupt, Observer, holder, holding, perform
from keyplan.app.plan import PlanResult, new_token
from keyplan.app.unsaved import keeping_unsaved
from keyplan.app.workspace import Workspace
from keyplan.applying.recovery import close_open_run
from keyplan.diagnostics import ConfigurationError
from keyplan.errors import UnknownNameError
from keyplan.model.address import Address
from keyplan.model.principals import Principal
from keyplan.planning.inputs import PlanContext
from keyplan.planning.rollback import Past, head_of, make_rollback_plan, residue_of
from keyplan.planning.rollback_serial import make_serial_plan
from keyplan.plans.findings import BrakeName, Finding
from keyplan.plans.plan import Plan
from keyplan.plans.recovery import RecoveryReport
from keyplan.plans.reports import ApplyReport
from keyplan.state.entries import Entry, StepStarted
from keyplan.state.history import SHOWN, state_at
from keyplan.state.journal import read_journal
from keyplan.state.model import State

__all__ = ["RollbackResult", "residue_of", "rollback_run"]

OPERATION: Final = "rollback"
"""What the journal of a rollback says that it is."""

BY_NATURE: Final = frozenset({BrakeName.ROOT.value, BrakeName.MAX_UPDATE.value})
"""The brakes that taking a run back may release where the run itself was allowed.

A root key that the run made is suspended, and as many keys change as the run had changed.
`irreversible` is never among them: a rollback performs exact and compensating inverses
only. Neither is `max-delete`: keys go back on their way out only when a person says so.
"""


NEVER_INHERITED: Final = frozenset({BrakeName.LOCKOUT.value})
"""To give a key up was allowed for the policy of the run, and not for the one before it."""


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """A rollback that was performed. `residue` is what it does not bring back."""

    plan: Plan
    report: ApplyReport
    residue: tuple[Finding, ...]


def rollback_run(
    workspace: Workspace,
    run: str,
    *,
    allowed: frozenset[str],
    options: ApplyOptions,
    observer: Observer,
    interrupt: Interrupt,
    shown: Callable[[Plan], None] = lambda _: None,
) -> RollbackResult:
    """Take a closed run back without asking anybody: planned under the lock, shown, performed.

    Raises `BlockedPlanError` if something was changed since, or a brake beyond `allowed`
    and `BY_NATURE` would be needed; nothing was done then. Raises what planning and
    applying raise.
    """
    with holding(workspace, operation=OPERATION, lock_timeout=options.lock_timeout) as lease:
        plan = plan_run_rollback(workspace, run).plan
        shown(plan)
        report = perform(
            workspace,
            plan,
            allowed=allowed - NEVER_INHERITED | BY_NATURE,
            options=replace(options, operation=OPERATION),
            observer=observer,
            interrupt=interrupt,
            lease=lease,
        )
    return RollbackResult(plan, report, residue_of(plan))


def close_for_rollback(workspace: Workspace, *, lock_timeout: float) -> RecoveryReport:
    """Decide and close the open run, so that it can be taken back.

    Raises `UnknownNameError` if no run is open, `BusyError` if it is still going on.
    """
    if workspace.snapshot().open_run is None and not workspace.has_unarchived:
        raise _nothing_open(workspace)
    with (
        keeping_unsaved(workspace.root),
        holding(workspace, operation=OPERATION, lock_timeout=lock_timeout) as lease,
    ):
        archived = workspace.archive_ended(lease)
        run = workspace.snapshot().open_run
        if run is None:
            raise _nothing_open(workspace, archived)
        needed = _providers(_entries(workspace, run)) & set(workspace.settings.providers)
        repeats = workspace.asks_by_repeating(needed)
        with workspace.sessions(needed, read_only=not repeats) as sessions:
            return close_open_run(
                workspace.store,
                sessions,
                lease=lease,
                options=ApplyOptions(operation=OPERATION, holder=holder()),
                clock=workspace.clock,
            )


def plan_run_rollback(workspace: Workspace, run: str) -> PlanResult:
    """Plan the way back to before a run that has ended.

    Raises `UnknownNameError` for a run that nobody knows, `StateError` if the state before it is
    not kept, `BusyError` for an open run, and the errors of store and providers.
    """
    started = workspace.clock.monotonic()
    snapshot = workspace.idle_snapshot()
    if run not in _ended(workspace, snapshot.state):
        raise UnknownNameError(f"there is no run {run}", advice=_last_runs(workspace))
    entries = _entries(workspace, run)
    head = head_of(run, entries)
    before = state_at(workspace.store, head.serial, lineage=head.lineage)
    with workspace.sessions(_providers(entries), read_only=True) as sessions:
        plan = make_rollback_plan(
            Past(head, entries, before),
            snapshot,
            sessions,
            stack=workspace.settings.stack,
            principals=_principals(workspace),
            context=_context(workspace),
        )
    return PlanResult(plan, workspace.clock.monotonic() - started, ())


def plan_serial_rollback(workspace: Workspace, serial: int) -> PlanResult:
    """Plan the way back to the state of an earlier serial.

    Raises `StateError` if that state is not kept (it says which are), `BusyError` for an
    open run, and the errors of store and providers.
    """
    started = workspace.clock.monotonic()
    snapshot = workspace.idle_snapshot()
    earlier = state_at(workspace.store, serial, lineage=snapshot.state.lineage)
    both = (*earlier.resources.values(), *snapshot.state.resources.values())
    with workspace.sessions({item.provider for item in both}, read_only=True) as sessions:
        plan = make_serial_plan(
            earlier,
            snapshot,
            sessions,
            stack=workspace.settings.stack,
            principals=_principals(workspace),
            context=_context(workspace),
        )
    return PlanResult(plan, workspace.clock.monotonic() - started, ())


def _context(workspace: Workspace) -> PlanContext:
    return PlanContext(
        now=workspace.clock.now(),
        store=workspace.store.describe(),
        version=__version__,
        new_token=new_token,
    )


def _entries(workspace: Workspace, run: str) -> tuple[Entry, ...]:
    return read_journal(workspace.store.read_log(run), run=run).entries


def _providers(entries: tuple[Entry, ...]) -> set[str]:
    """Where the run did anything: whoever else cannot be reached does not matter."""
    return {entry.provider for entry in entries if isinstance(entry, StepStarted)}


def _principals(workspace: Workspace) -> Mapping[Address, Principal]:
    """Names of people for the plan; a configuration with mistakes names nobody."""
    try:
        return workspace.graph.principals
    except ConfigurationError:
        return {}


def _ended(workspace: Workspace, state: State) -> set[str]:
    """The runs whose journals are kept; a crash may have left one that is only not archived."""
    store = workspace.store
    return {*store.closed_logs(), *(set(store.open_logs()) & set(state.closed_runs))}


def _nothing_open(workspace: Workspace, archived: Sequence[str] = ()) -> UnknownNameError:
    """No run is open, though one may have looked so that had ended."""
    return UnknownNameError(
        "there is no open run to roll back",
        why=f"Run {', '.join(archived)} had ended; its journal is archived now." * bool(archived),
        advice="Take back a run that has ended: keyplan rollback --run ID\n"
        "Go back to a state: keyplan rollback --to SERIAL\n" + _last_runs(workspace),
    )


def _last_runs(workspace: Workspace) -> str:
    """The runs that can be taken back, newest first: the state knows their order."""
    state = workspace.snapshot().state
    kept = _ended(workspace, state)
    runs = [run for run in reversed(state.closed_runs) if run in kept]
    if not runs:
        return "No run has ended yet."
    named = ", ".join(runs[:SHOWN])
    more = f" and {len(runs) - SHOWN} older ones" if len(runs) > SHOWN else ""
    return f"The last runs: {named}{more}."
