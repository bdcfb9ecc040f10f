"""`keyplan apply`: perform a saved plan, or plan, show, ask and perform that very plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.files import load_plan
from keyplan.cli import options as o
from keyplan.cli.perform import ApplyFlags, apply_saved, plan_and_apply
from keyplan.cli.stack import PlanningFlags
from keyplan.cli.terminal import terminal_of
from keyplan.errors import UsageError

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def apply(
    ctx: typer.Context,
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="A plan of keyplan plan --out.")
    ] = None,
    auto_approve: o.AutoApprove = False,
    allow: o.Allow = None,
    on_failure: o.OnFailure = "stop",
    parallelism: o.Parallelism = None,
    lock_timeout: o.LockTimeout = "0s",
    json: o.JsonEvents = False,
    destroy: o.DestroyPlan = False,
    refresh_only: o.RefreshOnly = False,
    refresh: o.Refresh = True,
    target: o.Targets = None,
    exclude: o.Excludes = None,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Perform a saved plan exactly; without one: plan, show, ask, and perform that plan.

    Ctrl-C lets the calls in flight finish, saves the state, and exits with 130.
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
    planning = PlanningFlags(destroy, refresh_only, refresh, target, exclude)
    if plan_file is not None:
        planning.refuse_any(terminal)
        if json:
            terminal.events()
        return apply_saved(terminal, load_plan(plan_file), flags)
    if json and not auto_approve:
        raise UsageError(
            "--json never asks, so it needs --auto-approve or a plan file",
            advice="Add --auto-approve, or make a plan first: keyplan plan --out FILE",
        )
    asked = planning.options(parallelism)
    if json:
        terminal.events()
    return plan_and_apply(terminal, asked, flags, verb="destroy" if destroy else "apply")
