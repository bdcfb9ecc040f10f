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
from keyplan.planning.inputs import PlanContext
from keyplan.planning.survey import survey
from keyplan.plans.drift import DriftReport
from keyplan.plans.options import PlanOptions
from keyplan.state.model import StateSnapshot

NONE, FOUND = 0, 2
"""Exit codes of a check that could be made."""

_HARM = "its half-done work would be reported as drift"
_AGAIN = "check again when it has ended, or wait for it: --lock-timeout 10m"


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a check found, how long it took, and the plan that puts back what it safely can."""

    report: DriftReport
    remedy: PlanResult
    seconds: float
    warnings: tuple[Diagnostic, ...]

    @property
    def exit_code(self) -> int:
        """0 without drift, 2 with it, 1 where nobody could look at all that matters."""
        return self.report.exit_code


def check_drift(
    workspace: Workspace,
    options: PlanOptions,
    *,
    unmanaged: bool = False,
    lock_timeout: float = 0.0,
    locked: bool = False,
) -> DriftResult:
    """Compare declared, last applied and live. `locked`: it is the caller who holds the state.

    Raises `ConfigurationError`, `BusyError` while a run holds the state or has not ended
    (after waiting `lock_timeout` seconds for the first), `PlanningError`, and the errors
    of store and providers.
    """
    started = workspace.clock.monotonic()
    graph = workspace.graph
    if not locked:
        workspace.wait_for_other_run(lock_timeout)
    snapshot = _undisturbed(workspace, locked=locked)
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
    if _undisturbed(workspace, locked=locked).version != snapshot.version:
        raise BusyError(
            "another run changed the state during this check",
            target=workspace.store.describe(),
            why="What was read belongs half to the state before and half to that after.",
            advice="Check again: keyplan drift",
        )
    seconds = workspace.clock.monotonic() - started
    warnings = tuple(workspace.warnings)
    return DriftResult(found.report, PlanResult(found.remedy, seconds, ()), seconds, warnings)


def _undisturbed(workspace: Workspace, *, locked: bool) -> StateSnapshot:
    """The state, if nobody else holds it: what another run does now is not drift."""
    if not locked:
        workspace.refuse_holder(harm=_HARM, again=_AGAIN)
    return workspace.idle_snapshot(harm=_HARM, again=_AGAIN)
