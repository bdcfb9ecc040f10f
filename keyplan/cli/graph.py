"""`keyplan graph`: the hierarchy and its order, for Graphviz, Markdown and programs."""

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.app.graph import graph_view
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, terminal_of
from keyplan.errors import UsageError
from keyplan.render.graph import graph_document, graph_dot, graph_mermaid

FORMATS = ("dot", "mermaid", "json")

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def graph(
    ctx: typer.Context,
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="dot, mermaid or json.")
    ] = "dot",
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
) -> int:
    """Draw the hierarchy: what each key is to its parent, and what it needs first.

    Offline, as validate is. `keyplan graph | dot -Tsvg` makes a picture.
    """
    terminal = terminal_of(ctx)
    if format not in FORMATS:
        raise UsageError(f"there is no format {format}", advice="Use dot, mermaid or json.")
    if format == "json":
        terminal.machine = Machine.DOCUMENT
    view = graph_view(workspace_of(terminal))
    match format:
        case "json":
            terminal.document(graph_document(view), large=len(view.keys) > 1000)
        case "mermaid":
            terminal.exact(graph_mermaid(view))
        case _:
            terminal.exact(graph_dot(view))
    return 0
