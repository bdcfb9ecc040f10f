"""The double against AWS's table of key states, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.aws_double import KmsDouble
from tests.aws_double.keys_in_states import ELSEWHERE, HOME, THIRD, in_state, perform

TABLE = Path(__file__).with_name("key_states.md").read_text(encoding="utf-8")

STATES = {
    "Enabled": ["Enabled"],
    "Disabled": ["Disabled"],
    "Pending deletion": ["PendingDeletion", "PendingReplicaDeletion"],
    "Pending import": ["PendingImport"],
    "Unavailable": ["Unavailable"],
    "Creating": ["Creating"],
    "Updating": ["Updating"],
}

WORDS = {
    "PendingDeletion": "pending deletion",
    "PendingReplicaDeletion": "pending replica deletion",
}

ABOUT_ORIGIN = {7, 8, 9}
"""Notes that tell keys with imported material from others."""


@dataclass(frozen=True)
class Cell:
    """One cell for one kind of key: whether it works, and else by which notes it fails."""

    operation: str
    state: str
    imported: bool
    works: bool
    notes: tuple[int, ...]

    def __str__(self) -> str:
        kind = "-imported" if self.imported else ""
        return f"{self.operation}-{self.state}{kind}"


def rows() -> Iterator[tuple[str, dict[str, str]]]:
    lines = [line for line in TABLE.splitlines() if line.startswith("| ")]
    titles = [cell.strip() for cell in lines[0].strip("|").split("|")]
    for line in lines[2:]:
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        yield name, dict(zip(titles[1:], cells, strict=True))


def texts() -> dict[int, tuple[str, str]]:
    """The notes that give an error: its code, and its text if there is one."""
    found = re.findall(r"^- \[(\d+)\] .*?`(\w+Exception)(?:: (.+?))?`", TABLE, re.MULTILINE)
    return {int(number): (code, text) for number, code, text in found}


def cells() -> Iterator[Cell]:
    for operation, columns in rows():
        for title, text in columns.items():
            if text == "N/A":
                continue
            notes = tuple(int(number) for number in re.findall(r"\[(\d+)\]", text))
            for state in STATES[title]:
                yield from _of(operation, state, text[0], notes)


def _of(operation: str, state: str, sign: str, notes: tuple[int, ...]) -> Iterator[Cell]:
    """The cell for the key as it usually is; where a note is about origin, for both kinds."""
    split = ABOUT_ORIGIN & set(notes)
    if state in ("PendingImport", "Unavailable") or not split:
        works = sign == "Y" or (sign == "?" and 10 not in notes)
        imported = state == "PendingImport" or ("Import" in operation and state != "Unavailable")
        yield Cell(operation, state, imported, works, notes)
        return
    others = tuple(note for note in notes if note not in ABOUT_ORIGIN)
    importing = 9 in split  # an operation of imported keys; with 7, one that they lack
    for imported in (False, True):
        if importing != imported:
            yield Cell(operation, state, imported, False, (9,) if importing else (7,))
        else:
            left = others or tuple(split & {8})
            yield Cell(operation, state, imported, sign != "X", left)


ALL = list(cells())


@pytest.fixture(scope="module")
def double() -> Iterator[KmsDouble]:
    with KmsDouble(regions=(HOME, ELSEWHERE, THIRD)) as double:
        yield double


def test_the_table_is_complete() -> None:
    assert len(dict(rows())) == len(list(rows())) == 40
    assert {len(columns) for _, columns in rows()} == {7}
    assert len(ALL) > 40 * 7


@pytest.mark.parametrize("cell", ALL, ids=str)
def test_a_cell(double: KmsDouble, cell: Cell) -> None:
    with in_state(double, cell.state, cell.operation, imported=cell.imported) as subject:
        code, text = perform(subject, cell.operation)

    if cell.works:
        assert not code, text
        if 12 in cell.notes:
            assert double.world.key(subject.arn).state == cell.state
        return
    assert any(_is(note, code, text, cell, subject.arn) for note in cell.notes), f"{code}: {text}"


def _is(note: int, code: str, text: str, cell: Cell, arn: str) -> bool:
    entry = texts().get(note)
    if entry is None:
        return False
    wanted, template = entry
    words = WORDS.get(cell.state, "pending deletion")
    both = "pending deletion (or pending replica deletion)"
    said = template.replace(both, words).replace("<key ARN>", arn)
    if note == 10:
        said = said.replace("pending deletion", words)
    return code == wanted and (not template or text == said)


def test_the_alias_of_a_key_that_waits_for_deletion_moves_away(double: KmsDouble) -> None:
    """Note 10, the other way round."""
    kms = double.client("kms", HOME)
    old, new = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/leaves", TargetKeyId=old)
    kms.schedule_key_deletion(KeyId=old)

    kms.update_alias(AliasName="alias/leaves", TargetKeyId=new)

    assert kms.describe_key(KeyId="alias/leaves")["KeyMetadata"]["KeyId"] == new
