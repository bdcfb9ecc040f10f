"""What apply and destroy share: show the plan, ask, perform it, report.

Rules: what is approved is what is performed; only the word `yes` approves; a plan that
may not be applied is refused before anybody is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyplan.app.apply import ApplyOptions, Interrupt, check_allowed, perform
from keyplan.app.plan import PlanResult, plan_stack
from keyplan.app.workspace import Workspace
from keyplan.cli.interrupt import stopping
from keyplan.cli.plan import show_plan
from keyplan.cli.progress import observing
from keyplan.cli.stack import show_warnings, workspace_of
from keyplan.cli.taking_back import take_back
from keyplan.cli.terminal import Terminal
from keyplan.errors import BlockedPlanError, InterruptedRunError, KeyplanError, UsageError
from keyplan.model.address import Address
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport, StepStatus
from keyplan.render.options import TextOptions
from keyplan.render.report import apply_text

_QUESTION = {
    "apply": "Do you want to perform these changes?",
    "destroy": "Do you really want to destroy these keys?",
    "rollback": "Do you want to take these changes back?",
    "drift": "Do you want to put these changes back?",
}


@dataclass(frozen=True, slots=True)
class ApplyFlags:
    """How a plan is performed. `lock_timeout` is in seconds, `on_failure` stop or rollback."""

    allowed: frozenset[str]
    auto_approve: bool
    parallelism: int
    lock_timeout: float
    on_failure: str = "stop"


def apply_saved(terminal: Terminal, plan: Plan, flags: ApplyFlags) -> int:
    """Perform a plan file. It was reviewed, so nobody is asked."""
    return _perform(terminal, workspace_of(terminal), plan, flags, verb="apply")


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
    if flags.lock_timeout > 0:
        workspace.wait_for_other_run(flags.lock_timeout)
    result = plan_stack(workspace, asked, importing=importing)
    return show_and_perform(terminal, workspace, result, flags, verb=verb)


def show_and_perform(
    terminal: Terminal, workspace: Workspace, result: PlanResult, flags: ApplyFlags, *, verb: str
) -> int:
    """Show a plan that was just made, ask, and perform exactly it."""
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
    if not plan.has_changes:
        return 0
    if not flags.auto_approve and not _approved(terminal, verb):
        raise KeyplanError(
            f"{verb} was not approved", advice="Nothing was changed. Only `yes` approves."
        )
    return _perform(terminal, workspace, plan, flags, verb=verb)


def _approved(terminal: Terminal, verb: str) -> bool:
    """Ask on the terminal. Raises `UsageError` where nobody can answer."""
    if not terminal.asking:
        raise UsageError(
            f"{verb} must ask, and --no-input forbids it",
            advice="Add --auto-approve, or make a plan first: keyplan plan --out FILE",
        )
    terminal.text(f"\n{_QUESTION[verb]}\n  Only 'yes' will be accepted to approve.\n\n")
    terminal.stdout.write("  Enter a value: ")
    terminal.stdout.flush()
    answer = sys.stdin.readline()
    terminal.text("\n" if answer.endswith("\n") else "\n\n")
    if not answer:
        raise KeyplanError(
            f"{verb} was not approved: the input ended before an answer",
            why="Nothing was changed; nobody seems to be there to ask.",
            advice="Add --auto-approve, or make a plan first: keyplan plan --out FILE",
        )
    return answer.strip() == "yes"


def _perform(
    terminal: Terminal, workspace: Workspace, plan: Plan, flags: ApplyFlags, *, verb: str
) -> int:
    interrupt = Interrupt()
    options = ApplyOptions(
        parallelism=flags.parallelism,
        lock_timeout=flags.lock_timeout,
        operation=verb,
        on_failure=flags.on_failure,
    )
    with (
        observing(terminal, len(plan.steps), workspace.clock, verb=verb) as observer,
        stopping(interrupt, terminal),
    ):
        report = perform(
            workspace,
            plan,
            allowed=flags.allowed,
            options=options,
            observer=observer,
            interrupt=interrupt,
        )
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


def _to_take_back(report: ApplyReport) -> bool:
    """Whether a run failed and did anything; an open one is decided by `keyplan resume` first."""
    done = report.with_status(StepStatus.SUCCEEDED)
    return not report.ok and report.open_run is None and bool(done)


def _exit_code(report: ApplyReport) -> int:
    if report.interrupted:
        return InterruptedRunError.exit_code
    return 0 if report.ok else 1
