"""`keyplan output`: the outputs of the last apply, for people and for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.output import read_output, read_outputs
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, Terminal, terminal_of
from keyplan.errors import KeyplanError, UsageError
from keyplan.graph.sensitive import SHOWN
from keyplan.model.printable import printable
from keyplan.model.values import Value
from keyplan.render.report import outputs_lines
from keyplan.render.state_text import output_document
from keyplan.render.values import text_of

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def output(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One output.")] = None,
    json: o.JsonDocument = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="The bare text of one output, without a line end.")
    ] = False,
    no_color: o.NoColour = False,
) -> int:
    """Show the outputs of the last apply; with a name, only its value."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    if raw and (json or name is None):
        raise UsageError("--raw shows the text of one output", advice="Name it, without --json.")
    if json:
        terminal.machine = Machine.DOCUMENT
    workspace = workspace_of(terminal)
    if name is None:
        outputs = read_outputs(workspace)
        if json:
            terminal.document(output_document(outputs))
        else:
            lines = outputs_lines(outputs)[1:] or ["The state has no outputs."]
            terminal.text("\n".join(lines) + "\n")
        return 0
    _show_one(terminal, name, read_output(workspace, name), raw=raw)
    return 0


def _show_one(terminal: Terminal, name: str, value: Value, *, raw: bool) -> None:
    if terminal.machine is Machine.DOCUMENT:
        terminal.document(value)
        return
    if not raw:
        terminal.text(f"{printable(text_of(value))}\n")
        return
    if value == SHOWN:
        raise KeyplanError(
            f"output {name} is sensitive, and keyplan keeps no sensitive value",
            why="The state has a placeholder instead, which no script must take for the value.",
            advice="Read the value where it comes from.",
        )
    if isinstance(value, list | dict) or value is None:
        raise KeyplanError(
            f"output {name} is no text",
            why="--raw writes texts, numbers and booleans only.",
            advice=f"Use keyplan output {name} --json",
        )
    terminal.stdout.write(text_of(value) if not isinstance(value, str) else value)
    terminal.stdout.flush()
