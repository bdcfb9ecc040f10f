"""Performing a plan under the lock of its state, and reporting it.

Rules: if another run or change came first, a plan that was just made is made again under
the lock: the same one goes on; another is shown and guarded like the first, and goes on
only if nobody needs to be asked. A plan file applies once or never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from keyplan.app.apply import ApplyOptions, Interrupt, check_allowed, holding, perform, same
from keyplan.app.plan import PlanResult
from keyplan.app.workspace import Workspace
from keyplan.cli.interrupt import stopping
from keyplan.cli.plan import show_plan
from keyplan.cli.progress import observing
from keyplan.cli.stack import show_warnings
from keyplan.cli.taking_back import take_back
from keyplan.cli.terminal import Terminal
from keyplan.diagnostics import Diagnostic, Severity
from keyplan.errors import BlockedPlanError, InterruptedRunError, MovedError, StalePlanError
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport, StepStatus
from keyplan.render.options import TextOptions
from keyplan.render.report import apply_text
from keyplan.sdk.store import Lease

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


class OtherPlan(Exception):  # noqa: N818  (no error: it leaves the lock, and is asked about)
    """The plan made again is not the one that was approved."""

    def __init__(self, result: PlanResult) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True, slots=True)
class Running:
    """One command that performs a plan. `again` makes it anew; a saved one is not."""

    terminal: Terminal
    workspace: Workspace
    flags: ApplyFlags
    verb: str
    again: Planner | None = None

    def show(self, result: PlanResult) -> bool:
        """Show a plan; whether it has anything to do. Raises if it may not be done."""
        plan = result.plan
        show_warnings(self.terminal, result.warnings)
        text = TextOptions(seconds=result.seconds, hints=False, verb=self.verb)
        show_plan(self.terminal, plan, text)
        if plan.errored or (plan.has_changes and not plan.observe):
            check_allowed(plan, self.flags.allowed)
        if plan.has_changes and plan.observe:
            raise BlockedPlanError(
                f"the stack {plan.stack} only observes",
                why="`keyplan.mode: observe` reads and reports, and writes nothing at all.",
                advice="Write `mode: manage` to let keyplan change its keys.",
            )
        return plan.has_changes

    def perform(self, plan: Plan) -> int:
        """Perform an approved plan and report it; returns the exit code.

        Raises `OtherPlan`, with nothing done, if a person must approve that one first.
        """
        flags = self.flags
        options = ApplyOptions(
            parallelism=flags.parallelism,
            lock_timeout=flags.lock_timeout,
            operation=self.verb,
            on_failure=flags.on_failure,
        )
        with holding(self.workspace, operation=self.verb, lock_timeout=flags.lock_timeout) as lease:
            report = self._under_lock(plan, options, lease)
        return 0 if report is None else self._report(report, options)

    def _under_lock(self, plan: Plan, options: ApplyOptions, lease: Lease) -> ApplyReport | None:
        """Perform the plan, or the one that is made now; `None` if that has nothing to do."""
        for _ in range(ROUNDS):
            try:
                return self._apply(plan, options, lease)
            except MovedError:
                if self.again is None:
                    raise
            # The configuration is the one that was read: its warnings were shown.
            found = replace(self.again(), warnings=())
            is_same = same(plan, found.plan)
            self._say_moved(is_same=is_same)
            if not is_same:
                if not self.flags.auto_approve:
                    raise OtherPlan(found)
                if not self.show(found):
                    return None
            plan = found.plan
        raise always_moved()

    def _apply(self, plan: Plan, options: ApplyOptions, lease: Lease) -> ApplyReport:
        terminal, clock, interrupt = self.terminal, self.workspace.clock, Interrupt()
        try:
            with (
                observing(terminal, len(plan.steps), clock, verb=self.verb) as observer,
                stopping(interrupt, terminal),
            ):
                return perform(
                    self.workspace,
                    plan,
                    allowed=self.flags.allowed,
                    options=options,
                    observer=observer,
                    interrupt=interrupt,
                    lease=lease,
                )
        except MovedError as moved:
            if interrupt.is_set:
                what = f"{self.verb} was interrupted"
                raise InterruptedRunError(what, advice="Nothing was changed.") from moved
            raise

    def _say_moved(self, *, is_same: bool) -> None:
        """Say that what was shown was made again, and whether it is the same."""
        end = "is the same, and goes on." if is_same else "is another:"
        text = f"Another run or change came first. The plan that was made again {end}"
        if self.terminal.streaming:
            note = Diagnostic(Severity.NOTE, "KP-APPLY", text)
            self.terminal.lines([self.terminal.events().diagnostic(note)])
        else:
            self.terminal.note(f"\n{text}\n\n")

    def _report(self, report: ApplyReport, options: ApplyOptions) -> int:
        """Say what was done, and take it back where that was asked for."""
        terminal = self.terminal
        back = self.flags.on_failure == "rollback" and _to_take_back(report)
        if terminal.streaming:
            terminal.lines(terminal.events().report(report, self.verb))
        else:
            hints = not terminal.automated and not back
            terminal.text(f"\n{apply_text(report, verb=self.verb.capitalize(), hints=hints)}")
        if back:
            take_back(
                terminal,
                self.workspace,
                report.run,
                allowed=self.flags.allowed,
                options=options,
                failed=report,
            )
        return InterruptedRunError.exit_code if report.interrupted else int(not report.ok)


def always_moved() -> StalePlanError:
    """The error of a command that plans again and again."""
    return StalePlanError(
        f"the plan was out of date {ROUNDS} times in a row",
        why="Something keeps changing the state or its keys. Nothing was changed by this run.",
        advice="Find out what it is, then run the same command again.",
    )


def _to_take_back(report: ApplyReport) -> bool:
    """Whether a run failed and did anything; an open one is decided by `keyplan resume` first."""
    done = report.with_status(StepStatus.SUCCEEDED)
    return not report.ok and report.open_run is None and bool(done)
