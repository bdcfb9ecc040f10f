"""`keyplan schema`: the language as JSON Schema, for editors and validators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.schema import language_schema
from keyplan.app.writing import write_whole
from keyplan.cli.terminal import as_json, terminal_of
from keyplan.session.registry import load_registry

command = typer.Typer(rich_markup_mode=None, add_completion=False)


@command.command()
def schema(
    ctx: typer.Context,
    output_file: Annotated[
        Path | None,
        typer.Option("--output-file", metavar="FILE", help="Write the schema there."),
    ] = None,
) -> int:
    """Print the JSON Schema (2020-12) of the language, with the installed providers.

    An editor with a YAML language server completes and checks a file that begins with
    "# yaml-language-server: $schema=FILE".
    """
    terminal = terminal_of(ctx)
    found = language_schema(load_registry())
    text = as_json(found.document)
    if output_file is None:
        terminal.stdout.write(text)
        terminal.stdout.flush()
    else:
        write_whole(output_file, text.encode())
        terminal.text(
            f"Wrote {output_file}. For completion and checks in an editor, begin a file with\n\n"
            f"  # yaml-language-server: $schema={output_file}\n"
        )
    for name in found.unusable:
        terminal.note(f"warning: {name} cannot be used here, so the schema does not describe it\n")
    return 0
