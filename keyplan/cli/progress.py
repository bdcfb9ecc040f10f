"""Progress of an apply, on stderr: a bar on a terminal, a line every ten seconds elsewhere.

Rules: counts and time left, nothing that the report does not say better at the end; a
short apply prints nothing in a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from keyplan.cli.terminal import Terminal
from keyplan.plans.reports import ApplyEvent, EventKind
from keyplan.render.layout import count
from keyplan.session.clock import Clock

Observer: TypeAlias = Callable[[ApplyEvent], None]

EVERY = 10.0
"""Seconds between two lines in a log."""


@contextmanager
def observing(
    terminal: Terminal, total: int, clock: Clock, *, verb: str = "apply"
) -> Iterator[Observer]:
    """An observer that fits where stderr goes; what it shows is cleared at the end."""
    if terminal.streaming:
        events = terminal.events()
        yield lambda event: terminal.lines([events.apply_event(event, verb)])
    elif terminal.live and total > 1:
        with _bar(terminal, total) as observer:
            yield observer
    else:
        yield LogProgress(terminal, clock)


class LogProgress:
    """A line now and then: `1,200 of 3,000 steps, 2 failed, about 40 s left`."""

    def __init__(self, terminal: Terminal, clock: Clock) -> None:
        self._terminal = terminal
        self._clock = clock
        self._since, self._before = clock.monotonic(), 0
        self._said = self._since
        self._first = True
        self._failed = 0

    def __call__(self, event: ApplyEvent) -> None:
        """Count; say something if it is time."""
        self._failed += event.kind is EventKind.ERRORED
        now = self._clock.monotonic()
        if self._first and event.kind is EventKind.STARTED:
            self._since, self._before = now, event.done  # a resume begins late, and not at nothing
        self._first = False
        if now - self._said < EVERY:
            return
        self._said = now
        parts = [f"{event.done:,} of {event.total:,} steps"]
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        done = event.done - self._before
        if done:
            left = (now - self._since) / done * (event.total - event.done)
            parts.append(f"about {duration(left)} left")
        self._terminal.note(f"{', '.join(parts)}\n")


def deciding(terminal: Terminal, steps: int) -> None:
    """Say what the silence at the beginning of a recovery is."""
    if steps and not terminal.streaming:
        terminal.note(
            f"Asking what became of {count(steps, 'step')}; services that show changes late are"
            "\nasked for up to half a minute.\n"
        )


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _bar(terminal: Terminal, total: int) -> Iterator[Observer]:
    from rich.console import Console  # noqa: PLC0415  (60 ms, terminals only)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(file=terminal.stderr, no_color=not terminal.colour_on(terminal.stderr))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("steps, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Applying", total=total)
        failed = 0

        def observe(event: ApplyEvent) -> None:
            nonlocal failed
            failed += event.kind is EventKind.ERRORED
            words = f"Applying, {failed:,} failed" if failed else "Applying"
            progress.update(task, completed=event.done, description=words)

        yield observe
