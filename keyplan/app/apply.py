"""Performing a plan, saved or just made. The plan decides everything; configuration nothing."""

from __future__ import annotations

import getpass
import socket
from dataclasses import replace

from keyplan.app.unsaved import keeping_unsaved
from keyplan.app.workspace import Workspace
from keyplan.applying.apply import ApplyOptions, Interrupt, Observer, apply_plan
from keyplan.applying.preflight import check_allowed
from keyplan.model.operations import is_remote
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport

__all__ = ["ApplyOptions", "Interrupt", "Observer", "check_allowed", "holder", "perform"]


def perform(
    workspace: Workspace,
    plan: Plan,
    *,
    allowed: frozenset[str],
    options: ApplyOptions,
    observer: Observer,
    interrupt: Interrupt,
) -> ApplyReport:
    """Apply the plan to the state and providers of the workspace.

    Raises `BlockedPlanError`, `StalePlanError`, `BusyError` with nothing done, and the
    errors of store and providers.
    """
    check_allowed(plan, allowed)
    needed = set(plan.identities) & set(workspace.settings.providers)
    needed |= {step.provider for step in plan.steps if is_remote(step.operation)}
    calls = any(is_remote(step.operation) for step in plan.steps)
    with (
        keeping_unsaved(workspace.root),
        workspace.sessions(needed, read_only=not calls) as sessions,
    ):
        return apply_plan(
            plan,
            store=workspace.store,
            sessions=sessions,
            allowed=allowed,
            options=replace(options, holder=holder()),
            observer=observer,
            clock=workspace.clock,
            interrupt=interrupt,
        )


def holder() -> str:
    """`user@host`, as others see who holds the lock."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
