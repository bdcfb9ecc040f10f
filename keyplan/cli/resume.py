"""`keyplan resume`: find out what became of an interrupted run, and save the state."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.resume import resume as close_run
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import terminal_of
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
    auto_approve: o.AutoApprove = False,  # noqa: ARG001  (closing a run asks nothing)
    no_input: o.NoInput = False,  # noqa: ARG001
    no_color: o.NoColour = False,
) -> int:
    """Decide the last steps of a run that did not end, and save the state.

    No key is changed. Afterwards keyplan plan shows what is left to do.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    if json:
        terminal.events()
    report = close_run(workspace_of(terminal), accept=accept, lock_timeout=wait)
    if json:
        terminal.lines(terminal.events().recovery(report))
    else:
        terminal.text(recovery_text(report, hints=not terminal.automated))
    return 0 if report.closed else 1
