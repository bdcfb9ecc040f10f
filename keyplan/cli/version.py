"""`keyplan version`."""

from __future__ import annotations

import platform

import typer

from keyplan import __version__
from keyplan.cli import options as o
from keyplan.cli.terminal import terminal_of

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def version(ctx: typer.Context, json: o.JsonDocument = False) -> int:
    """Show the version of keyplan and of Python."""
    terminal = terminal_of(ctx)
    if json:
        terminal.document(
            {
                "keyplan_version": __version__,
                "python_version": platform.python_version(),
                "platform": f"{platform.system().lower()}_{platform.machine()}",
            }
        )
    else:
        terminal.text(f"keyplan {__version__} (Python {platform.python_version()})\n")
    return 0
