"""`keyplan init`: a new stack from a template, or a check of the one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.checking import check_stack
from keyplan.app.starting import DEFAULT_TEMPLATE, TEMPLATES, has_stack, start
from keyplan.app.workspace import Workspace
from keyplan.cli import options as o
from keyplan.cli.terminal import Terminal, terminal_of
from keyplan.config.variables import VariableInputs
from keyplan.render.checks import checks_text, started_text
from keyplan.session.registry import load_registry

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def init(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; here if omitted.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME", help=f"One of {', '.join(TEMPLATES)}."),
    ] = None,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_color: o.NoColour = False,
) -> int:
    """Start a stack from a template, or check the one that is there.

    A check opens every provider and the store to read, says who you are there, and
    creates nothing. Every command works without it.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    folder = directory or Path()
    if template is None and has_stack(folder):
        return _check(terminal, folder)
    made = start(folder, template or DEFAULT_TEMPLATE, load_registry())
    terminal.text(
        started_text(str(folder), made.template, made.files, hints=not terminal.automated)
    )
    return 0


def _check(terminal: Terminal, folder: Path) -> int:
    inputs = VariableInputs(terminal.assignments)
    workspace = Workspace(folder, environment=terminal.environment, inputs=inputs)
    items = check_stack(workspace)
    name = workspace.settings.stack.name
    terminal.text(checks_text(name, str(folder), items, hints=not terminal.automated))
    return 1 if any(item.failed for item in items) else 0
