"""The page keeps its promises whatever is put on it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.render.layout import WIDTH, clean, command, entry, paragraph, with_right, wrap

TEXTS = st.text(max_size=300)


@given(TEXTS, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=50)
def test_paragraphs_stay_on_the_page_and_are_plain_ascii(text: str, first: int, rest: int) -> None:
    for line in paragraph(text, first, rest):
        assert len(line) <= WIDTH
        assert line.isascii()
        assert line.isprintable()


@given(TEXTS, TEXTS, st.integers(0, 12))
@settings(max_examples=50)
def test_entries_and_right_hand_words_stay_on_the_page(label: str, text: str, indent: int) -> None:
    for line in with_right(entry(indent, label, text), label):
        assert len(line) <= WIDTH


@given(st.text(alphabet="abc \u00e9", max_size=200), st.integers(5, 40))
@settings(max_examples=50)
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    assert "".join("".join(wrap(text, width)).split()) == "".join(clean(text).split())


@given(st.lists(st.text(alphabet="ab-'/", min_size=1, max_size=120), min_size=1, max_size=8))
@settings(max_examples=50)
def test_a_wrapped_command_is_the_same_command_for_a_shell(parts: list[str]) -> None:
    lines = command(["Next:", *parts])
    assert all(len(line) <= WIDTH for line in lines)
    joined = "\n".join(lines).replace("\\\n", "")
    assert joined.split() == ["Next:", *parts]


def test_a_value_cannot_move_the_cursor_or_break_the_line() -> None:
    assert clean("a\x1b[2Jb\r\nc") == "a\\x1b[2Jb\\r\\nc"
    assert clean("M\u00fcnchen") == "M\\xfcnchen"


def test_a_word_that_does_not_fit_at_the_right_goes_below() -> None:
    assert with_right(["x" * 72], "WIDER")[1].strip() == "WIDER"
    assert with_right(["x"], "WIDER") == ["x" + "WIDER".rjust(77)]


def test_a_label_longer_than_its_column_stands_alone() -> None:
    assert entry(8, "a_very_long_attribute", "value") == [
        "        a_very_long_attribute",
        f"{' ' * 21}value",
    ]
