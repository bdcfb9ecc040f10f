"""`keyplan drift`: what was changed outside keyplan. Reads, reports, and may put it back.

Rules: exit codes are 0 without drift, 2 with it, 1 if it could not be looked for, always.
Nothing is locked and nothing written but the files that are named, so that cron may run it
with credentials that only read. With `--remediate` it is an apply like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from keyplan.app.drift import FOUND, NONE, DriftResult, check_drift
from keyplan.app.files import write_whole
from keyplan.app.plan import PlanResult
from keyplan.app.workspace import Workspace
from keyplan.cli import options as o
from keyplan.cli.drift_forms import Shape, rendered, shape_of
from keyplan.cli.drift_telling import measuring, notifier_of, tell
from keyplan.cli.perform import ApplyFlags, show_and_perform
from keyplan.cli.stack import PlanningFlags, show_warnings, workspace_of
from keyplan.cli.terminal import Machine, Terminal, terminal_of
from keyplan.errors import UsageError
from keyplan.render.drift_report import drift_text, left_text

command = typer.Typer(rich_markup_mode=None, add_completion=False)

VERB = "drift"

Unmanaged: TypeAlias = Annotated[
    bool, typer.Option("--unmanaged", help="Look for keys that nobody declared too.")
]
Remediate: TypeAlias = Annotated[
    bool, typer.Option("--remediate", help="Put back what can be put back safely; asks first.")
]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="text, markdown, json or sarif.")
]
OutputFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output-file", metavar="FILE", help="Also write the report there, in --format."),
]
Notify: TypeAlias = Annotated[
    str | None, typer.Option("--notify", metavar="URL", help="Post drift there, as a CloudEvent.")
]
Metrics: TypeAlias = Annotated[
    Path | None,
    typer.Option("--metrics", metavar="FILE", help="Write Prometheus metrics there."),
]


@command.command()
def drift(
    ctx: typer.Context,
    unmanaged: Unmanaged = False,
    remediate: Remediate = False,
    format: Format = None,
    json: o.JsonDocument = False,
    output_file: OutputFile = None,
    notify: Notify = None,
    metrics: Metrics = None,
    target: o.Targets = None,
    exclude: o.Excludes = None,
    auto_approve: o.AutoApprove = False,
    allow: o.Allow = None,
    lock_timeout: o.LockTimeout = "0s",
    var: o.Variables = None,  # noqa: ARG001  (read in the order given: Terminal.assignments)
    var_file: o.VariableFiles = None,  # noqa: ARG001
    parallelism: o.Parallelism = None,
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Compare what is declared, what was last applied and what is there now.

    Exits with 0 if nothing was changed outside keyplan, with 2 if something was, with 1
    if that could not be found out. Locks nothing and writes nothing.
    """
    terminal = terminal_of(ctx)
    terminal.coloured, terminal.asking = not no_color, not no_input
    shape = shape_of(format, json=json, file=output_file)
    flags = ApplyFlags(
        allowed=o.brakes_of(allow),
        auto_approve=auto_approve,
        parallelism=o.parallelism_of(parallelism),
        lock_timeout=o.seconds_of(lock_timeout, "--lock-timeout"),
    )
    asked = PlanningFlags(targets=target, excludes=exclude).options(parallelism)
    _prepare(terminal, shape, flags, remediate=remediate)
    notifier = notifier_of(terminal, notify)
    workspace = workspace_of(terminal)
    with measuring(workspace, metrics) as measure:
        result = check_drift(workspace, asked, unmanaged=unmanaged, lock_timeout=flags.lock_timeout)
        measure(result)
    show_warnings(terminal, result.warnings)
    if shape.file is not None:
        write_whole(shape.file, rendered(result, shape.kind).encode())
    if notifier is not None and result.report.found:
        tell(terminal, notifier, result)
    if remediate:
        check = partial(check_drift, workspace, asked, unmanaged=unmanaged, locked=True)
        return _remediate(terminal, workspace, result, flags, check)
    _show(terminal, result, shape)
    return result.exit_code


def _prepare(terminal: Terminal, shape: Shape, flags: ApplyFlags, *, remediate: bool) -> None:
    """Set up stdout. Raises `UsageError` for flags that contradict each other."""
    if not remediate and (flags.auto_approve or flags.allowed):
        raise UsageError("--auto-approve and --allow are for --remediate")
    if remediate and shape.machine and not flags.auto_approve:
        raise UsageError("--json never asks, so it needs --auto-approve")
    if remediate and shape.machine:
        terminal.events()
    elif shape.machine:
        terminal.machine = Machine.DOCUMENT


def _show(terminal: Terminal, result: DriftResult, shape: Shape) -> None:
    if shape.on_stdout == "text":
        hints = not terminal.automated
        terminal.text(drift_text(result.report, seconds=result.seconds, hints=hints))
    else:
        terminal.exact(rendered(result, shape.on_stdout))


def _remediate(
    terminal: Terminal,
    workspace: Workspace,
    result: DriftResult,
    flags: ApplyFlags,
    check: Callable[[], DriftResult],
) -> int:
    """Put back what can be put back exactly; say what is left. 2 while anything is.

    `check` looks again under the lock, where another run or change came first.
    """
    remedy = result.remedy

    def again() -> PlanResult:
        nonlocal result
        result = check()
        return result.remedy

    if remedy.plan.has_changes or remedy.plan.errored:
        code = show_and_perform(terminal, workspace, remedy, flags, verb=VERB, again=again)
        if code:
            return code
    left = [entry for entry in result.report.drifted if not entry.by_remedy]
    if not terminal.streaming:
        terminal.text(left_text(result.report, left))
    return FOUND if left or result.report.strays else NONE
