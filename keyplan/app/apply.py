"""Performing a plan, saved or just made. The plan decides everything; configuration nothing."""

from __future__ import annotations

import getpass
import socket
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from keyplan.app.unsaved import keeping_unsaved
from keyplan.app.workspace import Workspace
from keyplan.applying.apply import ApplyOptions, Interrupt, Observer, apply_plan
from keyplan.applying.leasing import leased
from keyplan.applying.preflight import check_allowed
from keyplan.errors import BusyError
from keyplan.model.operations import is_remote
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport
from keyplan.sdk.store import Lease

__all__ = [
    "ApplyOptions",
    "Interrupt",
    "Observer",
    "check_allowed",
    "holder",
    "holding",
    "perform",
    "same",
    "tidy",
]


def holding(
    workspace: Workspace, *, operation: str, lock_timeout: float
) -> AbstractContextManager[Lease]:
    """The lock of the state, for plans that are performed, or made again, one after another.

    Raises `BusyError` if somebody else holds it for longer than `lock_timeout` seconds.
    """
    return leased(
        workspace.store,
        holder=holder(),
        operation=operation,
        timeout=lock_timeout,
        clock=workspace.clock,
    )


def tidy(workspace: Workspace, *, operation: str, lock_timeout: float) -> None:
    """Archive the journals of runs that ended and died before that. Mostly there are none."""
    if not workspace.has_unarchived:
        return
    with (
        suppress(BusyError),  # who holds the lease does it
        holding(workspace, operation=operation, lock_timeout=lock_timeout) as lease,
    ):
        workspace.archive_ended(lease)


def same(one: Plan, other: Plan) -> bool:
    """Whether who approved one plan approved the other: the same done, by the same, there."""
    return (one.checksum, one.identities, one.outputs) == (
        other.checksum,
        other.identities,
        other.outputs,
    )


def perform(
    workspace: Workspace,
    plan: Plan,
    *,
    allowed: frozenset[str],
    options: ApplyOptions,
    observer: Observer,
    interrupt: Interrupt,
    lease: Lease | None = None,
) -> ApplyReport:
    """Apply the plan to the state and providers of the workspace.

    Under `lease`, or under one of its own. Raises `BlockedPlanError`, `StalePlanError`,
    `BusyError` with nothing done, and the errors of store and providers.
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
            lease=lease,
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
