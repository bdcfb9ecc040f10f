"""`keyplan rollback`: take a run back, or go back to the state of an earlier serial."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.files import save_plan
from keyplan.app.resume import undecided_steps
from keyplan.app.rollback import (
    close_for_rollback,
    plan_run_rollback,
    plan_serial_rollback,
    residue_of,
)
from keyplan.app.workspace import Workspace
from keyplan.cli import options as o
from keyplan.cli.perform import ApplyFlags, Planner, show_and_perform, when_idle
from keyplan.cli.plan import show_plan
from keyplan.cli.progress import deciding
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Terminal, terminal_of
from keyplan.errors import UsageError
from keyplan.plans.recovery import RecoveryReport
from keyplan.render.options import TextOptions
from keyplan.render.recovery import recovery_text
from keyplan.render.rollback import nothing_text, residue_text, rollback_title

command = typer.Typer(rich_markup_mode=None, add_completion=False)

VERB = "rollback"


@command.command()
def rollback(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Take this run back.")
    ] = None,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="SERIAL", help="Go back to the state of this serial."),
    ] = None,
    out: o.Out = None,
    auto_approve: o.AutoApprove = False,
    allow: o.Allow = None,
    parallelism: o.Parallelism = None,
    lock_timeout: o.LockTimeout = "0s",
    json: o.JsonEvents = False,
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Take back the run that did not end, a run that did, or everything since a serial.

    It is a plan like any other: shown, guarded, asked about and applied. Nothing that
    somebody changed since is overwritten, and no key is destroyed.
    """
    terminal = terminal_of(ctx)
    terminal.coloured, terminal.asking = not no_color, not no_input
    if run is not None and to is not None:
        raise UsageError("--run and --to cannot be used together")
    if json and not auto_approve and out is None:
        raise UsageError("--json never asks, so it needs --auto-approve or --out FILE")
    flags = ApplyFlags(
        allowed=o.brakes_of(allow),
        auto_approve=auto_approve,
        parallelism=o.parallelism_of(parallelism),
        lock_timeout=o.seconds_of(lock_timeout, "--lock-timeout"),
    )
    if json:
        terminal.events()
    workspace = workspace_of(terminal)
    if to is not None:
        what, planned = f"to the state of serial {to}", partial(plan_serial_rollback, workspace, to)
    else:
        open_run = workspace.snapshot().open_run
        if run is None or run == open_run:
            deciding(terminal, undecided_steps(workspace))
            report = close_for_rollback(workspace, lock_timeout=flags.lock_timeout)
            _show_recovery(terminal, report)
            if not report.closed:
                return 1
            run = report.run
        what, planned = f"run {run}", partial(plan_run_rollback, workspace, run)
    return _finish(terminal, workspace, what, planned, flags, out)


def _show_recovery(terminal: Terminal, report: RecoveryReport) -> None:
    """What became of the open run; an undecided step keeps it open, and nothing is undone."""
    if terminal.streaming:
        terminal.lines(terminal.events().recovery(report))
    else:
        terminal.text(recovery_text(report, hints=not report.closed) + "\n")


def _finish(
    terminal: Terminal,
    workspace: Workspace,
    what: str,
    planned: Planner,
    flags: ApplyFlags,
    out: Path | None,
) -> int:
    """Say what comes back and what does not, ask, perform, and say it again."""
    result = when_idle(workspace, planned, timeout=flags.lock_timeout)
    plan, residue = result.plan, residue_of(result.plan)
    if terminal.streaming:
        terminal.lines([terminal.events().rollback_planned(f"Rollback: {what}", target=what)])
    elif not plan.has_changes and not plan.errored:
        terminal.text(nothing_text(residue))
        return 0
    else:
        terminal.text(rollback_title(what))
    if out is not None:
        save_plan(plan, out)
        text = TextOptions(str(out), result.seconds, hints=not terminal.automated, verb=VERB)
        show_plan(terminal, plan, text)
        return 1 if plan.errored else 0
    code = show_and_perform(terminal, workspace, result, flags, verb=VERB, again=planned)
    if terminal.streaming:
        terminal.lines(terminal.events().rollback_residue(residue))
    else:
        terminal.text(residue_text(residue))
    return code
