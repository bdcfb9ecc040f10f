"""`keyplan show`: a saved plan in full, or the state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan import __version__
from keyplan.app.files import load_plan, write_whole
from keyplan.app.show import StateResult, read_state
from keyplan.cli import options as o
from keyplan.cli.plan import rendered, show_plan
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, Terminal, terminal_of
from keyplan.errors import UsageError
from keyplan.plans.plan import Plan
from keyplan.render.options import TextOptions
from keyplan.render.state_text import state_document, state_text

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def show(
    ctx: typer.Context,
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="A plan of keyplan plan --out.")
    ] = None,
    json: o.JsonDocument = False,
    format: o.Format = None,
    output_file: o.OutputFile = None,
    no_color: o.NoColour = False,
) -> int:
    """Show a saved plan with nothing folded, or without one the state of the stack."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    kind = "json" if json else o.format_of(format)
    if kind == "json" and output_file is None:
        terminal.machine = Machine.DOCUMENT
    if plan_file is None:
        if output_file is not None:
            raise UsageError("--output-file needs a plan file")
        _show_state(terminal, read_state(workspace_of(terminal)))
    else:
        _show_plan(terminal, load_plan(plan_file), plan_file, output_file, kind)
    return 0


def _show_plan(
    terminal: Terminal, plan: Plan, plan_file: Path, output_file: Path | None, kind: str
) -> None:
    text = TextOptions(plan_file=str(plan_file), full=True, hints=not terminal.automated)
    if output_file is not None:
        write_whole(output_file, rendered(plan, kind, text).encode())
    show_plan(terminal, plan, text)


def _show_state(terminal: Terminal, result: StateResult) -> None:
    if terminal.machine is Machine.DOCUMENT:
        document = state_document(result.state, store=result.store, version=__version__)
        document["keyplan"]["open_run"] = result.open_run
        terminal.document(document, large=True)
        return
    terminal.text(state_text(result.state, store=result.store))
    if result.open_run is not None:
        terminal.note(
            f"\nwarning: run {result.open_run} did not end; this is the state before it.\n"
            "\n  Find out what it did and save it: keyplan resume\n"
        )
