"""`keyplan plan`: show what would change. Writes nothing but the files it is told to."""

from __future__ import annotations

import typer

from keyplan.app.files import save_plan, write_whole
from keyplan.app.plan import PlanResult, plan_stack
from keyplan.cli import options as o
from keyplan.cli.stack import PlanningFlags, show_warnings, workspace_of
from keyplan.cli.terminal import Machine, Terminal, as_json, terminal_of
from keyplan.errors import UsageError
from keyplan.plans.plan import Plan
from keyplan.render.options import TextOptions
from keyplan.render.plan_json import plan_document
from keyplan.render.text import plan_text

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def plan(
    ctx: typer.Context,
    out: o.Out = None,
    detailed_exitcode: o.DetailedExitcode = False,
    destroy: o.DestroyPlan = False,
    refresh_only: o.RefreshOnly = False,
    refresh: o.Refresh = True,
    target: o.Targets = None,
    exclude: o.Excludes = None,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    parallelism: o.Parallelism = None,
    json: o.JsonEvents = False,
    format: o.Format = None,
    output_file: o.OutputFile = None,
    no_input: o.NoInput = False,  # noqa: ARG001  (planning never asks)
    no_color: o.NoColour = False,
) -> int:
    """Show what would change, who gains or loses access, and what cannot be undone.

    Nothing is changed. Save the plan with --out and perform exactly it with
    keyplan apply FILE.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    kind = o.format_of(format)
    if json and kind != "text" and output_file is None:
        raise UsageError("--json and --format cannot both have stdout", advice="Use --output-file.")
    flags = PlanningFlags(destroy, refresh_only, refresh, target, exclude)
    asked = flags.options(parallelism)
    if json:
        terminal.events()
    elif kind == "json" and output_file is None:
        terminal.machine = Machine.DOCUMENT
    result = plan_stack(workspace_of(terminal), asked)
    show_warnings(terminal, result.warnings)
    if out is not None:
        save_plan(result.plan, out)
    text = TextOptions(
        plan_file=str(out or ""),
        seconds=result.seconds,
        hints=not terminal.automated,
        verb="destroy" if destroy else "apply",
    )
    show_plan(terminal, result.plan, text)
    if output_file is not None:
        write_whole(output_file, rendered(result.plan, kind, text).encode())
    return _exit_code(result, detailed=detailed_exitcode)


def show_plan(terminal: Terminal, plan: Plan, text: TextOptions) -> None:
    """The plan on stdout, in the form that is expected there."""
    match terminal.machine:
        case Machine.EVENTS:
            terminal.lines(terminal.events().plan(plan))
        case Machine.DOCUMENT:
            terminal.document(plan_document(plan), large=True)
        case Machine.NONE:
            terminal.text(plan_text(plan, text))


def rendered(plan: Plan, kind: str, text: TextOptions) -> str:
    """The plan in a format, for a file."""
    if kind == "json":
        return as_json(plan_document(plan), large=True)
    return plan_text(plan, text)


def _exit_code(result: PlanResult, *, detailed: bool) -> int:
    if result.plan.errored:
        return 1
    return result.exit_code if detailed else 0
