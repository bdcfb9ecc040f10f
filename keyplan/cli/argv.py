"""Arguments before they are parsed: Terraform's spellings, and arguments from the environment.

Rules: `-out=plan` means `--out=plan`, as Terraform's users type it; `KEYPLAN_CLI_ARGS`
stands right after the command; whatever follows `--` is left alone, and so are the
arguments of commands that adapters bring, which may have short flags of their own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Mapping, Sequence
from typing import Literal, TypeAlias

from keyplan.errors import UsageError

EXTRA_ARGS = "KEYPLAN_CLI_ARGS"

GROUPS = frozenset({"state"})
"""Commands whose own command comes first: `state list`."""

_SINGLE_DASH = re.compile(r"-[a-z][a-z-]+(=.*)?", re.DOTALL)
_SPELLINGS = {
    "--refresh=true": "--refresh",
    "--refresh=false": "--no-refresh",
    "--input=true": "",
    "--input=false": "--no-input",
    "--auto-approve=true": "--auto-approve",
}
_WITH_VALUE = ("--chdir",)

Assignment: TypeAlias = tuple[Literal["var", "file"], str]
"""`("var", "name=value")` or `("file", path)`."""

_VARIABLES: dict[str, Literal["var", "file"]] = {"--var": "var", "--var-file": "file"}


def normalise(
    argv: Sequence[str], environment: Mapping[str, str], commands: Container[str]
) -> list[str]:
    """The arguments in one spelling. `commands` are the built-in ones."""
    before, rest = _split(list(argv))
    if not rest:
        return ["version" if text == "--version" else text for text in map(_long, before)]
    command, *arguments = rest
    if command in commands:
        first = 1 if command in GROUPS and arguments and not arguments[0].startswith("-") else 0
        arguments = [*arguments[:first], *_from_environment(environment), *arguments[first:]]
        arguments = _normal(arguments)
    return [*map(_long, before), command, *arguments]


def assignments(arguments: Sequence[str]) -> tuple[Assignment, ...]:
    """Every `--var` and `--var-file` in the order given: `("var", "k=v")`, `("file", path)`."""
    found: list[Assignment] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        kind = _VARIABLES.get(name)
        if kind is not None:
            found.append((kind, value if equals else next(waiting, "")))
    return tuple(found)


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """What stands before the command, and the command with what follows it."""
    position = 0
    while position < len(argv) and argv[position].startswith("-"):
        position += 2 if _long(argv[position]) in _WITH_VALUE else 1
    return argv[:position], argv[position:]


def _normal(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    spelt = [_SPELLINGS.get(_long(text), _long(text)) for text in arguments[:end]]
    return [text for text in spelt if text] + arguments[end:]


def _long(argument: str) -> str:
    return f"-{argument}" if _SINGLE_DASH.fullmatch(argument) else argument


def _from_environment(environment: Mapping[str, str]) -> list[str]:
    try:
        return shlex.split(environment.get(EXTRA_ARGS, ""))
    except ValueError as error:
        raise UsageError(
            f"{EXTRA_ARGS} cannot be split into arguments: {error}",
            advice="Quote it as a shell command line.",
        ) from None
