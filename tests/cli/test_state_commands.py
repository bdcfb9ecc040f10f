"""`keyplan state`: what it shows, what it edits, and how a damaged state comes back."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.app.workspace import Workspace
from keyplan.session.clock import SystemClock
from keyplan.testing.store_contract import lease_info
from tests.cli.conftest import Run

STATE = "keyplan.state.json"
Damage = Callable[[Path], None]


@pytest.fixture
def applied(stack: Path, keyplan: Run) -> Path:
    """Applied twice: serial 2, two keys."""
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("apply", "--auto-approve", "--var", "team=ledger").code == 0
    return stack


def follow(keyplan: Run, text: str, folder: Path) -> None:
    """Type the two commands that a message names, exactly as they stand there."""
    found = re.search(r"(keyplan state pull[^>]*)> (\S+), then\s+(keyplan state push \S+)", text)
    assert found, text
    pulled = keyplan(*shlex.split(found[1])[1:])
    assert pulled.code == 0, pulled.err
    (folder / found[2]).write_text(pulled.out)
    pushed = keyplan(*shlex.split(found[3])[1:])
    assert pushed.code == 0, pushed.err


# -- looking -------------------------------------------------------------------------------


def test_list_and_show(applied: Path, keyplan: Run) -> None:
    assert keyplan("state", "list").out == "key.payments\nkey.root\n"
    assert keyplan("state", "list", "key.r*").out == "key.root\n"
    shown = keyplan("state", "show", "key.payments")
    assert "labels" in shown.out
    assert "team=ledger" in shown.out.replace(": ", "=").replace('"', "")
    assert max(map(len, shown.out.splitlines())) <= 80
    document = keyplan("state", "show", "key.payments", "--json").document
    assert document["attributes"]["labels"] == {"team": "ledger"}
    assert len(keyplan("state", "list", "--json").document) == 2


def test_show_of_a_key_that_is_not_there(applied: Path, keyplan: Run) -> None:
    missing = keyplan("state", "show", "key.none")
    assert missing.code == 1
    assert "keyplan state list" in missing.err


def test_history_names_every_run(applied: Path, keyplan: Run) -> None:
    runs = keyplan("state", "history", "--json").document["runs"]
    assert [(run["operation"], run["serial_before"], run["outcome"]) for run in runs] == [
        ("apply", 1, "succeeded"),
        ("apply", 0, "succeeded"),
    ]
    text = keyplan("state", "history").out
    assert ": apply, serial 1 -> 2, succeeded, 1 step done\n" in text


def test_verify_of_a_sound_state(applied: Path, keyplan: Run) -> None:
    found = keyplan("state", "verify")
    assert found.code == 0
    assert "are sound." in " ".join(found.out.split())


def test_what_somebody_else_put_beside_the_journals_is_no_run(applied: Path, keyplan: Run) -> None:
    journal = applied / ".keyplan" / "journal"
    run = next((journal / "archive").glob("*.jsonl"))
    (journal / f"{run.name}~").write_bytes(run.read_bytes())
    (journal / ".DS_Store").write_bytes(b"\0")
    (journal / f"._{run.name}").write_bytes(b"\0")
    (journal / f"{run.stem} copy.jsonl").write_bytes(run.read_bytes()[:100])
    (journal / "notes.jsonl").mkdir()
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out
    found = keyplan("state", "verify")
    assert found.code == 0
    text = " ".join(found.out.split())
    for name in (f"._{run.stem}", f"{run.stem} copy", "notes"):
        assert f"journal {name}" in text
    assert len(keyplan("state", "history", "--json").document["runs"]) == 2
    assert keyplan("apply", "--auto-approve", "--var", "team=third").code == 0
    assert (journal / "notes.jsonl").is_dir()


def test_a_clock_that_goes_back_a_day_between_two_applies(
    applied: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state stays the newest, and one that is put back is still found out."""
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) - timedelta(days=1))
    assert keyplan("apply", "--auto-approve", "--var", "team=third").code == 0
    monkeypatch.undo()
    monkeypatch.chdir(applied)
    assert "No changes." in keyplan("plan", "--var", "team=third").out
    assert keyplan("state", "verify").code == 0
    _replayed(applied / STATE)
    refused = keyplan("plan", "--var", "team=third")
    assert refused.code == 1
    assert "the state is older than its journals: serial 2" in " ".join(refused.err.split())
    follow(keyplan, " ".join(keyplan("state", "verify").out.split()), applied)
    assert "No changes." in keyplan("plan", "--var", "team=third").out


def test_pull_prints_the_file(applied: Path, keyplan: Run) -> None:
    assert keyplan("state", "pull").out == (applied / STATE).read_text()
    earlier = json.loads(keyplan("state", "pull", "--serial", "1").out)
    assert earlier["serial"] == 1
    missing = keyplan("state", "pull", "--serial", "9")
    assert missing.code == 1
    assert "keyplan state history" in missing.err


# -- editing -------------------------------------------------------------------------------


def test_mv_gives_another_address(applied: Path, keyplan: Run) -> None:
    moved = keyplan("state", "mv", "key.payments", "key.orders")
    assert moved.code == 0
    assert "serial 3" in moved.out
    assert keyplan("state", "list").out == "key.orders\nkey.root\n"
    text = (applied / "keyplan.yaml").read_text().replace("payments:\n", "orders:\n", 1)
    text = text.replace("key.payments.id", "key.orders.id")
    (applied / "keyplan.yaml").write_text(text)
    assert "state mv" in keyplan("state", "history").out
    again = keyplan("plan", "--var", "team=ledger")
    assert "0 to add, 0 to change, 0 to destroy" in again.out or "No changes" in again.out


def test_mv_refuses_an_address_that_is_taken(applied: Path, keyplan: Run) -> None:
    taken = keyplan("state", "mv", "key.payments", "key.root")
    assert taken.code == 1
    wrong = keyplan("state", "mv", "key.payments", "payments")
    assert wrong.code == 64
    assert json.loads((applied / STATE).read_text())["serial"] == 2


def test_rm_forgets_and_leaves_the_key(applied: Path, keyplan: Run) -> None:
    refused = keyplan("state", "rm", "key.root", "--auto-approve")
    assert refused.code == 1
    assert "key.payments depends on key.root" in refused.err
    assert keyplan("state", "rm", "key.payments", answer="no\n").code == 1
    assert keyplan("state", "list").out == "key.payments\nkey.root\n"
    gone = keyplan("state", "rm", "key.payments", answer="yes\n")
    assert gone.code == 0
    assert keyplan("state", "list").out == "key.root\n"
    assert keyplan("hsm", "keys").code == 0


def test_rm_asks_nobody_about_a_key_that_is_not_there(applied: Path, keyplan: Run) -> None:
    missing = keyplan("state", "rm", "key.none", answer="yes\n")
    assert missing.code == 1
    assert "the state does not hold key.none" in missing.err
    assert missing.out == ""


def test_every_command_takes_what_a_pipeline_says_to_all(applied: Path, keyplan: Run) -> None:
    for name in ("list", "history", "verify", "pull"):
        assert keyplan("state", name, "--no-color").code == 0
    assert keyplan("state", "show", "key.root", "--no-color").code == 0


def test_push_refuses_what_would_forget(applied: Path, keyplan: Run) -> None:
    (applied / "old.json").write_text(keyplan("state", "pull", "--serial", "1").out)
    older = keyplan("state", "push", "old.json")
    assert older.code == 1
    assert "older than the newest that is known" in " ".join(older.err.split())
    lineage = json.loads((applied / STATE).read_text())["lineage"]
    (applied / "other.json").write_text(
        keyplan("state", "pull").out.replace(lineage, "00000000-0000-0000-0000-000000000000")
    )
    edited = keyplan("state", "push", "other.json")
    assert edited.code == 1
    assert "not what keyplan wrote" in edited.err
    assert json.loads((applied / STATE).read_text())["serial"] == 2


def test_push_with_force_goes_back(applied: Path, keyplan: Run) -> None:
    (applied / "old.json").write_text(keyplan("state", "pull", "--serial", "1").out)
    forced = keyplan("state", "push", "--force", "old.json")
    assert forced.code == 0
    document = json.loads((applied / STATE).read_text())
    assert document["serial"] == 3
    assert document["resources"]["key.payments"]["attributes"]["labels"] == {"team": "payments"}
    assert keyplan("state", "verify").code == 0
    assert "state push" in keyplan("state", "history").out


def test_unlock_without_a_lock(applied: Path, keyplan: Run) -> None:
    refused = keyplan("state", "unlock", "abc", "--auto-approve")
    assert refused.code == 1
    assert "nobody holds" in refused.err


def test_unlock_asks_nobody_about_a_lock_that_has_another_id(applied: Path, keyplan: Run) -> None:
    lease = Workspace(applied, environment={}).store.acquire(lease_info())
    try:
        refused = keyplan("state", "unlock", "abc", answer="yes\n")
        assert refused.code == 1
        assert f"keyplan state unlock {lease.info.id}" in refused.err
        assert refused.out == ""
    finally:
        lease.release()


# -- damage --------------------------------------------------------------------------------


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


def _edited(path: Path) -> None:
    path.write_text(path.read_text().replace('"team": "ledger"', '"team": "mine"'))


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _replayed(path: Path) -> None:
    path.write_bytes((path.parent / f"{path.name}.backup").read_bytes())


def _gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_truncated, _edited, _emptied, _replayed, _gone])
def test_a_damaged_state_is_explained_and_comes_back(
    applied: Path, keyplan: Run, damage: Damage
) -> None:
    before = json.loads((applied / STATE).read_text())
    damage(applied / STATE)
    refused = keyplan("plan", "--var", "team=ledger")
    assert refused.code == 1
    assert "keyplan state" in refused.err
    verified = keyplan("state", "verify")
    assert verified.code == 1
    follow(keyplan, " ".join(verified.out.split()), applied)
    after = json.loads((applied / STATE).read_text())
    assert after["resources"] == before["resources"]
    assert after["serial"] == before["serial"] + 1
    assert keyplan("state", "verify").code == 0
    assert keyplan("plan", "--var", "team=ledger", "--detailed-exitcode").code == 0


def test_a_forced_push_ends_what_no_journal_can_make_again(applied: Path, keyplan: Run) -> None:
    """The state and a journal before the last are lost: what is pushed counts on from the last."""
    kept = keyplan("state", "pull", "--serial", "1").out
    (applied / "kept.json").write_text(kept)
    runs = keyplan("state", "history", "--json").document["runs"]
    first = min(runs, key=lambda run: run["serial_before"])["id"]
    (applied / ".keyplan" / "journal" / "archive" / f"{first}.jsonl").unlink()
    for path in (
        applied / STATE,
        applied / f"{STATE}.backup",
        *applied.glob(".keyplan/history/*/*"),
    ):
        path.unlink()
    assert keyplan("plan").code == 1
    pushed = keyplan("state", "push", "--force", "kept.json")
    assert pushed.code == 0, pushed.err
    assert json.loads((applied / STATE).read_text())["serial"] == 3
    assert keyplan("plan").code == 0
    assert keyplan("state", "verify").code == 0
