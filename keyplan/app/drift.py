"""Looking for drift: reads the state and the providers, locks nothing, writes nothing.

Rules: a check made while a run is going on would report its half-done work, so there is
none: the run is waited for, or named. The same holds for a run that began meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan import __version__
from keyplan.app.plan import PlanResult, new_token, providers_needed
from keyplan.app.workspace import Workspace
from keyplan.diagnostics import Diagnostic
from keyplan.errors import BusyError
from keyplan.planning.planner import PlanContext
from keyplan.planning.survey import survey
from keyplan.plans.drift import DriftReport
from keyplan.plans.options import PlanOptions

NONE, FOUND = 0, 2
"""Exit codes of a check that could be made."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a check found, how long it took, and the plan that puts back what it safely can."""

    report: DriftReport
    remedy: PlanResult
    seconds: float
    warnings: tuple[Diagnostic, ...]

    @property
    def exit_code(self) -> int:
        """0 without drift, 2 with it, always (CLI contract)."""
        return FOUND if self.report.found else NONE


def check_drift(
    workspace: Workspace,
    options: PlanOptions,
    *,
    unmanaged: bool = False,
    lock_timeout: float = 0.0,
) -> DriftResult:
    """Compare declared, last applied and live.

    Raises `ConfigurationError`, `BusyError` while a run holds the state or has not ended
    (after waiting `lock_timeout` seconds for the first), `PlanningError`, and the errors
    of store and providers.
    """
    started = workspace.clock.monotonic()
    graph = workspace.graph
    workspace.wait_for_other_run(lock_timeout)
    _refuse_other_run(workspace)
    snapshot = workspace.idle_snapshot()
    context = PlanContext(
        now=workspace.clock.now(),
        store=workspace.store.describe(),
        version=__version__,
        new_token=new_token,
    )
    needed = providers_needed(graph, snapshot.state)
    needed |= set(workspace.settings.providers) if unmanaged else set()
    with workspace.sessions(needed, read_only=True) as sessions:
        found = survey(
            graph, snapshot, sessions, options=options, context=context, unmanaged=unmanaged
        )
    _refuse_other_run(workspace)
    if workspace.idle_snapshot().version != snapshot.version:
        raise BusyError(
            "another run changed the state during this check",
            target=workspace.store.describe(),
            why="What was read belongs half to the state before and half to that after.",
            advice="Check again: keyplan drift",
        )
    seconds = workspace.clock.monotonic() - started
    warnings = tuple(workspace.warnings)
    return DriftResult(found.report, PlanResult(found.remedy, seconds, ()), seconds, warnings)


def _refuse_other_run(workspace: Workspace) -> None:
    """Raise `BusyError` if somebody holds the state: what it does now is not drift."""
    holder = workspace.store.holder()
    if holder is None:
        return
    raise BusyError(
        f"{holder.holder} is running keyplan {holder.operation} on this state",
        target=workspace.store.describe(),
        why=f"Since {holder.created_at:%Y-%m-%d %H:%M} UTC; its half-done work would be"
        " reported as drift.",
        advice="Check again when that run has ended, or wait for it: --lock-timeout 10m",
    )
