"""The formats of state and journal, held still: a change needs a new format and a migration.

What was written once must be readable for ever, and what is written now is compared byte by
byte. The journal has an entry for each operation, so that none changes its document unseen.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from keyplan.model.operations import Operation
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.entries import RunEnded, StepStarted
from keyplan.state.fold import fold
from keyplan.state.journal import JournalWriter, read_journal
from keyplan.state.model import FORMAT
from tests.golden.state import operations
from tests.unit.state import samples

GOLDEN = Path(__file__).parent / "state"


class Log:
    content = b""

    def append(self, log: str, lines, *, lease: None) -> None:
        self.content += b"".join(line + b"\n" for line in lines)


def journal() -> list:
    """Every kind of entry, then every operation."""
    entries = samples.every_entry()[:-1]
    steps = [
        samples.step(operation, number) for number, operation in enumerate(operations.EVERY, 5)
    ]
    return [*entries, *steps, RunEnded("succeeded", samples.NOW)]


def test_samples_have_every_operation() -> None:
    kinds = {type(entry.operation) for entry in journal() if isinstance(entry, StepStarted)}
    assert kinds == set(get_args(Operation))


def test_state_is_written_as_ever() -> None:
    content = encode_state(samples.full_state(), keyplan_version="0.1.0")
    assert content == (GOLDEN / f"state.v{FORMAT}.json").read_bytes()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("state.v*.json")), ids=lambda path: path.name)
def test_every_format_of_the_state_is_read(path: Path) -> None:
    assert decode_state(path.read_bytes()) == samples.full_state()


def test_journal_is_written_as_ever() -> None:
    log = Log()
    JournalWriter(log, None, "run-3").append(journal(), durable=True)
    assert log.content == (GOLDEN / "journal.v1.jsonl").read_bytes()


def test_journal_of_old_is_read() -> None:
    reading = read_journal((GOLDEN / "journal.v1.jsonl").read_bytes())
    assert list(reading.entries) == journal()
    assert not reading.torn


def test_journal_of_old_can_be_folded() -> None:
    entries = read_journal((GOLDEN / "journal.v1.jsonl").read_bytes()).entries
    decided = [*entries[: len(samples.every_entry()) - 1], entries[-1]]
    state = fold(samples.state(), decided)
    assert set(state.resources) == {samples.MASTER, samples.LEDGER}
    assert state.serial == 1
