"""A journal reads back equal, survives a cut at any byte, and betrays any other change."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.errors import JournalError
from keyplan.state.journal import JournalWriter, read_journal
from tests.property.journal_strategies import journals

EXAMPLES = settings(max_examples=50, deadline=None)


class Log:
    """A log in memory."""

    def __init__(self) -> None:
        self.content = b""

    def append(self, log: str, lines, *, lease: None) -> None:
        self.content += b"".join(line + b"\n" for line in lines)


def written(entries) -> bytes:
    log = Log()
    JournalWriter(log, None, "run").append(entries, durable=True)
    return log.content


@EXAMPLES
@given(journals)
def test_what_was_written_reads_back_equal(entries) -> None:
    reading = read_journal(written(entries))
    assert list(reading.entries) == entries
    assert not reading.torn


@EXAMPLES
@given(journals)
def test_a_cut_at_any_byte_leaves_the_entries_before_it(entries) -> None:
    content = written(entries)
    ends = [0, *accumulate(len(line) for line in content.splitlines(keepends=True))]
    for size in range(len(content) + 1):
        whole = sum(end <= size for end in ends) - 1
        reading = read_journal(content[:size])
        assert list(reading.entries) == entries[:whole]
        assert reading.good_size == ends[whole]
        assert reading.torn == (size != ends[whole])


@EXAMPLES
@given(journals, st.data())
def test_after_any_cut_the_journal_goes_on_as_if_nothing_had_been(entries, data) -> None:
    content = written(entries)
    size = data.draw(st.integers(0, len(content)))
    reading = read_journal(content[:size])
    log = Log()
    log.content = content[: reading.good_size]
    writer = JournalWriter(log, None, "run", after=reading)
    writer.append(entries[len(reading.entries) :], durable=True)
    assert log.content == content


@EXAMPLES
@given(journals.filter(lambda entries: len(entries) > 1), st.data())
def test_a_changed_byte_before_the_last_line_is_found(entries, data) -> None:
    content = written(entries)
    before_last = content.rindex(b"\n", 0, -1)
    place = data.draw(st.integers(0, before_last - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    with pytest.raises(JournalError):
        read_journal(content[:place] + bytes([other]) + content[place + 1 :])


@EXAMPLES
@given(journals.filter(lambda entries: len(entries) > 1), st.data())
def test_a_line_lost_repeated_or_moved_is_found(entries, data) -> None:
    lines = written(entries).splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 2))
    line = lines[place]
    for changed in (
        lines[:place] + lines[place + 1 :],
        [*lines[:place], line, *lines[place:]],
        [*lines[:place], lines[place + 1], line, *lines[place + 2 :]],
    ):
        with pytest.raises(JournalError):
            read_journal(b"".join(changed))


@EXAMPLES
@given(journals, journals)
def test_two_journals_never_make_one(first, second) -> None:
    with pytest.raises(JournalError):
        read_journal(written(first) + written(second))
