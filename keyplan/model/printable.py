"""Text from elsewhere, made safe to print.

A name, label, identity or answer may hold what moves a terminal's cursor, starts a new
line in a log, or turns the reading direction. Whoever prints text that somebody else
chose passes it through here.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """The text as printable ASCII on one line; the rest escaped as in Python source."""
    if text.isascii() and text.isprintable():
        return text
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped.replace("\\\\", "\\")
