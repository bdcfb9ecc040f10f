"""Taking a run back that failed, where apply was told to: nobody is asked, all is said.

Rules: the run was closed and saved first; taking it back is a run of its own, and what it
does is shown before it does it. The report
says what was done, what of it is undone, what was never started, and what stays.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.app.apply import ApplyOptions, Interrupt
from keyplan.app.rollback import rollback_run
from keyplan.app.workspace import Workspace
from keyplan.cli.interrupt import stopping
from keyplan.cli.plan import show_plan
from keyplan.cli.progress import observing
from keyplan.cli.terminal import Terminal
from keyplan.errors import InterruptedRunError, KeyplanError
from keyplan.plans.reports import ApplyReport
from keyplan.render.options import TextOptions
from keyplan.render.report import apply_text
from keyplan.render.rollback import residue_text, rollback_title
from keyplan.render.taken_back import taken_back_text

VERB = "rollback"


def take_back(
    terminal: Terminal,
    workspace: Workspace,
    run: str,
    *,
    allowed: frozenset[str],
    options: ApplyOptions,
    failed: ApplyReport | None = None,
) -> int:
    """Take a closed run back and report it. `failed` is the report of that run, if it is known.

    Returns the exit code: never 0, because what was asked for was not reached.
    """
    what = f"run {run}"
    if terminal.streaming:
        terminal.lines([terminal.events().rollback_planned(f"Rollback: {what}", target=what)])
    else:
        terminal.text(f"\n{rollback_title(what)}")
    interrupt = Interrupt()
    with (
        observing(terminal, 1, workspace.clock, verb=VERB) as observer,
        stopping(interrupt, terminal),
    ):
        try:
            result = rollback_run(
                workspace,
                run,
                allowed=allowed,
                options=replace(options, operation=VERB, on_failure="stop"),
                shown=lambda plan: show_plan(terminal, plan, TextOptions(hints=False, verb=VERB)),
                observer=observer,
                interrupt=interrupt,
            )
        except KeyplanError as error:
            again = f"Take the run back when that is settled: keyplan rollback --run {run}"
            error.advice = f"{error.advice}\n{again}".lstrip("\n")
            raise
    if terminal.streaming:
        events = terminal.events()
        terminal.lines(events.report(result.report, VERB))
        terminal.lines(events.rollback_residue(result.residue))
        if failed is not None:
            terminal.lines([events.taken_back(run, failed, result.report)])
    else:
        terminal.text(apply_text(result.report, verb="Rollback", hints=not terminal.automated))
        if failed is not None:
            terminal.text(taken_back_text(failed, result.report))
        terminal.text(residue_text(result.residue))
    return InterruptedRunError.exit_code if result.report.interrupted else 1
