"""`keyplan discover`: which keys exist that nobody declared, and how they could be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.discover import discover as find_keys
from keyplan.app.discover import write_configuration
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, terminal_of
from keyplan.errors import KeyplanError
from keyplan.render.discovery import discovery_document, discovery_text

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def discover(
    ctx: typer.Context,
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", metavar="NAME", help="Only this provider; repeatable."),
    ] = None,
    generate_config_out: Annotated[
        Path | None,
        typer.Option(
            "--generate-config-out", metavar="FILE", help="Declare and import them, in a new file."
        ),
    ] = None,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    json: o.JsonDocument = False,
    no_color: o.NoColour = False,
) -> int:
    """Show the keys that exist and that this stack does not have.

    With --generate-config-out, write YAML that adopts them: importing what it declares
    changes no key. The hierarchy is guessed from wrapping and aliases.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    if json:
        terminal.machine = Machine.DOCUMENT
    if generate_config_out is not None and generate_config_out.exists():
        raise KeyplanError(
            "the file exists already, and nothing was written",
            target=str(generate_config_out),
            advice="Name a new file, or move this one away.",
        )
    workspace = workspace_of(terminal)
    found = find_keys(workspace, provider or ())
    if generate_config_out is not None:
        write_configuration(workspace, found, generate_config_out)
    if json:
        terminal.document(discovery_document(found))
    else:
        written = str(generate_config_out or "")
        terminal.text(discovery_text(found, written=written, hints=not terminal.automated))
    return 0
