"""The flags that several commands share, declared once, with what they mean.

Rules: what is refused is refused with exit code 64 before anything is read; a format
that is not there yet says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from keyplan.errors import UsageError

Out: TypeAlias = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for apply.")
]
DetailedExitcode: TypeAlias = Annotated[
    bool,
    typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes, 0 if none."),
]
DestroyPlan: TypeAlias = Annotated[
    bool, typer.Option("--destroy", help="Plan the destruction of every key.")
]
RefreshOnly: TypeAlias = Annotated[
    bool, typer.Option("--refresh-only", help="Only update the state; change no key.")
]
Refresh: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--refresh/--no-refresh",
        show_default=False,
        help="--no-refresh trusts the state and reads no key.",
    ),
]
Targets: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="ADDR", help="Only this key and what it needs; repeatable."),
]
Excludes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="ADDR", help="All but this key; repeatable."),
]
Variables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="Give a variable a value; repeatable."),
]
VariableFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--var-file", metavar="FILE", help="Read variables from a file; repeatable."),
]
Parallelism: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--parallelism", metavar="N", help="At most N calls at a time (10).", show_default=False
    ),
]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="text or json.")
]
OutputFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output-file", metavar="FILE", help="Also write the plan there, in --format."),
]
JsonEvents: TypeAlias = Annotated[
    bool, typer.Option("--json", help="A stream of JSON lines instead of text; never asks.")
]
JsonDocument: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON document instead of text.")
]
AutoApprove: TypeAlias = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
Allow: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="BRAKE",
        help="Release a brake: irreversible, root, max-delete, max-update, takeover or lockout;"
        " repeatable.",
    ),
]
OnFailure: TypeAlias = Annotated[
    str,
    typer.Option(
        "--on-failure",
        metavar="stop|rollback",
        help="After a failed step: leave what was done (stop), or take it back (rollback).",
    ),
]
LockTimeout: TypeAlias = Annotated[
    str,
    typer.Option(
        "--lock-timeout", metavar="DURATION", help="Wait so long (30s, 5m) for the state's lock."
    ),
]
NoInput: TypeAlias = Annotated[bool, typer.Option("--no-input", help="Never ask anything.")]
NoColour: TypeAlias = Annotated[bool, typer.Option("--no-color", help="No colour.")]

FORMATS = ("text", "json")
_LATER = ("markdown", "sarif", "junit", "html")


def format_of(name: str | None) -> str:
    """The format asked for, `text` by default; raises `UsageError` for any other."""
    if name is None:
        return "text"
    if name in _LATER:
        raise UsageError(
            f"the format {name} is not there yet", advice="Use --format text or --format json."
        )
    if name not in FORMATS:
        raise UsageError(f"there is no format {name}", advice="Use --format text or json.")
    return name


def check_on_failure(name: str) -> None:
    """Refuse what `--on-failure` does not know."""
    if name not in ("stop", "rollback"):
        raise UsageError(
            f"--on-failure {name} does not exist",
            advice="Use --on-failure stop or --on-failure rollback.",
        )


def brakes_of(names: Sequence[str] | None) -> frozenset[str]:
    """The brakes that `--allow` releases; raises `UsageError` for a name that is none."""
    from keyplan.plans.findings import BrakeName  # noqa: PLC0415

    known = {brake.value for brake in BrakeName}
    for name in names or ():
        if name not in known:
            raise UsageError(
                f"--allow {name}: there is no such brake",
                advice=f"There are {', '.join(sorted(known))}.",
            )
    return frozenset(names or ())


def seconds_of(text: str, flag: str) -> float:
    """A duration as seconds; `0` is allowed for none."""
    from keyplan.model.timing import parse_duration  # noqa: PLC0415

    if text in ("", "0"):
        return 0.0
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"{flag} {error}") from None


def parallelism_of(number: int | None) -> int:
    """How many calls at a time; raises `UsageError` below 1."""
    if number is None:
        return 10
    if number < 1:
        raise UsageError(f"--parallelism {number}: it must be at least 1")
    return number
