"""`keyplan resume`: find out what became of a run that broke off, and finish it."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.apply import ApplyOptions, Interrupt
from keyplan.app.resume import last_run, owed_rollback, undecided_steps
from keyplan.app.resume import resume as finish_run
from keyplan.app.workspace import Workspace
from keyplan.cli import options as o
from keyplan.cli.interrupt import stopping
from keyplan.cli.progress import deciding, observing
from keyplan.cli.stack import workspace_of
from keyplan.cli.taking_back import take_back
from keyplan.cli.terminal import Terminal, terminal_of
from keyplan.diagnostics import Diagnostic, Severity
from keyplan.errors import InterruptedRunError
from keyplan.plans.recovery import RecoveryReport
from keyplan.render.layout import paragraph
from keyplan.render.recovery import recovery_text

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def resume(
    ctx: typer.Context,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Leave what cannot be decided as it is, on your word."),
    ] = False,
    lock_timeout: o.LockTimeout = "0s",
    json: o.JsonEvents = False,
    auto_approve: o.AutoApprove = False,  # noqa: ARG001  (the program was approved)
    no_input: o.NoInput = False,  # noqa: ARG001
    no_color: o.NoColour = False,
) -> int:
    """Decide the last steps of a run that did not end, do the rest, and save the state.

    A run in which a step failed is only closed, or taken back if apply was told to. One
    that was closed before is left alone.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    if json:
        terminal.events()
    workspace, interrupt = workspace_of(terminal), Interrupt()
    deciding(terminal, undecided_steps(workspace))
    with (
        observing(terminal, 1, workspace.clock) as observer,
        stopping(interrupt, terminal),
    ):
        report = finish_run(
            workspace,
            accept=accept,
            options=ApplyOptions(lock_timeout=wait),
            observer=observer,
            interrupt=interrupt,
        )
    owed = owed_rollback(workspace, report.run if report.closed else "")
    if json:
        terminal.lines(terminal.events().recovery(report))
    else:
        hints = not terminal.automated and owed is None
        terminal.text(recovery_text(report, hints=hints))
    if not report.run:
        _say_never_begun(terminal, workspace)
    if owed is not None:
        _say(terminal, f"Run {owed.run} was to be taken back if it failed. It is taken back now.")
        return take_back(
            terminal,
            workspace,
            owed.run,
            allowed=owed.allowed,
            options=ApplyOptions(lock_timeout=wait),
            failed=report.finished,
        )
    return _exit_code(report)


def _say_never_begun(terminal: Terminal, workspace: Workspace) -> None:
    """Name a rollback that an earlier run owes; whether it is still wanted, a person knows."""
    run = last_run(workspace)
    if owed_rollback(workspace, run) is not None:
        _say(
            terminal,
            f"The last run, {run}, was to be taken back when it failed, and was not."
            f" If that is still wanted: keyplan rollback --run {run}",
        )


def _say(terminal: Terminal, text: str) -> None:
    if terminal.streaming:
        note = Diagnostic(Severity.NOTE, "KP-APPLY", text)
        terminal.lines([terminal.events().diagnostic(note)])
    else:
        terminal.text("\n".join(["", *paragraph(text), ""]))


def _exit_code(report: RecoveryReport) -> int:
    if report.finished is not None and report.finished.interrupted:
        return InterruptedRunError.exit_code
    return 0 if report.ok else 1
