"""`keyplan console`: try an expression against the stack, line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer

from keyplan.app.console import Console
from keyplan.cli import options as o
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Terminal, terminal_of
from keyplan.diagnostics import ConfigurationError
from keyplan.render.console import console_text
from keyplan.render.errors import error_text

PROMPT = "> "
LEAVE = ("exit", "quit")

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def console(
    ctx: typer.Context,
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    no_color: o.NoColour = False,
) -> int:
    """Evaluate expressions: var.x, local.x, key.x.arn, functions. Writes nothing.

    One expression a line, from the keyboard or a pipe; exit, or the end of the input, ends it.
    With a pipe, the exit code is 1 if a line could not be evaluated.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    stack = Console(workspace_of(terminal))
    asking = sys.stdin.isatty() and terminal.stdout.isatty()
    failed = False
    for line in _lines(terminal, asking=asking):
        try:
            terminal.text(console_text(stack.evaluate(line)) + "\n")
        except ConfigurationError as error:
            failed = True
            terminal.note(error_text(error))
    return 1 if failed and not asking else 0


def _lines(terminal: Terminal, *, asking: bool) -> Iterator[str]:
    """What is typed, without empty lines, up to the end or a word that ends it."""
    while True:
        if asking:
            terminal.stdout.write(PROMPT)
            terminal.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            if asking:
                terminal.text("\n")
            return
        text = line.strip()
        if text in LEAVE:
            return
        if text:
            yield text
