"""Telling others of a check for drift: a file of metrics, and a post to an address.

Rules: neither changes what the check found, nor its exit code. Metrics are written
however a check ends, so that figures of yesterday never look fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from keyplan import __version__
from keyplan.app.drift import DriftResult
from keyplan.app.files import write_whole
from keyplan.app.notifying import Notifier
from keyplan.app.workspace import Workspace
from keyplan.cli.terminal import Terminal
from keyplan.errors import KeyplanError
from keyplan.render.cloudevents import MEDIA_TYPE, drift_event
from keyplan.render.layout import paragraph
from keyplan.render.metrics import drift_metrics, failed_metrics

ADDRESS = "KEYPLAN_NOTIFY"
"""Where `--notify` may be said without showing a secret in it to everybody on the machine."""

READABLE = 0o644
"""Metrics are for another program's account to read."""


def notifier_of(terminal: Terminal, url: str | None) -> Notifier | None:
    """Where to post, if anywhere. Raises `UsageError` for an address that is not fit."""
    address = url or terminal.environment.get(ADDRESS)
    return Notifier(address, agent=f"keyplan/{__version__}") if address else None


def tell(terminal: Terminal, notifier: Notifier, result: DriftResult) -> None:
    """Post the drift. That nobody took it is a warning: what was found stays found."""
    try:
        notifier.post(drift_event(result.report), MEDIA_TYPE)
    except KeyplanError as error:
        terminal.note("\n".join(paragraph(f"warning: {error.what}", 0, 2)) + "\n")


@contextmanager
def measuring(workspace: Workspace, path: Path | None) -> Iterator[Callable[[DriftResult], None]]:
    """Write metrics of the check, whether it can be made or not, or is interrupted."""
    if path is None:
        yield lambda _: None
        return
    try:
        before = _before(path)
        yield lambda result: _write(
            path, drift_metrics(result.report, seconds=result.seconds, before=before)
        )
    except BaseException:
        with suppress(KeyplanError, OSError):  # the first error is the one to tell
            _write(path, _failure(workspace, path, workspace.clock.now()))
        raise


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode(), mode=READABLE)


def _failure(workspace: Workspace, path: Path, now: datetime) -> str:
    """Metrics of a check that failed, perhaps because the stack cannot even be read."""
    stack = None
    with suppress(KeyplanError):
        stack = workspace.settings.stack.name
    return failed_metrics(stack, _before(path), now)


def _before(path: Path) -> str:
    """The metrics of the check before this one; empty if there are none."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
