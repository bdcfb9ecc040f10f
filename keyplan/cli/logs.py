"""Log records on stderr: warnings for everybody, more for who asks with `KEYPLAN_LOG`.

Rules: a record is text from anywhere, so it is made printable; a warning looks like the
warnings of the configuration and keeps to the page. Libraries never log below `info`: SDKs
write whole requests there, with signatures and session tokens.
"""

from __future__ import annotations

import logging

from keyplan.cli.terminal import Terminal
from keyplan.model.printable import printable

_OURS = "keyplan"
"""The logger above those of the core and of adapters (`keyplan.hsm`)."""


class _Lines(logging.Formatter):
    """A record a line, and a traceback line by line."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


class _Warnings(logging.Handler):
    """Warnings of adapters, for people."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        from keyplan.render.layout import paragraph  # noqa: PLC0415  (few runs warn)

        word = "error" if record.levelno >= logging.ERROR else "warning"
        lines = paragraph(f"{word}: {record.getMessage()}", 0, 2)
        self._terminal.note("\n".join(lines) + "\n")


def show_warnings(terminal: Terminal) -> None:
    """Show people what adapters warn of."""
    _forget_earlier_run()
    logging.getLogger(_OURS).addHandler(_Warnings(terminal))


def log_to(terminal: Terminal, level: str) -> None:
    """Write a log of that level and above."""
    _forget_earlier_run()
    handler = logging.StreamHandler(terminal.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    wanted = logging.getLevelNamesMapping()[level]
    logging.basicConfig(handlers=[handler], level=max(wanted, logging.INFO), force=True)
    logging.getLogger(_OURS).setLevel(wanted)


def _forget_earlier_run() -> None:
    """Runs inside one process do not add up."""
    ours = logging.getLogger(_OURS)
    ours.setLevel(logging.NOTSET)
    for handler in list(ours.handlers):
        if isinstance(handler, _Warnings):
            ours.removeHandler(handler)
