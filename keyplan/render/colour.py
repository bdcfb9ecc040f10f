"""Colour for terminals, added to finished text: it only repeats what words and marks say.

The text is the same with and without it. Rich is imported here and in the progress
display, and nowhere else.
"""

from __future__ import annotations

from typing import TextIO

_STYLES = (
    (r"^ *\+ .*$", "green"),
    (r"^ *~ .*$", "yellow"),
    (r"^ *- .*$", "red"),
    (r"^ *! .*$", "yellow"),
    (r"\b(WIDER|DRIFT)\b", "bold yellow"),
    (r"\b(ONE WAY, NO UNDO|NO UNDO|undo: NONE|UNDECIDED)", "bold red"),
    (r"^(error|failed)\b", "bold red"),
    (r"^(warning|note)\b", "bold yellow"),
    (r"^(Attention|Drift|Changes|Who|Findings|Outputs|Steps|Due next)\b", "bold"),
    (r"^(Plan:|No changes\.|Apply complete!|Destroy complete!).*$", "bold"),
    (r"^(Next:).*$", "cyan"),
)


def print_coloured(text: str, stream: TextIO) -> None:
    """Write the text to a terminal, coloured line by line."""
    from rich.console import Console  # noqa: PLC0415  (60 ms, terminals only)
    from rich.text import Text  # noqa: PLC0415

    console = Console(
        file=stream, soft_wrap=True, markup=False, emoji=False, highlight=False, force_terminal=True
    )
    for line in text.splitlines():
        styled = Text(line, no_wrap=True, overflow="ignore")
        for pattern, style in _STYLES:
            styled.highlight_regex(pattern, style)
        console.print(styled)
