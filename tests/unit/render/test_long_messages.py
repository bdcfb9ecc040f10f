"""Messages about lines and names of megabytes stay short, and still point at the place."""

from __future__ import annotations

from keyplan.diagnostics import MAX_MESSAGE, Diagnostic, Position, Related, Severity
from keyplan.render.diagnostics import diagnostic_lines
from keyplan.render.errors import diagnostic_record

LINE = "a" * 1_000_000 + "HERE" + "b" * 1_000_000


def message(
    column: int, end: int = 0, *, snippet: str = LINE, summary: str = "wrong"
) -> Diagnostic:
    place = Position("keyplan.yaml", 1, column, end)
    return Diagnostic(
        Severity.ERROR, "KP-DECL-001", summary, "why", "do", "", place, snippet
    )  # fmt: skip


def test_the_caret_stands_below_the_place_in_a_line_of_megabytes() -> None:
    lines = diagnostic_lines(message(1_000_001, 1_000_005))
    caret = next(line for line in lines if "^" in line)
    above = lines[lines.index(caret) - 1]
    assert above[caret.index("^") : caret.index("^") + 4] == "HERE"
    assert all(len(line) <= 80 for line in lines)


def test_a_document_shows_what_is_around_the_place() -> None:
    for column in (1, 300, 1_000_001, len(LINE)):
        shown = diagnostic_record(message(column, column + 4))["snippet"]
        start = shown["highlight_start_offset"]
        assert len(shown["code"]) <= 1000
        assert shown["code"][start : start + 4] == LINE[column - 1 : column + 3]


def test_a_short_line_is_shown_whole() -> None:
    shown = diagnostic_record(message(3, 5, snippet="key: {}"))["snippet"]
    assert (shown["code"], shown["highlight_start_offset"], shown["highlight_end_offset"]) == (
        "key: {}", 2, 4,
    )  # fmt: skip


def test_a_sentence_that_quotes_a_megabyte_is_cut_in_its_middle() -> None:
    found = message(1, summary=f"begin {'x' * 1_000_000} end").summary
    assert len(found) <= MAX_MESSAGE + 5
    assert found.startswith("begin xxx")
    assert found.endswith("xxx end")


def test_of_a_circle_of_thousands_some_places_are_shown_and_the_rest_counted() -> None:
    related = tuple(Related(f"key.a{n}", Position("f", n + 1, 1)) for n in range(3000))
    found = Diagnostic(Severity.ERROR, "KP-HIER-001", "a circle", related=related)
    lines = diagnostic_lines(found)
    assert "  and 2,980 more places" in lines
    assert len(lines) < 100
