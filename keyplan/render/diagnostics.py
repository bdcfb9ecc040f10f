"""Diagnostics as text: the place, the line itself, a caret with the reason, what to write.

Rules: one block per diagnostic, in the order given; a source line longer than the page
is shown around the caret; the advice stands last, because it is what people look for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keyplan.diagnostics import Diagnostic, Position, Severity
from keyplan.render.layout import WIDTH, clean, count, paragraph, wrap

_TAB = 4
_LEAD = 12  # so much of a long line is shown before the caret
_CUT = "..."
_RELATED = 20  # a circle may have thousands


def diagnostic_lines(diagnostic: Diagnostic) -> list[str]:
    """`error: summary`, then place, source line with caret, related places and advice."""
    lines = paragraph(f"{diagnostic.severity.value}: {diagnostic.summary}", 0, 2)
    why = diagnostic.why
    if diagnostic.position is not None:
        place = f"{diagnostic.position} ({diagnostic.code})"
        lines += ["", *paragraph(place, 2)]
        if diagnostic.snippet.strip():
            lines += _source(diagnostic.snippet, diagnostic.position, why)
            why = ""
    elif diagnostic.address and diagnostic.address not in diagnostic.summary:
        lines += ["", *paragraph(diagnostic.address, 2)]
    if why:
        lines += ["", *paragraph(why, 2)]
    for related in diagnostic.related[:_RELATED]:
        lines += ["", *paragraph(f"{related.position}: {related.label}", 2, 4)]
        if related.snippet.strip():
            lines += _source(related.snippet, related.position, "")
    if len(diagnostic.related) > _RELATED:
        lines += ["", f"  and {count(len(diagnostic.related) - _RELATED, 'more place')}"]
    if diagnostic.advice:
        lines += ["", *_advice(diagnostic.advice)]
    return lines


def diagnostics_text(diagnostics: Sequence[Diagnostic], *, limit: int = 50) -> str:
    """All of them with a blank line between, and how many there are when there are several.

    Beyond `limit` they are only counted: the first cause comes first anyway.
    """
    blocks = ["\n".join(diagnostic_lines(item)) for item in diagnostics[:limit]]
    if len(diagnostics) > limit:
        blocks.append(f"and {count(len(diagnostics) - limit, 'more message')} like these")
    if len(diagnostics) > 1:
        blocks.append(diagnostics_count(diagnostics))
    return "\n\n".join(blocks) + "\n" if blocks else ""


def diagnostics_count(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; severities that do not occur are left out."""
    levels = [item.severity for item in diagnostics]
    parts = [count(levels.count(level), level.value) for level in Severity if level in levels]
    return ", ".join(parts) or "no messages"


def _advice(text: str) -> list[str]:
    return [line for part in text.split("\n") for line in paragraph(part, 2)]


def _source(snippet: str, position: Position, why: str) -> list[str]:
    """The line as it stands in the file, and below it the caret with the reason beside it."""
    number = f"{position.line:>5} | "
    margin = f"{'|':>7} "
    text, start, length = _window(snippet.rstrip("\n"), position, WIDTH - len(number))
    caret = "^" * length
    line = f"{margin}{' ' * start}{caret}"
    lines = [f"{number}{text}".rstrip()]
    if not why:
        return [*lines, line]
    room = WIDTH - len(line) - 1
    if len(clean(why)) <= room:
        return [*lines, f"{line} {clean(why)}"]
    if room >= 36:
        first, *rest = wrap(why, room)
        further = margin + " " * (len(line) + 1 - len(margin))
        return [*lines, f"{line} {first}", *(further + part for part in rest)]
    return [*lines, line, *(margin + part for part in wrap(why, WIDTH - len(margin)))]


def _window(snippet: str, position: Position, room: int) -> tuple[str, int, int]:
    """The visible part of a line, where the caret starts in it, and how long the caret is.

    Escaping a character moves what follows it, so the part before the caret is
    escaped on its own.
    """
    begin = max(0, position.column - 1 - WIDTH)  # a line may have megabytes
    before = clean(snippet[begin : position.column - 1].replace("\t", " " * _TAB))
    marked = snippet[position.column - 1 : position.column - 1 + WIDTH]
    span = max(1, position.end_column - position.column) if position.end_column else 1
    length = max(1, len(clean(marked[:span])))
    text = before + clean(marked.replace("\t", " " * _TAB))
    start = len(before)
    if start + length > room - len(_CUT):
        cut = max(0, start - _LEAD)
        if cut:
            text, start = _CUT + text[cut:], start - cut + len(_CUT)
    if len(text) > room:
        text = text[: room - len(_CUT)] + _CUT
    return text, start, max(1, min(length, room - start))
