"""What apply and destroy share: show the plan, ask, perform it, report.

Rules: what is approved is what is performed; a plan that may not be applied is refused
before anybody is asked. If another run or change came first, a plan that was just made is
made again under the lock: the same one goes on, another is shown, guarded and approved
like the first. Nobody is asked while the lock is held. A plan file applies once or never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from keyplan.app.apply import ApplyOptions, Interrupt, check_allowed, holding, perform, same
from keyplan.app.plan import PlanResult, plan_stack
from keyplan.app.workspace import Workspace
from keyplan.cli.asking import ask
from keyplan.cli.interrupt import stopping
from keyplan.cli.plan import show_plan
from keyplan.cli.progress import observing
from keyplan.cli.stack import show_warnings, workspace_of
from keyplan.cli.taking_back import take_back
from keyplan.cli.terminal import Terminal
from keyplan.diagnostics import Diagnostic, Severity
from keyplan.errors import (
    BlockedPlanError,
    BusyError,
    InterruptedRunError,
    MovedError,
    StalePlanError,
)
from keyplan.model.address import Address
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport, StepStatus
from keyplan.render.options import TextOptions
from keyplan.render.report import apply_text
from keyplan.sdk.store import Lease

_QUESTION = {
    "apply": "Do you want to perform these changes?",
    "destroy": "Do you really want to destroy these keys?",
    "rollback": "Do you want to take these changes back?",
    "drift": "Do you want to put these changes back?",
}

_UNASKED = "Add --auto-approve, or make a plan first: keyplan plan --out FILE"

ROUNDS = 3
"""How many plans in a row may turn out to be out of date."""

Planner: TypeAlias = Callable[[], PlanResult]


@dataclass(frozen=True, slots=True)
class ApplyFlags:
    """How a plan is performed. `lock_timeout` is in seconds, `on_failure` stop or rollback."""

    allowed: frozenset[str]
    auto_approve: bool
    parallelism: int
    lock_timeout: float
    on_failure: str = "stop"


class _OtherPlan(Exception):  # noqa: N818  (no error: it leaves the lock, and is asked about)
    """The plan made again is not the one that was approved."""

    def __init__(self, result: PlanResult) -> None:
        super().__init__()
        self.result = result


def apply_saved(terminal: Terminal, plan: Plan, flags: ApplyFlags) -> int:
    """Perform a plan file. It was reviewed, so nobody is asked."""
    check_allowed(plan, flags.allowed)
    return _perform(terminal, workspace_of(terminal), plan, flags, verb="apply", again=None)


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
        except BusyError:
            if workspace.store.holder() is None and workspace.snapshot().open_run is not None:
                raise
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
    for _ in range(ROUNDS):
        if not _to_perform(terminal, result, flags, verb=verb):
            return 0
        ask(
            terminal,
            _QUESTION[verb],
            verb=verb,
            auto_approve=flags.auto_approve,
            advice=_UNASKED,
        )
        try:
            return _perform(terminal, workspace, result.plan, flags, verb=verb, again=again)
        except _OtherPlan as other:
            result = other.result
    raise _always_moved()


def _to_perform(terminal: Terminal, result: PlanResult, flags: ApplyFlags, *, verb: str) -> bool:
    """Show the plan; whether it has anything to do. Raises if it may not be done."""
    plan = result.plan
    show_warnings(terminal, result.warnings)
    show_plan(terminal, plan, TextOptions(seconds=result.seconds, hints=False, verb=verb))
    if plan.errored or (plan.has_changes and not plan.observe):
        check_allowed(plan, flags.allowed)
    if plan.has_changes and plan.observe:
        raise BlockedPlanError(
            f"the stack {plan.stack} only observes",
            why="`keyplan.mode: observe` reads and reports, and writes nothing at all.",
            advice="Write `mode: manage` to let keyplan change its keys.",
        )
    return plan.has_changes


def _perform(
    terminal: Terminal,
    workspace: Workspace,
    plan: Plan,
    flags: ApplyFlags,
    *,
    verb: str,
    again: Planner | None,
) -> int:
    options = ApplyOptions(
        parallelism=flags.parallelism,
        lock_timeout=flags.lock_timeout,
        operation=verb,
        on_failure=flags.on_failure,
    )
    with holding(workspace, operation=verb, lock_timeout=flags.lock_timeout) as lease:
        report = _run(terminal, workspace, plan, flags, options, lease, again)
    if report is None:
        return 0
    back = flags.on_failure == "rollback" and _to_take_back(report)
    if terminal.streaming:
        terminal.lines(terminal.events().report(report, verb))
    else:
        hints = not terminal.automated and not back
        terminal.text(f"\n{apply_text(report, verb=verb.capitalize(), hints=hints)}")
    if back:
        take_back(
            terminal, workspace, report.run, allowed=flags.allowed, options=options, failed=report
        )
    return _exit_code(report)


def _run(
    terminal: Terminal,
    workspace: Workspace,
    plan: Plan,
    flags: ApplyFlags,
    options: ApplyOptions,
    lease: Lease,
    again: Planner | None,
) -> ApplyReport | None:
    """Perform the plan under the lock, or the one that is made now; `None` if it has nothing.

    Raises `_OtherPlan` if a person must approve that one.
    """
    verb, interrupt = options.operation, Interrupt()
    for _ in range(ROUNDS):
        try:
            with (
                observing(terminal, len(plan.steps), workspace.clock, verb=verb) as observer,
                stopping(interrupt, terminal),
            ):
                return perform(
                    workspace,
                    plan,
                    allowed=flags.allowed,
                    options=options,
                    observer=observer,
                    interrupt=interrupt,
                    lease=lease,
                )
        except MovedError as moved:
            if again is None:
                raise
            if interrupt.is_set:
                raise InterruptedRunError(
                    f"{verb} was interrupted", advice="Nothing was changed."
                ) from moved
        found = replace(again(), warnings=())  # the configuration is the same: they were shown
        goes_on = same(plan, found.plan)
        _say_moved(terminal, goes_on=goes_on)
        if not goes_on and not flags.auto_approve:
            raise _OtherPlan(found)
        if not goes_on and not _to_perform(terminal, found, flags, verb=verb):
            return None
        plan = found.plan
    raise _always_moved()


def _say_moved(terminal: Terminal, *, goes_on: bool) -> None:
    """Say that what was shown was made again, and whether it is the same."""
    end = "is the same, and goes on." if goes_on else "is another:"
    text = f"Another run or change came first. The plan that was made again {end}"
    if terminal.streaming:
        note = Diagnostic(Severity.NOTE, "KP-APPLY", text)
        terminal.lines([terminal.events().diagnostic(note)])
    else:
        terminal.note(f"\n{text}\n\n")


def _always_moved() -> StalePlanError:
    return StalePlanError(
        f"the plan was out of date {ROUNDS} times in a row",
        why="Something keeps changing the state or its keys. Nothing was changed by this run.",
        advice="Find out what it is, then run the same command again.",
    )


def _to_take_back(report: ApplyReport) -> bool:
    """Whether a run failed and did anything; an open one is decided by `keyplan resume` first."""
    done = report.with_status(StepStatus.SUCCEEDED)
    return not report.ok and report.open_run is None and bool(done)


def _exit_code(report: ApplyReport) -> int:
    if report.interrupted:
        return InterruptedRunError.exit_code
    return 0 if report.ok else 1
