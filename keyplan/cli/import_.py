"""`keyplan import`: take over one existing key, without an `import` entry."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.importing import entry_for
from keyplan.cli import options as o
from keyplan.cli.perform import ApplyFlags, plan_and_apply
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import terminal_of
from keyplan.errors import UsageError
from keyplan.plans.options import PlanOptions

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command(name="import")
def import_(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDR", help="A declared key.")],
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The key's id or alias with its provider.")
    ],
    auto_approve: o.AutoApprove = False,
    allow: o.Allow = None,
    lock_timeout: o.LockTimeout = "0s",
    json: o.JsonEvents = False,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Take an existing key over under a declared address.

    The plan is shown first. Where the key is not as it is declared, the plan also changes
    it: an import entry with keyplan plan shows the same.
    """
    terminal = terminal_of(ctx)
    terminal.coloured, terminal.asking = not no_color, not no_input
    if json and not auto_approve:
        raise UsageError("--json never asks, so it needs --auto-approve")
    flags = ApplyFlags(
        allowed=o.brakes_of(allow),
        auto_approve=auto_approve,
        parallelism=o.parallelism_of(None),
        lock_timeout=o.seconds_of(lock_timeout, "--lock-timeout"),
    )
    if json:
        terminal.events()
    entry = entry_for(workspace_of(terminal), address, key_id)
    asked = PlanOptions(targets=tuple(entry))
    return plan_and_apply(terminal, asked, flags, verb="apply", importing=entry)
