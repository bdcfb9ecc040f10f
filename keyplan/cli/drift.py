"""`keyplan drift`: what was changed outside keyplan. Reads, reports, and may put it back.

Rules: exit codes are 0 without drift, 2 with it, 1 if it could not be looked for, always.
Nothing is locked and nothing written but the files that are named, so that cron may run it
with credentials that only read. With `--remediate` it is an apply like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from keyplan import __version__
from keyplan.app.drift import FOUND, NONE, DriftResult, check_drift
from keyplan.app.files import write_whole
from keyplan.app.notifying import Notifier
from keyplan.app.workspace import Workspace
from keyplan.cli import options as o
from keyplan.cli.perform import ApplyFlags, show_and_perform
from keyplan.cli.stack import PlanningFlags, show_warnings, workspace_of
from keyplan.cli.terminal import Machine, Terminal, as_json, terminal_of
from keyplan.errors import KeyplanError, UsageError
from keyplan.render.cloudevents import MEDIA_TYPE, drift_event
from keyplan.render.drift_document import drift_document
from keyplan.render.drift_markdown import drift_markdown
from keyplan.render.drift_report import drift_text, left_text
from keyplan.render.layout import paragraph
from keyplan.render.metrics import drift_metrics, failed_metrics
from keyplan.render.sarif import drift_sarif

command = typer.Typer(rich_markup_mode=None, add_completion=False)

VERB = "drift"
READABLE = 0o644
"""Metrics are for another program's account to read."""

FORMATS = ("text", "markdown", "json", "sarif")
ADDRESS = "KEYPLAN_NOTIFY"
"""Where `--notify` may be said without showing a secret in it to everybody on the machine."""


@command.command()
def drift(
    ctx: typer.Context,
    unmanaged: Annotated[
        bool, typer.Option("--unmanaged", help="Look for keys that nobody declared too.")
    ] = False,
    remediate: Annotated[
        bool,
        typer.Option("--remediate", help="Put back what can be put back safely; asks first."),
    ] = False,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="text, markdown, json or sarif."),
    ] = None,
    json: o.JsonDocument = False,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output-file", metavar="FILE", help="Also write the report there, in --format."
        ),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option("--notify", metavar="URL", help="Post drift there, as a CloudEvent."),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", metavar="FILE", help="Write Prometheus metrics there."),
    ] = None,
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
    shape = Shape(kind_of(format), json, output_file)
    shape.check()
    flags = ApplyFlags(
        allowed=o.brakes_of(allow),
        auto_approve=auto_approve,
        parallelism=o.parallelism_of(parallelism),
        lock_timeout=o.seconds_of(lock_timeout, "--lock-timeout"),
    )
    if not remediate and (auto_approve or allow):
        raise UsageError("--auto-approve and --allow are for --remediate")
    if remediate and shape.machine and not auto_approve:
        raise UsageError("--json never asks, so it needs --auto-approve")
    asked = PlanningFlags(targets=target, excludes=exclude).options(parallelism)
    if remediate and shape.machine:
        terminal.events()
    elif shape.machine:
        terminal.machine = Machine.DOCUMENT
    notifier = _notifier(notify or terminal.environment.get(ADDRESS))
    workspace = workspace_of(terminal)
    with measuring(workspace, metrics) as measure:
        result = check_drift(workspace, asked, unmanaged=unmanaged, lock_timeout=flags.lock_timeout)
        measure(result)
    show_warnings(terminal, result.warnings)
    if output_file is not None:
        write_whole(output_file, rendered(result, shape.kind).encode())
    if notifier is not None and result.report.found:
        _notify(terminal, notifier, result)
    if remediate:
        return _remediate(terminal, workspace, result, flags)
    _show(terminal, result, shape)
    return result.exit_code


@dataclass(frozen=True, slots=True)
class Shape:
    """The forms that a report is asked for in: `kind` for the file, or for stdout without one."""

    kind: str
    json: bool
    file: Path | None

    @property
    def machine(self) -> bool:
        """Whether a program reads stdout."""
        return self.on_stdout == "json"

    @property
    def on_stdout(self) -> str:
        """The format of stdout."""
        if self.json:
            return "json"
        return self.kind if self.file is None else "text"

    def check(self) -> None:
        """Raise `UsageError` where two formats would share stdout."""
        if self.json and self.file is None and self.kind not in ("text", "json"):
            raise UsageError(
                f"--json and --format {self.kind} cannot both have stdout",
                advice="Use --output-file.",
            )


def kind_of(name: str | None) -> str:
    """The format asked for; raises `UsageError` for one that does not exist."""
    if name is not None and name not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise UsageError(f"there is no format {name} of a drift report", advice=f"Use {known}.")
    return name or "text"


def rendered(result: DriftResult, kind: str) -> str:
    """The report in a format."""
    match kind:
        case "json":
            return as_json(drift_document(result.report))
        case "sarif":
            return as_json(drift_sarif(result.report, folder=_folder()))
        case "markdown":
            return drift_markdown(result.report)
        case _:
            return drift_text(result.report, seconds=result.seconds)


def _folder() -> str:
    """The stack's folder inside its repository: where code scanning looks for files."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return here.relative_to(folder).as_posix()
    return ""


def _notifier(url: str | None) -> Notifier | None:
    return Notifier(url, agent=f"keyplan/{__version__}") if url else None


def _notify(terminal: Terminal, notifier: Notifier, result: DriftResult) -> None:
    """Post the drift. Whoever is not there does not change what was found: it is a warning."""
    try:
        notifier.post(drift_event(result.report), MEDIA_TYPE)
    except KeyplanError as error:
        terminal.note("\n".join(paragraph(f"warning: {error.what}", 0, 2)) + "\n")


@contextmanager
def measuring(workspace: Workspace, path: Path | None) -> Iterator[Callable[[DriftResult], None]]:
    """Write metrics of the check, whether it can be made or not."""
    if path is None:
        yield lambda _: None
        return
    try:
        yield lambda result: write_whole(
            path, drift_metrics(result.report, seconds=result.seconds).encode(), mode=READABLE
        )
    except UsageError:
        raise
    except KeyplanError:
        with suppress(KeyplanError):  # the first error is the one to tell
            stack = workspace.settings.stack.name
            before = path.read_text(errors="replace") if path.is_file() else ""
            write_whole(path, failed_metrics(stack, before).encode(), mode=READABLE)
        raise


def _show(terminal: Terminal, result: DriftResult, shape: Shape) -> None:
    if shape.on_stdout == "text":
        hints = not terminal.automated
        terminal.text(drift_text(result.report, seconds=result.seconds, hints=hints))
    else:
        terminal.exact(rendered(result, shape.on_stdout))


def _remediate(
    terminal: Terminal, workspace: Workspace, result: DriftResult, flags: ApplyFlags
) -> int:
    """Put back what can be put back exactly; say what is left. 2 while anything is."""
    remedy = result.remedy
    if remedy.plan.has_changes or remedy.plan.errored:
        code = show_and_perform(terminal, workspace, remedy, flags, verb=VERB)
        if code:
            return code
    left = [entry for entry in result.report.drifted if not entry.by_remedy]
    if not terminal.streaming:
        terminal.text(left_text(result.report, left))
    return FOUND if left or result.report.strays else NONE
