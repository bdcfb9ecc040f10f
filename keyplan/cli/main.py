"""The entry point: arguments in, an exit code out; every error in the form it should have.

Exit codes: 0 success, 1 error, 2 changes or drift (where asked for), 64 wrong usage,
130 interrupted. Rules: an expected error is said without a traceback; an unexpected one
is called a bug of keyplan; a reader that went away is no error of ours to shout about.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from keyplan.cli.argv import assignments, normalise
from keyplan.cli.commands import BUILT_IN, LazyCommands
from keyplan.cli.terminal import Machine, Terminal, terminal_of
from keyplan.errors import KeyplanError, UsageError

INTERRUPTED = 130
ERROR = 1

LOG_VARIABLE = "KEYPLAN_LOG"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_BEFORE = ("--chdir", "--debug")
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
"""The parser's class of usage errors, wherever this release of typer keeps it."""


def main() -> int:
    """Run this process's command line; returns the exit code."""
    # Most of what a run makes lives until its end: looking through it for garbage again
    # and again costs a quarter of the time of a large plan, and frees next to nothing.
    gc.set_threshold(1_000_000, 20, 100)
    _open_what_is_closed()
    return run(sys.argv[1:], Terminal(sys.stdout, sys.stderr, os.environ))


def _open_what_is_closed() -> None:
    """Standard streams that the caller closed (`>&-`, some daemons) read and write nothing."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115


def run(argv: Sequence[str], terminal: Terminal) -> int:
    """Run a command line; returns the exit code. The working directory is put back."""
    folder = Path.cwd()
    try:
        return _guarded(lambda: _run(argv, terminal), terminal)
    finally:
        os.chdir(folder)


def _run(argv: Sequence[str], terminal: Terminal) -> int:
    _refuse_other_encodings(argv)
    arguments = normalise(argv, terminal.environment, BUILT_IN)
    terminal.assignments = assignments(arguments)
    command = typer.main.get_command(_root())
    result = command.main(args=arguments, prog_name="keyplan", standalone_mode=False, obj=terminal)
    return result if isinstance(result, int) else 0


def _refuse_other_encodings(argv: Sequence[str]) -> None:
    """Names are text everywhere else: in files, in the state, in what providers store."""
    for argument in argv:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the argument {argument!r} is not UTF-8 text",
                advice="Write it in UTF-8, and rename the file if it is a path.",
            ) from None


def _root() -> typer.Typer:
    """The command line without any command: those are looked up by name."""
    app = typer.Typer(
        name="keyplan",
        cls=LazyCommands,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    app.callback(no_args_is_help=True)(_globals)
    return app


def _globals(
    ctx: typer.Context,
    chdir: Annotated[
        Path | None, typer.Option("--chdir", metavar="DIR", help="Work in DIR.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where errors come from.")] = False,
) -> None:
    """Plan and apply key hierarchies and key policies, as declared in this directory.

    Start with `keyplan plan`: it reads and shows, and changes nothing.
    """
    terminal = terminal_of(ctx)
    terminal.debug = debug
    _start_logging(terminal)
    if chdir is not None:
        try:
            os.chdir(chdir)
        except OSError as error:
            raise KeyplanError(
                f"the directory cannot be entered: {error.strerror}",
                target=str(chdir),
                advice="Give --chdir the directory of a stack.",
            ) from None


def _start_logging(terminal: Terminal) -> None:
    """Log to stderr as `KEYPLAN_LOG` says (`debug`, `info`, ...); warnings in any case."""
    from keyplan.cli import logs  # noqa: PLC0415  (`keyplan --help` logs nothing)

    wanted = terminal.environment.get(LOG_VARIABLE, "")
    if not wanted:
        logs.show_warnings(terminal)
        return
    level = {"TRACE": "DEBUG", "WARN": "WARNING"}.get(wanted.upper(), wanted.upper())
    if level not in _LEVELS:
        raise UsageError(
            f"{LOG_VARIABLE} is {wanted!r}", advice="Write one of debug, info, warning, error."
        )
    logs.log_to(terminal, level)


# -- whatever goes wrong -----------------------------------------------------------------


def _guarded(run: Callable[[], int], terminal: Terminal) -> int:
    try:
        return run()
    except KeyplanError as error:
        return _failed(error, terminal)
    except (KeyboardInterrupt, typer.Abort):
        terminal.note("\nInterrupted. Nothing is half done.\n")
        return INTERRUPTED
    except typer.Exit as stop:
        return int(stop.exit_code)
    except BrokenPipeError:
        _silence(terminal)
        return ERROR
    except _USAGE as error:
        return _misused(error, terminal)
    except Exception as error:
        if terminal.debug:
            raise
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _full(terminal)
        if isinstance(error, OSError) and error.errno == errno.EIO and error.filename is None:
            _silence(terminal)  # the terminal is gone
            return ERROR
        return _defect(error, terminal)


def _failed(error: KeyplanError, terminal: Terminal) -> int:
    if isinstance(error, UsageError):
        terminal.machine = Machine.NONE
    try:
        terminal.fail(error)
    except BrokenPipeError:
        _silence(terminal)
    if terminal.debug:
        import traceback  # noqa: PLC0415

        terminal.note("\n" + "".join(traceback.format_exception(error)))
    return error.exit_code


def _misused(error: Any, terminal: Terminal) -> int:
    """The parser's message in the form of ours; without arguments, the help."""
    ctx = getattr(error, "ctx", None)
    message = str(error.format_message())
    if ctx is not None and type(error).__name__ == "NoArgsIsHelpError":
        terminal.note(f"{ctx.get_help()}\n")
        return UsageError.exit_code
    path = ctx.command_path if ctx is not None else "keyplan"
    advice = f"{path} --help shows how to use it."
    if getattr(error, "option_name", None) in _BEFORE:
        advice = f"It comes before the command: keyplan {error.option_name} ..."
    wrong = UsageError(message[:1].lower() + message[1:].rstrip("."), advice=advice)
    return _failed(wrong, terminal)


def _full(terminal: Terminal) -> int:
    """A device without space. What a run must keep says so itself: this is our own output."""
    _failed(
        KeyplanError(
            "the output cannot be written: no space is left",
            why="What it was redirected to is full.",
            advice="Make room; if this was an apply, keyplan plan says what is left to do.",
        ),
        terminal,
    )
    _silence(terminal)
    return ERROR


def _defect(error: Exception, terminal: Terminal) -> int:
    from keyplan import __version__  # noqa: PLC0415
    from keyplan.render.errors import defect_text  # noqa: PLC0415

    terminal.note(defect_text(error, __version__))
    return ERROR


def _silence(terminal: Terminal) -> None:
    """The reader of our output is gone: nothing more can be said, at exit neither."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (terminal.stdout, terminal.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):
            continue
