"""What apply and destroy share: plan, show, ask, perform.

Rules: what is approved is what is performed; a plan that may not be applied is refused
before anybody is asked; nobody is asked while the lock is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from keyplan.app.apply import check_allowed, tidy
from keyplan.app.plan import PlanResult, plan_stack
from keyplan.app.workspace import Workspace
from keyplan.cli.asking import ask
from keyplan.cli.running import ROUNDS, ApplyFlags, OtherPlan, Planner, Running, always_moved
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Terminal
from keyplan.errors import BusyError, OpenRunError
from keyplan.model.address import Address
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan

__all__ = [
    "ApplyFlags",
    "Planner",
    "apply_saved",
    "plan_and_apply",
    "show_and_perform",
    "when_idle",
]

_QUESTION = {
    "apply": "Do you want to perform these changes?",
    "destroy": "Do you really want to destroy these keys?",
    "rollback": "Do you want to take these changes back?",
    "drift": "Do you want to put these changes back?",
}

_UNASKED = "Add --auto-approve, or make a plan first: keyplan plan --out FILE"


def apply_saved(terminal: Terminal, plan: Plan, flags: ApplyFlags) -> int:
    """Perform a plan file. It was reviewed, so nobody is asked."""
    check_allowed(plan, flags.allowed)
    return Running(terminal, workspace_of(terminal), flags, "apply").perform(plan)


def plan_and_apply(
    terminal: Terminal,
    asked: PlanOptions,
    flags: ApplyFlags,
    *,
    verb: str,
    importing: Mapping[Address, str] = MappingProxyType({}),
) -> int:
    """Plan, show, ask, and perform what was shown. `importing` adds `import` entries."""
    workspace = workspace_of(terminal)
    planned = partial(plan_stack, workspace, asked, importing=importing)
    result = when_idle(workspace, planned, timeout=flags.lock_timeout)
    return show_and_perform(terminal, workspace, result, flags, verb=verb, again=planned)


def when_idle(workspace: Workspace, planned: Planner, *, timeout: float) -> PlanResult:
    """Plan when no other run is going on; one that begins meanwhile is waited for as well.

    Raises `BusyError` after `timeout` seconds, and at once for a run that broke off.
    """
    until = workspace.clock.monotonic() + timeout
    while (left := until - workspace.clock.monotonic()) > 0:
        workspace.wait_for_other_run(left)
        try:
            return planned()
        except OpenRunError:
            raise
        except BusyError:
            continue
    return planned()


def show_and_perform(
    terminal: Terminal,
    workspace: Workspace,
    result: PlanResult,
    flags: ApplyFlags,
    *,
    verb: str,
    again: Planner | None = None,
) -> int:
    """Show a plan that was just made, ask, and perform exactly it.

    `again` makes it anew if something changed before the first write.
    """
    running = Running(terminal, workspace, flags, verb, again)
    for _ in range(ROUNDS):
        if not running.show(result):
            tidy(workspace, operation=verb, lock_timeout=flags.lock_timeout)
            return 0
        ask(
            terminal,
            _QUESTION[verb],
            verb=verb,
            auto_approve=flags.auto_approve,
            advice=_UNASKED,
        )
        try:
            return running.perform(result.plan)
        except OtherPlan as other:
            result = other.result
    raise always_moved()
