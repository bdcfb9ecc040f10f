"""`keyplan validate`: every mistake of the configuration, offline."""

from __future__ import annotations

import typer

from keyplan.app.validate import Validation
from keyplan.app.validate import validate as validate_stack
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, Terminal, terminal_of
from keyplan.render.diagnostics import diagnostics_count, diagnostics_text
from keyplan.render.errors import validation_document
from keyplan.render.layout import count

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def validate(
    ctx: typer.Context,
    json: o.JsonDocument = False,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_color: o.NoColour = False,
) -> int:
    """Check the configuration of this directory: no credentials, no network, no state."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    if json:
        terminal.machine = Machine.DOCUMENT
    result = validate_stack(workspace_of(terminal))
    if json:
        terminal.document(validation_document(list(result.diagnostics)))
    else:
        _say(terminal, result)
    return 0 if result.valid else 1


def _say(terminal: Terminal, result: Validation) -> None:
    if result.diagnostics:
        terminal.note(diagnostics_text(list(result.diagnostics)))
    if result.valid:
        warned = f", {diagnostics_count(result.diagnostics)}" if result.diagnostics else ""
        keys = count(result.keys, "key")
        terminal.text(f"Success! The configuration is valid: {keys}{warned}.\n")
