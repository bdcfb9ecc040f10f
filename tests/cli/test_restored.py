"""A backup that brought back a journal, and not the state that belongs to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyplan_hsm import inspection
from tests.cli.conftest import STACK, Run

ROOT = STACK[: STACK.index("  payments:\n    provider")]
"""The stack before it has its second key."""

BOTH = STACK.replace("tier: root,", "tier: root, labels: {team: ledger},")
"""The stack as it is in the end."""

JOURNAL = ".keyplan/journal"
STATE = "keyplan.state.json"


def write(stack: Path, text: str) -> None:
    (stack / "keyplan.yaml").write_text(text)


def serial(stack: Path) -> int:
    return int(json.loads((stack / STATE).read_text())["serial"])


def count_of_keys(stack: Path) -> int:
    return inspection.keys(stack / ".keyplan" / "hsm.db", as_json=True).count('"id"')


def archived(stack: Path) -> set[Path]:
    return set((stack / JOURNAL / "archive").iterdir())


@pytest.fixture
def restored(stack: Path, keyplan: Run) -> Path:
    """Journal of serial 1, which made a key and broke off; and a state of serial 3 without it.

    Somebody went on with a copy of the state from before that run.
    """
    write(stack, ROOT)
    assert keyplan("apply", "--auto-approve").code == 0
    before, closed = (stack / STATE).read_bytes(), archived(stack)
    write(stack, STACK)
    assert keyplan("apply", "--auto-approve").code == 0
    (run,) = archived(stack) - closed
    lines = run.read_bytes().splitlines(keepends=True)
    broken_off = [line for line in lines if b'"step_started"' in line]
    cut = lines[: lines.index(broken_off[0]) + 1]
    run.unlink()
    (stack / STATE).write_bytes(before)
    for team in ("interim", "ledger"):
        write(stack, ROOT.replace("tier: root,", f"tier: root, labels: {{team: {team}}},"))
        assert keyplan("apply", "--auto-approve").code == 0
    (stack / JOURNAL / run.name).write_bytes(b"".join(cut))
    write(stack, BOTH)
    assert serial(stack) == 3
    return stack


def test_the_key_that_only_an_old_journal_knows_comes_into_the_state(
    restored: Path, keyplan: Run
) -> None:
    for argv in (("plan",), ("apply", "--auto-approve"), ("state", "verify")):
        refused = keyplan(*argv)
        assert refused.code == 1
        assert "keyplan resume" in refused.out + refused.err
    resumed = keyplan("resume")
    text = " ".join(resumed.out.split())
    assert resumed.code == 1, resumed.err
    assert "create key key.payments: was done" in text
    assert "It began at serial 1" in text
    assert "The state holds now what only this run knew: key.payments" in text
    assert "serial 4" in text
    assert keyplan("state", "list").out == "key.payments\nkey.root\n"
    assert keyplan("state", "verify").code == 0
    assert count_of_keys(restored) == 2
    after = keyplan("apply", "--auto-approve")
    assert after.code == 0, after.err
    assert "No changes." in keyplan("plan").out
    assert count_of_keys(restored) == 2
    assert "There is no run to resume." in keyplan("resume").out


def test_rollback_takes_such_a_run_back(restored: Path, keyplan: Run) -> None:
    back = keyplan("rollback", "--auto-approve")
    assert back.code == 0, back.err
    assert "step 1 set key state: active -> suspended" in " ".join(back.out.split())
    assert keyplan("state", "list").out == "key.payments\nkey.root\n"
    assert keyplan("state", "verify").code == 0


def test_what_the_state_knows_is_not_recorded_again(restored: Path, keyplan: Run) -> None:
    """Twice the same journal, as after a crash between the commit and the archiving."""
    (run,) = (item for item in (restored / JOURNAL).iterdir() if item.is_file())
    content = run.read_bytes()
    assert keyplan("resume").code == 1
    (restored / JOURNAL / "archive" / run.name).unlink()
    run.write_bytes(content)
    assert keyplan("resume").code == 1
    assert serial(restored) == 4
    assert keyplan("state", "verify").code == 0


def test_a_key_whose_address_is_taken_is_named(restored: Path, keyplan: Run) -> None:
    (run,) = (item for item in (restored / JOURNAL).iterdir() if item.is_file())
    content = run.read_bytes()
    run.unlink()
    assert keyplan("apply", "--auto-approve").code == 0
    run.write_bytes(content)
    resumed = keyplan("resume")
    text = " ".join(resumed.out.split())
    assert resumed.code == 1
    assert "the state holds another key there" in text
    assert "keyplan import ADDR" in text
    assert keyplan("state", "verify").code == 0
    assert keyplan("plan").code == 0


def test_a_copy_of_a_closed_journal_from_while_it_was_open_is_not_open(
    stack: Path, keyplan: Run
) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    (closed,) = archived(stack)
    whole = closed.read_bytes()
    (stack / JOURNAL / closed.name).write_bytes(whole.splitlines(keepends=True)[0])
    assert "No changes." in keyplan("plan").out
    assert keyplan("apply", "--auto-approve", "--var", "team=other").code == 0
    assert keyplan("state", "verify").code == 0
    assert closed.read_bytes() == whole
