"""`keyplan providers`: what is installed, what it can do, which permissions it needs."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.providers import installed_providers
from keyplan.cli import options as o
from keyplan.cli.terminal import Machine, terminal_of
from keyplan.render.providers import providers_document, providers_text
from keyplan.session.registry import load_registry

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def providers(
    ctx: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="One provider.")] = None,
    permissions: Annotated[
        bool, typer.Option("--permissions", help="The permissions that each command needs.")
    ] = False,
    json: o.JsonDocument = False,
    no_color: o.NoColour = False,
) -> int:
    """Show the installed providers; with a type, everything that one can do."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    if json:
        terminal.machine = Machine.DOCUMENT
    found = installed_providers(load_registry(), type)
    if json:
        terminal.document(providers_document(found))
    else:
        terminal.text(providers_text(found, detailed=type is not None, permissions=permissions))
    return 0
