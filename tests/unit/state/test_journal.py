from __future__ import annotations

import json
import threading
from hashlib import sha256

import pytest

from keyplan.errors import JournalError, StoreError
from keyplan.model.values import Reference, Unknown
from keyplan.state.entries import OutputsSet, StepSkipped
from keyplan.state.journal import JournalWriter, read_journal
from tests.unit.state import samples

ENTRIES = samples.every_entry()


class Log:
    """A log in memory that counts its writes and fails on request."""

    def __init__(self) -> None:
        self.content = b""
        self.writes = 0
        self.failures = 0

    def append(self, log: str, lines, *, lease: str) -> None:
        assert (log, lease) == ("run-3", "lease")
        if self.failures:
            self.failures -= 1
            raise StoreError("cannot write the journal: No space left on device")
        self.writes += 1
        self.content += b"".join(line + b"\n" for line in lines)


def written(entries=ENTRIES) -> bytes:
    log = Log()
    JournalWriter(log, "lease", "run-3").append(entries, durable=True)
    return log.content


def test_journal_reads_back_equal() -> None:
    content = written()
    reading = read_journal(content)
    assert list(reading.entries) == ENTRIES
    assert (reading.good_size, reading.torn) == (len(content), False)


def test_empty_journal_has_no_entries() -> None:
    reading = read_journal(b"")
    assert (reading.entries, reading.good_size, reading.torn) == ((), 0, False)


def test_lines_are_numbered_and_chained() -> None:
    previous = ""
    for number, line in enumerate(written().splitlines(), 1):
        document = json.loads(line)
        assert set(document) == {"seq", "prev", "entry"}
        assert (document["seq"], document["prev"]) == (number, previous)
        previous = sha256(line).hexdigest()


def test_entries_wait_for_a_flush_and_share_its_write() -> None:
    log = Log()
    writer = JournalWriter(log, "lease", "run-3")
    for entry in ENTRIES[:-1]:
        writer.append([entry])
    assert log.content == b""
    writer.append(ENTRIES[-1:], durable=True)
    assert log.writes == 1
    assert log.content == written()
    writer.flush()
    assert log.writes == 1


def test_entries_that_could_not_be_written_wait_for_the_next_flush() -> None:
    log = Log()
    writer = JournalWriter(log, "lease", "run-3")
    log.failures = 1
    with pytest.raises(StoreError):
        writer.append(ENTRIES[:3], durable=True)
    writer.append(ENTRIES[3:], durable=True)
    assert log.content == written()


def test_what_json_lacks_is_refused_and_breaks_no_chain() -> None:
    log = Log()
    writer = JournalWriter(log, "lease", "run-3")
    unknown = Unknown((Reference(samples.LEDGER, "arn"),))
    for value in (unknown, float("nan"), b"bytes"):
        with pytest.raises(JournalError, match="run-3: the entry outputs_set cannot be written"):
            writer.append([ENTRIES[0], OutputsSet({"arn": value})])
    writer.append(ENTRIES, durable=True)
    assert log.content == written()


def test_journal_goes_on_where_it_was_left() -> None:
    log = Log()
    JournalWriter(log, "lease", "run-3").append(ENTRIES[:4], durable=True)
    reading = read_journal(log.content)
    JournalWriter(log, "lease", "run-3", after=reading).append(ENTRIES[4:], durable=True)
    assert log.content == written()


def test_threads_share_writes_and_keep_the_chain() -> None:
    class SlowLog(Log):
        def append(self, log: str, lines, *, lease: str) -> None:
            go.wait(5)
            super().append(log, lines, lease=lease)

    go = threading.Event()
    log = SlowLog()
    writer = JournalWriter(log, "lease", "run-3")
    entries = [StepSkipped(number, "x") for number in range(40)]
    threads = [
        threading.Thread(target=writer.append, args=([entry],), kwargs={"durable": True})
        for entry in entries
    ]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    reading = read_journal(log.content)
    assert sorted(reading.entries, key=lambda entry: entry.step) == entries
    assert log.writes < len(entries)


@pytest.mark.parametrize(
    "tail",
    [b"{", b'{"seq":13', b"\0\0\0", b"not JSON\n", b"\0\0\n", b"\xff\n", b"[" * 100_000 + b"\n"],
    ids=lambda tail: str(tail[:12]),
)
def test_torn_tail_is_left_out_and_reported(tail: bytes) -> None:
    content = written()
    reading = read_journal(content + tail)
    assert list(reading.entries) == ENTRIES
    assert (reading.good_size, reading.torn) == (len(content), True)


def test_whole_line_without_its_end_is_torn() -> None:
    content = written()
    reading = read_journal(content[:-1])
    assert list(reading.entries) == ENTRIES[:-1]
    assert reading.torn
    assert content[: reading.good_size] == written(ENTRIES[:-1])


def test_journal_goes_on_after_a_torn_tail_was_cut_off() -> None:
    reading = read_journal(written(ENTRIES[:5]) + b'{"seq":6,"pr')
    log = Log()
    log.content = written(ENTRIES[:5])[: reading.good_size]
    JournalWriter(log, "lease", "run-3", after=reading).append(ENTRIES[5:], durable=True)
    assert log.content == written()


def replaced(number: int, old: bytes, new: bytes) -> bytes:
    """The journal with a text in line `number` replaced."""
    lines = written().splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    return b"".join(lines)


def without(number: int) -> bytes:
    lines = written().splitlines(keepends=True)
    return b"".join(lines[: number - 1] + lines[number:])


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (replaced(1, b"ada@host", b"eve@host"), 2, "is not the digest of the line before"),
        (replaced(3, b'"seq":3', b'"seq":4'), 3, "it says that it is line 4"),
        (replaced(3, b'"seq"', b'"sequence"'), 3, "seq: is missing"),
        (replaced(5, b"step_succeeded", b"step_celebrated"), 5, "is not a kind of entry"),
        (replaced(3, b'{"seq"', b'["seq"'), 3, "it is not JSON"),
        (replaced(14, b"run_ended", b"run_faded"), 14, "is not a kind of entry"),
        (without(1), 1, "it says that it is line 2"),
        (without(5), 5, "it says that it is line 6"),
        (written() + written(), 15, "it says that it is line 1"),
        (b"\n" + written(), 1, "it is not JSON"),
        (written() + b"null\n", 15, "expected an object"),
        (replaced(3, b'{"seq"', b'["seq"') + b"torn", 3, "it is not JSON"),
    ],
)
def test_broken_chain_names_the_line(content: bytes, line: int, problem: str) -> None:
    with pytest.raises(JournalError) as raised:
        read_journal(content, run="run-3")
    assert f"run-3: line {line} of the journal is not as it was written" in str(raised.value)
    assert problem in str(raised.value)
    assert raised.value.advice


def test_two_bad_lines_at_the_end_are_no_torn_tail() -> None:
    with pytest.raises(JournalError, match="line 15"):
        read_journal(written() + b"bad\nbad\n")
    with pytest.raises(JournalError, match="line 15"):
        read_journal(written() + b"bad\nbad")
