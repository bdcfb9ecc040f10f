"""Errors say what, to what, why, what next, and show the line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.diagnostics import ConfigurationError, Diagnostic, Position, Related, Severity
from keyplan.errors import DeniedError, StalePlanError
from keyplan.render.diagnostics import diagnostic_lines, diagnostics_text
from keyplan.render.errors import defect_text, error_document, error_text, validation_document
from tests.support.page import on_the_page

QUOTING = Diagnostic(
    Severity.ERROR,
    "KP-LANG-012",
    'an address with ["..."] must be quoted here',
    why="inside { } and [ ] YAML ends the value here",
    advice="Write 'key.legacy[\"payments-db-000\"]' in single quotes, or one entry per line.",
    position=Position("moves.keyplan.yaml", 2, 21),
    snippet='  - {from: key.legacy["payments-db-000"], to: key.payments}',
)


def test_the_caret_stands_below_the_fault_with_the_reason_beside_it() -> None:
    assert "\n".join(diagnostic_lines(QUOTING)) == (
        'error: an address with ["..."] must be quoted here\n'
        "\n"
        "  moves.keyplan.yaml:2:21 (KP-LANG-012)\n"
        '    2 |   - {from: key.legacy["payments-db-000"], to: key.payments}\n'
        "      |                     ^ inside { } and [ ] YAML ends the value here\n"
        "\n"
        "  Write 'key.legacy[\"payments-db-000\"]' in single quotes, or one entry per line."
    )


def test_a_span_is_marked_whole() -> None:
    item = Diagnostic(
        Severity.ERROR,
        "KP-PLAN-001",
        "key.payments cannot change algorithm: AWS fixes it when the key is made",
        why="was aes-256 when serial 12 created the key",
        position=Position("payments.keyplan.yaml", 8, 16, 24),
        snippet="    algorithm: rsa-3072",
    )
    lines = diagnostic_lines(item)
    assert lines[-2:] == [
        "    8 |     algorithm: rsa-3072",
        "      |                ^^^^^^^^ was aes-256 when serial 12 created the key",
    ]


def test_a_long_line_is_shown_around_the_caret() -> None:
    item = Diagnostic(
        Severity.ERROR,
        "X",
        "wrong",
        position=Position("a.keyplan.yaml", 1, 301, 306),
        snippet="x" * 300 + "WRONG" + "y" * 300,
    )
    lines = diagnostic_lines(item)
    start = lines[-1].index("^")
    assert lines[-2][start : start + 5] == "WRONG"
    assert lines[-1].count("^") == 5


@given(
    st.text(max_size=200),
    st.integers(1, 250),
    st.integers(0, 260),
    st.text(max_size=120),
    st.text(max_size=90),
)
@settings(max_examples=50)
def test_any_diagnostic_fits_the_page(
    snippet: str, column: int, end: int, why: str, summary: str
) -> None:
    place = Position("a.keyplan.yaml", 3, column, end)
    item = Diagnostic(Severity.WARNING, "X", summary, why=why, position=place, snippet=snippet)
    for line in diagnostics_text([item, item]).split("\n"):
        assert on_the_page(line)
        assert line.isascii()


def test_both_places_of_a_hierarchy_error_are_shown() -> None:
    item = Diagnostic(
        Severity.ERROR,
        "KP-HIER-003",
        "key.b is stronger than its parent key.a",
        position=Position("b.keyplan.yaml", 4, 5),
        snippet="    algorithm: aes-256",
        related=(
            Related("the parent", Position("a.keyplan.yaml", 9, 5), "    algorithm: aes-128"),
        ),
    )
    text = "\n".join(diagnostic_lines(item))
    assert "b.keyplan.yaml:4:5" in text
    assert "a.keyplan.yaml:9:5: the parent" in text
    assert "    9 |     algorithm: aes-128" in text


def test_several_messages_are_counted() -> None:
    text = error_text(ConfigurationError([QUOTING, QUOTING]))
    assert text.endswith("\n\n2 errors\n")


def test_an_error_says_why_and_what_next() -> None:
    error = StalePlanError(
        "the saved plan is stale", target="kplan", why="Serial 42 came.", advice="Plan again."
    )
    assert error_text(error) == (
        "error: kplan: the saved plan is stale\n\n  Serial 42 came.\n\n  Plan again.\n"
    )


def test_a_providers_error_names_the_call_for_support() -> None:
    error = DeniedError("access denied", operation="CreateKey", request_id="r-1")
    assert "  Call: CreateKey, request r-1\n" in error_text(error)


def test_json_carries_the_class_of_the_error() -> None:
    document = error_document(StalePlanError("the saved plan is stale"))
    assert document["error"]["class"] == "stale"
    assert document["diagnostics"][0]["severity"] == "error"


def test_validation_lists_ranges_and_snippets() -> None:
    document = validation_document([QUOTING])
    assert (document["valid"], document["error_count"], document["warning_count"]) == (False, 1, 0)
    (item,) = document["diagnostics"]
    assert item["range"]["start"] == {"line": 2, "column": 21}
    assert item["snippet"]["code"].startswith("  - {from")


def test_a_bug_is_called_a_bug_and_never_shows_its_message() -> None:
    text = defect_text(ValueError("pin 1234"), "0.1.0")
    assert "this is a bug in keyplan (ValueError)" in text
    assert "--debug" in text
    assert "1234" not in text
