"""`keyplan fmt`: the canonical layout of a stack's files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.formatting import FormattedFile, format_paths, format_text, write_formatted
from keyplan.cli import options as o
from keyplan.cli.terminal import Terminal, terminal_of
from keyplan.diagnostics import ConfigurationError
from keyplan.errors import UsageError
from keyplan.render.diff import unified_diff

WOULD_CHANGE = 3
"""The exit code of `--check` if a file is not in canonical layout."""

STDIN = Path("-")

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def fmt(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Files, or directories of stacks; this one if omitted, and - for stdin.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 3 if a file would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what changes.")] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also the directories below, such as modules.")
    ] = False,
    no_color: o.NoColour = False,
) -> int:
    """Bring the files of a stack into canonical layout and name those that changed.

    Comments, quotes and the order of everything stay as they are.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wanted = paths or []
    if STDIN in wanted:
        return _format_stdin(terminal, wanted, check=check, diff=diff)
    result = format_paths(wanted, base=Path.cwd(), recursive=recursive)
    for file in result.changed:
        if not check:
            write_formatted(file)
        terminal.exact(
            unified_diff(file.name, file.before, file.after) if diff else f"{file.name}\n"
        )
    if result.diagnostics:
        raise ConfigurationError(list(result.diagnostics))
    return WOULD_CHANGE if check and result.changed else 0


def _format_stdin(terminal: Terminal, wanted: Sequence[Path], *, check: bool, diff: bool) -> int:
    """From stdin to stdout, for editors."""
    if len(wanted) > 1:
        raise UsageError("- stands alone", advice="Name files, or - for stdin.")
    file: FormattedFile = format_text("stdin", _stdin())
    if diff:
        terminal.exact(unified_diff(file.name, file.before, file.after))
    elif not check:
        terminal.exact(file.after.decode())
    return WOULD_CHANGE if check and file.changed else 0


def _stdin() -> bytes:
    """Everything that is typed or piped, as bytes where the stream has them."""
    binary = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read().encode() if binary is None else bytes(binary.read())
