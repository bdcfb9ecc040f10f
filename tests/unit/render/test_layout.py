"""The page keeps its promises whatever is put on it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.render.layout import WIDTH, clean, command, entry, paragraph, with_right, wrap
from tests.support.page import on_the_page

TEXTS = st.text(max_size=300)


@given(TEXTS, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=50)
def test_paragraphs_stay_on_the_page_and_are_plain_ascii(text: str, first: int, rest: int) -> None:
    for line in paragraph(text, first, rest):
        assert on_the_page(line)
        assert line.isascii()
        assert line.isprintable()


@given(TEXTS, TEXTS, st.integers(0, 12))
@settings(max_examples=50)
def test_entries_and_right_hand_words_stay_on_the_page(label: str, text: str, indent: int) -> None:
    for line in with_right(entry(indent, label, text), label):
        assert on_the_page(line)


@given(st.text(alphabet="abc \u00e9", max_size=200), st.integers(5, 40))
@settings(max_examples=50)
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    assert "".join("".join(wrap(text, width)).split()) == "".join(clean(text).split())


@given(st.lists(st.text(alphabet="ab-'/", min_size=1, max_size=120), min_size=1, max_size=8))
@settings(max_examples=50)
def test_a_wrapped_command_is_the_same_command_for_a_shell(parts: list[str]) -> None:
    lines = command(["Next:", *parts])
    assert all(map(on_the_page, lines))
    joined = "\n".join(lines).replace("\\\n", "")
    assert joined.split() == ["Next:", *parts]


ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LONG = ARN.replace("key/", "alias/" + "x" * 40)
ADDRESS = f'module.tenant["acme"].key.payments["a long name {"of a tenant " * 6}"].replicas["dr"]'


@pytest.mark.parametrize("name", [ARN, LONG, ADDRESS, LONG.removeprefix("arn:").replace(":", "-")])
@pytest.mark.parametrize("indent", [0, 8, 30])
def test_a_name_is_never_broken(name: str, indent: int) -> None:
    """It is there to be copied: better a line that is too long than one that lies."""
    for lines in (
        paragraph(f"the key {name} is what it says, and {name}", indent),
        entry(indent, "arn", name),
        entry(indent, "arn", f"was {name}"),
        with_right([], name),
        command(["keyplan", "state", "rm", name.replace(" ", "_"), "--auto-approve"]),
    ):
        held = [line for line in lines if name in line or name.replace(" ", "_") in line]
        assert held
        assert all(map(on_the_page, lines)), lines


def test_a_name_that_fits_a_line_is_on_the_page_whatever_the_column() -> None:
    assert entry(8, "arn", ARN) == ["        arn", f"     {ARN}"]
    assert entry(8, "id", "short") == ["        id           short"]


def test_a_document_is_no_name_and_wraps() -> None:
    long = '{"Statement":[' + '{"Sid":"A"},' * 20 + "]}"
    assert all(len(line) <= WIDTH for line in paragraph(long, 4))


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
