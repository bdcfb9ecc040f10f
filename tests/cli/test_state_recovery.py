"""One command says what happened to a state, and the commands that it prints mend it."""

from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keyplan.errors import StoreError
from keyplan_state.local import LocalStore
from tests.cli.conftest import STACK, Run
from tests.cli.recovering import STATE, apply, follow, resources, words

# -- another stack's state -----------------------------------------------------------------


@pytest.fixture
def other(stack: Path, keyplan: Run) -> bytes:
    """The state of another stack, of serial 1."""
    folder = stack.parent / "other"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    assert keyplan("--chdir", str(folder), "apply", "--auto-approve").code == 0
    return (folder / STATE).read_bytes()


def test_the_state_of_another_stack_is_named_and_ours_comes_back(
    stack: Path, keyplan: Run, other: bytes
) -> None:
    apply(keyplan, "payments", "ledger")
    before = resources(keyplan)
    (stack / STATE).write_bytes(other)
    refused = keyplan("plan", "--var", "team=ledger")
    assert refused.code == 1
    assert "the state is another stack's" in words(refused)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "pull --serial 1" not in words(verified)
    assert "serial 2 can be made again" in words(verified)
    assert (
        json.loads(keyplan("state", "pull", "--serial", "1").out)["lineage"]
        != json.loads(other)["lineage"]
    )
    follow(keyplan, words(refused), stack)
    assert resources(keyplan) == before
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


@pytest.mark.parametrize("swapped", [False, True])
def test_the_state_of_another_stack_is_pushed_with_force_only(
    stack: Path, keyplan: Run, other: bytes, *, swapped: bool
) -> None:
    apply(keyplan, "payments", "ledger")
    ours = (stack / STATE).read_bytes()
    (stack / "other.json").write_bytes(other)
    if swapped:
        (stack / STATE).write_bytes(other)
    refused = keyplan("state", "push", "other.json")
    assert refused.code == 1
    assert "this is the state of another stack" in words(refused)
    assert json.loads(ours)["lineage"] in words(refused)
    forced = keyplan("state", "push", "--force", "other.json")
    assert forced.code == 0, forced.err
    assert keyplan("state", "verify").code == 0
    back = json.loads(keyplan("state", "pull", "--serial", "2").out)
    assert back["resources"] == json.loads(ours)["resources"]


def test_a_first_run_that_broke_off_beside_the_state_of_another_stack(
    stack: Path, keyplan: Run, other: bytes
) -> None:
    apply(keyplan, "payments")
    break_off(stack)
    (stack / STATE).write_bytes(other)
    for argv in (("resume",), ("state", "verify")):
        refused = keyplan(*argv)
        assert refused.code == 1
        assert "pull --serial 0" in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 0
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan").out


def break_off(stack: Path) -> Path:
    """Make the only run look as if it had died before its end."""
    (journal,) = stack.glob(".keyplan/journal/archive/*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.unlink()
    (stack / STATE).unlink(missing_ok=True)
    opened = stack / ".keyplan" / "journal" / journal.name
    opened.write_bytes(b"".join(line for line in lines if b'"run_ended"' not in line))
    return opened


def test_the_journal_of_another_stack_is_put_away(stack: Path, keyplan: Run) -> None:
    folder = stack.parent / "other"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    assert keyplan("--chdir", str(folder), "apply", "--auto-approve").code == 0
    journal = break_off(folder)
    apply(keyplan, "payments")
    (stack / ".keyplan" / "journal" / journal.name).write_bytes(journal.read_bytes())
    refused = keyplan("resume")
    assert refused.code == 1
    assert "does not belong to this state" in words(refused)
    assert "pull --serial" not in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan").out
    runs = keyplan("state", "history", "--json").document["runs"]
    outcomes = {run["id"]: (run["outcome"], run["serial_after"]) for run in runs}
    assert outcomes[journal.stem] == ("put_away", None)
    assert "put away without an end" in words(keyplan("state", "history"))


def test_an_open_run_of_a_later_serial_ends(stack: Path, keyplan: Run) -> None:
    """The state of serial 1 was put back; of the runs since then one journal is left, open."""
    apply(keyplan, "payments")
    first = (stack / STATE).read_bytes()
    archive = stack / ".keyplan" / "journal" / "archive"
    known = set(archive.iterdir())
    apply(keyplan, "interim")
    for item in set(archive.iterdir()) - known:
        item.unlink()
    apply(keyplan, "ledger")
    (last,) = set(archive.iterdir()) - known
    lines = last.read_bytes().splitlines(keepends=True)
    last.unlink()
    (archive.parent / last.name).write_bytes(
        b"".join(line for line in lines if b'"run_ended"' not in line)
    )
    (stack / STATE).write_bytes(first)
    (stack / f"{STATE}.backup").unlink()
    for item in stack.glob(".keyplan/history/*/*"):
        item.unlink()
    refused = keyplan("resume")
    assert refused.code == 1
    assert "state of serial 2" in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 1  # what it did is decided, and the keys are compared again
    assert keyplan("state", "verify").code == 0
    assert keyplan("apply", "--auto-approve", "--var", "team=ledger").code == 0


def test_the_later_state_itself_ends_such_a_run(stack: Path, keyplan: Run) -> None:
    """As before, and its state is still kept."""
    apply(keyplan, "payments", "ledger")
    runs = sorted(stack.glob(".keyplan/journal/archive/*.jsonl"))
    first, last = (json.loads(run.read_bytes().splitlines()[0])["entry"]["serial"] for run in runs)
    journal = runs[last > first]
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.unlink()
    runs[last < first].unlink()
    (stack / ".keyplan" / "journal" / journal.name).write_bytes(b"".join(lines[:-1]))
    (stack / STATE).write_text(keyplan("state", "pull", "--serial", "0").out)
    refused = keyplan("state", "verify")
    assert refused.code == 1
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


# -- a newer format ------------------------------------------------------------------------


def test_the_state_of_a_newer_keyplan_is_left_alone(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments", "ledger")
    (stack / "kept.json").write_text(keyplan("state", "pull").out)
    newer = re.sub(r'"format": \d+', '"format": 99', (stack / STATE).read_text())
    newer = re.sub(r'"keyplan_version": "[^"]*"', '"keyplan_version": "9.0.0"', newer)
    (stack / STATE).write_text(newer)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "keyplan 9.0.0" in words(verified)
    assert "state push" not in words(verified)
    refused = keyplan("state", "push", "kept.json")
    assert refused.code == 1
    assert "9.0.0" in words(refused)
    assert (stack / STATE).read_text() == newer
    assert keyplan("state", "push", "--force", "kept.json").code == 0
    assert keyplan("state", "verify").code == 0


# -- journals ------------------------------------------------------------------------------


def edit(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"seq":2,', b'"seq": 2,', 1))


def test_an_edited_journal_of_a_run_that_ended_is_named(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments", "ledger")
    journal = min(stack.glob(".keyplan/journal/archive/*.jsonl"))
    edit(journal)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "The state is sound without it" in words(verified)
    assert "Do not apply" not in words(verified)
    apply(keyplan, "third")
    journal.unlink()
    assert keyplan("state", "verify").code == 0


def test_an_edited_journal_of_an_open_run_has_a_way_out(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    state, known = (stack / STATE).read_bytes(), set(stack.glob(".keyplan/journal/archive/*"))
    apply(keyplan, "ledger")
    (journal,) = set(stack.glob(".keyplan/journal/archive/*")) - known
    opened = stack / ".keyplan" / "journal" / journal.name
    journal.rename(opened)
    edit(opened)
    (stack / STATE).write_bytes(state)
    assert keyplan("resume").code == 1
    refused = keyplan("state", "push", STATE)
    assert "did not end" in words(refused)
    follow(keyplan, words(keyplan("state", "verify")), stack)
    assert keyplan("apply", "--auto-approve", "--var", "team=ledger").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


@pytest.mark.parametrize("other", [".copy", " (copy)"])
def test_the_only_journal_of_a_run_counts_by_another_name(
    stack: Path, keyplan: Run, other: str
) -> None:
    apply(keyplan, "payments")
    journal = break_off(stack)
    renamed = journal.rename(journal.with_stem(f"{journal.stem}{other}"))
    assert keyplan("apply", "--auto-approve").code == 1  # it would make the keys twice
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert f"Call it {journal.stem} again" in words(verified)
    assert "nothing in it counts" not in words(verified)
    renamed.rename(journal)
    keyplan("resume")
    assert keyplan("state", "verify").code == 0


def test_the_backup_alone_brings_a_state_back(stack: Path, keyplan: Run) -> None:
    """The folder of journals and history is gone, and the state is damaged."""
    apply(keyplan, "payments", "ledger")
    shutil.rmtree(stack / ".keyplan" / "journal")
    shutil.rmtree(stack / ".keyplan" / "history")
    (stack / STATE).write_text("{")
    verified = keyplan("state", "verify")
    assert "serial 1 can be made again" in words(verified)
    follow(keyplan, words(verified), stack)
    apply(keyplan, "ledger")
    assert keyplan("state", "verify").code == 0


# -- where nothing can be written ----------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full: no file of this process grows beyond that size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_named(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    with files_of_at_most(1024):
        refused = keyplan("apply", "--auto-approve", "--var", "team=ledger")
    assert refused.code == 1
    assert "the disk is full" in words(refused)
    assert "ulimit -f" in words(refused)
    assert "Another process" not in words(refused)
    keyplan("resume")
    apply(keyplan, "ledger")
    assert keyplan("state", "verify").code == 0


def test_metrics_make_no_folder(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    refused = keyplan("drift", "--metrics", "nowhere/m.prom")
    assert refused.code == 1
    assert "There is no folder nowhere: make it first" in words(refused)
    assert not (stack / "nowhere").exists()


def test_a_state_kept_in_a_file_comes_back_as_printed(
    stack: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(keyplan, "payments")

    def full(*_: object, **__: object) -> str:
        raise StoreError("cannot write the state: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "commit", full)
        refused = keyplan("apply", "--auto-approve", "--var", "team=ledger")
    assert refused.code == 1
    (run,) = stack.glob(".keyplan/journal/*.jsonl")
    run.unlink()
    pushed = re.search(r"keyplan (state push errored\S+json)", words(refused))
    assert pushed
    done = keyplan(*pushed[1].split())
    assert done.code == 0, done.err
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out
