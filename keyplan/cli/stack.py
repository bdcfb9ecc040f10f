"""From flags to a workspace and planning options. Imports what planning needs, so late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keyplan.app.workspace import Workspace
from keyplan.cli.options import parallelism_of
from keyplan.cli.terminal import Terminal
from keyplan.config.variables import VariableInputs
from keyplan.diagnostics import Diagnostic
from keyplan.errors import UsageError
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import PlanMode
from keyplan.render.diagnostics import diagnostics_text


@dataclass(frozen=True, slots=True)
class PlanningFlags:
    """The flags that decide what is planned, as given."""

    destroy: bool = False
    refresh_only: bool = False
    refresh: bool = True
    targets: Sequence[str] | None = None
    excludes: Sequence[str] | None = None

    def options(self, parallelism: int | None) -> PlanOptions:
        """What planning is asked; raises `UsageError` for flags that contradict each other."""
        if self.destroy and self.refresh_only:
            raise UsageError("--destroy and --refresh-only cannot be used together")
        if self.refresh_only and not self.refresh:
            raise UsageError("--refresh-only and --no-refresh cannot be used together")
        if self.targets and self.excludes:
            raise UsageError(
                "--target and --exclude cannot be used together",
                advice="Name what to plan, or what to leave out.",
            )
        mode = PlanMode.DESTROY if self.destroy else PlanMode.NORMAL
        return PlanOptions(
            mode=PlanMode.REFRESH_ONLY if self.refresh_only else mode,
            targets=tuple(self.targets or ()),
            excludes=tuple(self.excludes or ()),
            refresh=self.refresh,
            parallelism=parallelism_of(parallelism),
        )

    def refuse_any(self, terminal: Terminal) -> None:
        """Raise `UsageError` if any is given: a saved plan is performed as it is."""
        given = [
            flag
            for flag, used in (
                ("--destroy", self.destroy),
                ("--refresh-only", self.refresh_only),
                ("--no-refresh", not self.refresh),
                ("--target", self.targets),
                ("--exclude", self.excludes),
                ("--var or --var-file", terminal.assignments),
            )
            if used
        ]
        if given:
            raise UsageError(
                f"{given[0]} cannot be used with a plan file",
                advice="A saved plan is performed exactly as it was made: plan again with other"
                " options, or leave them out.",
            )


def workspace_of(terminal: Terminal) -> Workspace:
    """The stack in the current directory, with the variables of the command line."""
    inputs = VariableInputs(terminal.assignments)
    return Workspace(Path(), environment=terminal.environment, inputs=inputs)


def show_warnings(terminal: Terminal, warnings: Sequence[Diagnostic]) -> None:
    """Say what the configuration was warned about."""
    if terminal.streaming:
        events = terminal.events()
        terminal.lines(events.diagnostic(item) for item in warnings)
    elif warnings:
        terminal.note(diagnostics_text(list(warnings)) + "\n")
