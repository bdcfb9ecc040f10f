"""Making a plan: declaration, state and world in, `Plan` out. Nothing is written."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from keyplan import __version__
from keyplan.app.workspace import Workspace
from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.resources import Imported
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, PlanMode
from keyplan.state.model import State


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan, how long it took, and what the configuration was warned about."""

    plan: Plan
    seconds: float
    warnings: tuple[Diagnostic, ...]

    @property
    def exit_code(self) -> int:
        """The exit code with `--detailed-exitcode` (CLI contract): 0 none, 1 blocked, 2 some."""
        if self.plan.errored:
            return 1
        if self.plan.mode is PlanMode.REFRESH_ONLY:
            return 2 if self.plan.drift else 0
        return 2 if self.plan.has_changes else 0


def plan_stack(
    workspace: Workspace,
    options: PlanOptions,
    *,
    importing: Mapping[Address, str] = MappingProxyType({}),
) -> PlanResult:
    """Plan the stack. `importing` adds to its `import` entries: address to provider's id.

    Raises `ConfigurationError`, `BusyError` for an open run, `PlanningError`, and the
    errors of store and providers.
    """
    started = workspace.clock.monotonic()
    graph = _with_imports(workspace.graph, importing)
    snapshot = workspace.idle_snapshot()
    context = PlanContext(
        now=workspace.clock.now(),
        store=workspace.store.describe(),
        version=__version__,
        new_token=new_token,
    )
    needed = providers_needed(graph, snapshot.state)
    with workspace.sessions(needed, read_only=True) as sessions:
        plan = make_plan(graph, snapshot, sessions, options=options, context=context)
    seconds = workspace.clock.monotonic() - started
    return PlanResult(plan, seconds, tuple(workspace.warnings))


def _with_imports(graph: ResourceGraph, importing: Mapping[Address, str]) -> ResourceGraph:
    more = {address: Imported(address, key_id) for address, key_id in importing.items()}
    return replace(graph, imported={**graph.imported, **more}) if more else graph


def providers_needed(graph: ResourceGraph, state: State) -> set[str]:
    """The providers that some key lives with, as declared or as the state knows."""
    declared = {key.provider for key in graph.keys.values()}
    return declared | {resource.provider for resource in state.resources.values()}


def new_token() -> str:
    """An operation token: opaque, unique, fit for any service's tag."""
    return secrets.token_hex(16)
