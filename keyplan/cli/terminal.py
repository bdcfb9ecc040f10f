"""Where a run prints: stdout for results, stderr for the rest; colour only on a terminal.

Commands of adapters may use it too: `terminal_of(ctx)`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TextIO

from keyplan.errors import KeyplanError

if TYPE_CHECKING:
    from keyplan.cli.argv import Assignment
    from keyplan.render.events import Events


class Machine(Enum):
    """What a program that reads stdout expects there."""

    NONE = "text"
    DOCUMENT = "one JSON document"
    EVENTS = "a stream of JSON lines"


@dataclass(slots=True)
class Terminal:
    """The streams of one run and how they may be used.

    `machine` is set by a command once it knows that a program reads stdout: errors are
    then said in that form too.
    """

    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]
    debug: bool = False
    coloured: bool = True
    asking: bool = True
    machine: Machine = Machine.NONE
    assignments: tuple[Assignment, ...] = ()
    _events: Events | None = field(default=None, init=False)

    @property
    def automated(self) -> bool:
        """Whether a pipeline runs this: no hints about what to type, no live progress."""
        return bool(self.environment.get("KEYPLAN_IN_AUTOMATION"))

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal on which lines may be redrawn."""
        dumb = self.environment.get("TERM") == "dumb"
        return self.stderr.isatty() and not self.automated and not dumb

    @property
    def streaming(self) -> bool:
        """Whether stdout is an event stream."""
        return self.machine is Machine.EVENTS

    def colour_on(self, stream: TextIO) -> bool:
        """Whether a stream may be coloured (https://no-color.org)."""
        refused = self.environment.get("NO_COLOR") or self.automated or not self.coloured
        return stream.isatty() and not refused and self.environment.get("TERM") != "dumb"

    def text(self, text: str) -> None:
        """A result for people, to stdout."""
        self._write(self.stdout, text)

    def exact(self, text: str) -> None:
        """What files and programs read, to stdout: UTF-8 whatever the terminal's own encoding."""
        binary = getattr(self.stdout, "buffer", None)
        if binary is None:
            self.stdout.write(text)
        else:
            self.stdout.flush()
            binary.write(text.encode("utf-8", "surrogateescape"))
        self.stdout.flush()

    def note(self, text: str) -> None:
        """Progress or a diagnostic, to stderr."""
        self._write(self.stderr, text)

    def document(self, document: object, *, large: bool = False) -> None:
        """A result for a program, to stdout: indented JSON, a `large` one on a single line."""
        self.stdout.write(as_json(document, large=large))
        self.stdout.flush()

    def lines(self, lines: Iterable[str]) -> None:
        """Events, to stdout, one a line."""
        for line in lines:
            self.stdout.write(f"{line}\n")
        self.stdout.flush()

    def events(self) -> Events:
        """The event stream; its first line is written when it is asked for first."""
        if self._events is None:
            from keyplan import __version__  # noqa: PLC0415
            from keyplan.render.events import Events  # noqa: PLC0415  (not for text)
            from keyplan.session.clock import SYSTEM_CLOCK  # noqa: PLC0415

            self.machine = Machine.EVENTS
            self._events = Events(SYSTEM_CLOCK.now)
            self.lines([self._events.version(__version__)])
        return self._events

    def fail(self, error: KeyplanError) -> None:
        """Say an error in the form that is expected on this run."""
        from keyplan.render.errors import error_document, error_text  # noqa: PLC0415

        match self.machine:
            case Machine.EVENTS:
                self.lines(self.events().error(error))
            case Machine.DOCUMENT:
                self.document(error_document(error))
            case Machine.NONE:
                self.note(error_text(error))

    def _write(self, stream: TextIO, text: str) -> None:
        if self.colour_on(stream):
            from keyplan.render.colour import print_coloured  # noqa: PLC0415

            print_coloured(text, stream)
        else:
            stream.write(text)
        stream.flush()


def as_json(document: object, *, large: bool = False) -> str:
    """The document as JSON with a line end. Indenting a large one takes five times as long."""
    if large:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def terminal_of(ctx: Any) -> Terminal:
    """The terminal of a command's context; a plain one where there is none (other hosts)."""
    found = ctx.find_object(Terminal) if ctx is not None else None
    if isinstance(found, Terminal):
        return found
    return Terminal(sys.stdout, sys.stderr, {})
