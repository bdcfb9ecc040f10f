"""`keyplan destroy`: plan --destroy and apply, with every protection still in force."""

from __future__ import annotations

import typer

from keyplan.cli import options as o
from keyplan.cli.perform import ApplyFlags, plan_and_apply
from keyplan.cli.stack import PlanningFlags
from keyplan.cli.terminal import terminal_of
from keyplan.errors import UsageError

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def destroy(
    ctx: typer.Context,
    auto_approve: o.AutoApprove = False,
    allow: o.Allow = None,
    on_failure: o.OnFailure = "stop",
    parallelism: o.Parallelism = None,
    lock_timeout: o.LockTimeout = "0s",
    json: o.JsonEvents = False,
    refresh: o.Refresh = True,
    target: o.Targets = None,
    exclude: o.Excludes = None,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Plan the destruction of every key, show it, ask, and perform that plan.

    Protected keys are refused, and what is scheduled can be cancelled until its
    window has ended.
    """
    terminal = terminal_of(ctx)
    terminal.coloured, terminal.asking = not no_color, not no_input
    o.check_on_failure(on_failure)
    flags = ApplyFlags(
        allowed=o.brakes_of(allow),
        auto_approve=auto_approve,
        parallelism=o.parallelism_of(parallelism),
        lock_timeout=o.seconds_of(lock_timeout, "--lock-timeout"),
        on_failure=on_failure,
    )
    if json and not auto_approve:
        raise UsageError(
            "--json never asks, so it needs --auto-approve", advice="Add --auto-approve."
        )
    asked = PlanningFlags(destroy=True, refresh=refresh, targets=target, excludes=exclude).options(
        parallelism
    )
    if json:
        terminal.events()
    return plan_and_apply(terminal, asked, flags, verb="destroy")
