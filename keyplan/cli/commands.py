"""The commands by name, each imported only when it runs.

Rules: listing them imports nothing but this module and the names of entry points, so
that `keyplan --help` is quick; a command that an adapter brings cannot replace one of
these.
"""

from __future__ import annotations

import difflib
import gc
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from keyplan.errors import UsageError

BUILT_IN: Final = {
    "init": ("keyplan.cli.init", "Start a stack from a template, or check the one that is there."),
    "validate": ("keyplan.cli.validate", "Check the configuration offline, with all its errors."),
    "fmt": ("keyplan.cli.fmt", "Bring the files of a stack into canonical layout."),
    "plan": ("keyplan.cli.plan", "Show what would change, and who gains or loses access."),
    "apply": ("keyplan.cli.apply", "Perform a saved plan, or plan, show, ask and apply."),
    "destroy": ("keyplan.cli.destroy", "Plan and apply the destruction of every key."),
    "drift": ("keyplan.cli.drift", "Find what was changed outside keyplan, and put it back."),
    "resume": ("keyplan.cli.resume", "Finish a run that was interrupted."),
    "discover": ("keyplan.cli.discover", "Find the keys that nobody declared, and declare them."),
    "import": ("keyplan.cli.import_", "Take over one existing key under a declared address."),
    "rollback": ("keyplan.cli.rollback", "Take a run back, or go back to an earlier state."),
    "state": ("keyplan.cli.state", "Look at the state, its history and soundness, and edit it."),
    "show": ("keyplan.cli.show", "Show a saved plan, or the state."),
    "output": ("keyplan.cli.output", "Show the outputs of the last apply."),
    "graph": ("keyplan.cli.graph", "Draw the hierarchy and its order."),
    "console": ("keyplan.cli.console", "Evaluate expressions against the stack."),
    "schema": ("keyplan.cli.schema", "Print the JSON Schema of the language, for editors."),
    "providers": ("keyplan.cli.providers", "Show the installed providers and what they can do."),
    "version": ("keyplan.cli.version", "Show the version."),
}
"""Module and one line of help, in the order of `--help`. Each module has an app `command`."""


@cache
def _freeze() -> None:
    """Modules are never garbage. Once in a process: what a command leaves behind is."""
    gc.freeze()


class LazyCommands(TyperGroup):
    """The group of all commands: built-in ones, then those of adapters."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (typer's signature)
        """Every name, without importing any command."""
        return [*BUILT_IN, *(name for name in _adapters() if name not in BUILT_IN)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; raises `UsageError` for a name that nobody has."""
        if cmd_name in BUILT_IN:
            module = import_module(BUILT_IN[cmd_name][0])
            _freeze()
            return _command(module.command, cmd_name)
        adapters = _adapters()
        if cmd_name in adapters:
            return _command(_loaded(cmd_name), cmd_name)
        if getattr(ctx, "resilient_parsing", False):  # completing a word that is not finished
            return None
        near = difflib.get_close_matches(cmd_name, [*BUILT_IN, *adapters], n=1)
        hint = f"Did you mean {near[0]}?" if near else "keyplan --help lists the commands."
        raise UsageError(f"there is no command {cmd_name}", advice=hint)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """One line a command, from the table and not from the commands themselves."""
        rows = [(name, help_) for name, (_, help_) in BUILT_IN.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        own = [
            (name, f"Tools of the {name} adapter.") for name in _adapters() if name not in BUILT_IN
        ]
        if own:
            with formatter.section("Commands of installed adapters"):
                formatter.write_dl(own)


def _command(app: typer.Typer, name: str) -> Any:
    command = typer.main.get_command(app)
    command.name = name
    return command


def _adapters() -> list[str]:
    """Names of the groups that adapters bring."""
    from keyplan.session.registry import load_registry  # noqa: PLC0415  (only when it is needed)

    return list(load_registry().commands)


def _loaded(name: str) -> typer.Typer:
    from keyplan.session.registry import load_registry  # noqa: PLC0415

    point = load_registry().commands[name]
    try:
        app: typer.Typer = point.load()
    except ImportError as error:
        raise UsageError(
            f"the commands of {name} cannot be used here: {error.name or point.value} is missing",
            advice=f"Install what it needs: pip install 'keyplan[{name}]'",
        ) from error
    return app
