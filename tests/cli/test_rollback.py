"""Taking a run back, and going back to a serial, as people and pipelines see it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

_DYING = """
import os, sys
from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan_state.local import LocalStore

left = int(sys.argv[1])
append = LocalStore.append

def dying(self, log, lines, *, lease):
    global left
    append(self, log, lines, lease=lease)
    left -= 1
    if not left:
        os._exit(9)

LocalStore.append = dying
sys.exit(run(sys.argv[2:], Terminal(sys.stdout, sys.stderr, os.environ)))
"""


def _edit(stack: Path) -> None:
    """Another team, a wider policy, and one key more."""
    file = stack / "keyplan.yaml"
    text = file.read_text().replace("default: payments", "default: cards")
    text = text.replace("[encrypt, decrypt]", "[encrypt, decrypt, export]")
    more = "  extra: {provider: hsm, parent: key.root, usage: encrypt, algorithm: aes-256}\n"
    file.write_text(text.replace("\noutput:", f"{more}\noutput:"))


def _die(stack: Path, after: int, *argv: str) -> None:
    """Run the command in a process that is gone after so many writes to the journal."""
    script = [sys.executable, "-c", _DYING, str(after), *argv]
    assert subprocess.run(script, cwd=stack, capture_output=True, check=False).returncode == 9


def _last_run(text: str) -> str:
    found = re.findall(r"\d{8}T\d{6}Z-[0-9a-f]{8}", text)
    assert found, text
    return str(found[0])


def _runs(keyplan: Run) -> str:
    """The newest run, as the error of a rollback without an open run names it."""
    result = keyplan("rollback")
    assert result.code == 1
    assert "there is no open run to roll back" in result.err
    assert "keyplan rollback --to SERIAL" in result.err
    return _last_run(result.err)


def _changed(keyplan: Run, stack: Path) -> str:
    """A stack whose last run changed it; that run."""
    assert keyplan("apply", "--auto-approve").code == 0
    _edit(stack)
    assert keyplan("apply", "--auto-approve").code == 0
    return _runs(keyplan)


def test_a_run_is_shown_asked_about_and_taken_back(keyplan: Run, stack: Path) -> None:
    original = (stack / "keyplan.yaml").read_text()
    run = _changed(keyplan, stack)
    refused = keyplan("rollback", "--run", run, answer="no\n")
    assert refused.code == 1
    assert "rollback was not approved" in refused.err
    done = keyplan("rollback", "--run", run, answer="yes\n")
    assert done.code == 0
    assert done.out.startswith(f"Rollback: run {run}\n")
    assert "Do you want to take these changes back?" in done.out
    assert "- payments_api" in done.out
    assert "Rollback complete! Resources: 0 added, 2 changed, 0 destroyed." in done.out
    assert "Not brought back (1):\n  key.extra was made by the run" in done.out
    (stack / "keyplan.yaml").write_text(original)
    again = keyplan("plan").out
    assert "key.payments" not in again
    assert "key.extra is no longer declared" in again


def test_what_was_taken_back_is_not_taken_back_twice(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    assert keyplan("rollback", "--run", run, "--auto-approve").code == 0
    again = keyplan("rollback", "--run", run)
    assert (again.code, again.out.splitlines()[0]) == (
        0,
        "Nothing more can be taken back: what is listed here stays.",
    )
    assert "key.extra was made by the run" in again.out


@pytest.mark.parametrize("form", ["run", "to"])
def test_what_cannot_come_back_is_said_before_and_after(
    keyplan: Run, stack: Path, form: str
) -> None:
    """Nobody managed the attribute then: it is one way all the same."""
    assert keyplan("apply", "--auto-approve").code == 0
    file = stack / "keyplan.yaml"
    text = file.read_text().replace("  payments:\n", "  payments:\n    exportable: true\n")
    file.write_text(text)
    assert keyplan("apply", "--auto-approve", "--allow", "irreversible").code == 0
    chosen = ("--to", "1") if form == "to" else ("--run", _runs(keyplan))
    nothing = keyplan("rollback", *chosen).out
    assert "as they were before" not in nothing
    file.write_text(text.replace("default: payments", "default: cards"))
    assert keyplan("apply", "--auto-approve").code == 0
    if form == "run":
        return
    before, _, after = keyplan("rollback", *chosen, "--auto-approve").out.partition("Steps ")
    said = "key.payments: exportable cannot be taken back"
    assert said in " ".join(before.split())
    assert said in " ".join(after.split())


def test_a_rollback_is_taken_back(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    assert keyplan("rollback", "--run", run, "--auto-approve").code == 0
    back = _runs(keyplan)
    assert back != run
    assert keyplan("rollback", "--run", back, "--auto-approve").code == 0
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_a_serial_comes_back(keyplan: Run, stack: Path) -> None:
    original = (stack / "keyplan.yaml").read_text()
    _changed(keyplan, stack)
    done = keyplan("rollback", "--to", "1", "--auto-approve")
    assert done.code == 0
    assert "key.extra is newer than that state" in done.out
    (stack / "keyplan.yaml").write_text(original)
    assert "key.payments" not in keyplan("plan").out
    missing = keyplan("rollback", "--to", "9")
    assert missing.code == 1
    assert "the state of serial 9 is not kept" in missing.err
    assert "Kept are serials 3, 2, 1." in missing.err


def test_a_deletion_is_cancelled_and_the_key_enabled(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    original = (stack / "keyplan.yaml").read_text()
    cut = original[: original.index("  payments:\n")]
    (stack / "keyplan.yaml").write_text(cut)
    assert keyplan("apply", "--auto-approve", "--allow", "max-delete").code == 0
    assert keyplan("rollback", "--to", "1", "--auto-approve").code == 0
    (stack / "keyplan.yaml").write_text(original)
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_a_run_that_died_is_closed_and_taken_back(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    before = (stack / "keyplan.yaml").read_text()
    _edit(stack)
    _die(stack, 2, "apply", "--auto-approve", "--parallelism", "1")
    busy = keyplan("plan")
    assert busy.code == 1
    assert "keyplan rollback" in busy.err
    done = keyplan("rollback", "--auto-approve")
    assert done.code == 0, done.err
    assert "The run is closed, the state is saved" in done.out
    (stack / "keyplan.yaml").write_text(before)
    left = keyplan("plan")
    assert "key.payments" not in left.out


def test_a_step_that_cannot_be_decided_keeps_the_run_open(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    _edit(stack)
    _die(stack, 1, "apply", "--auto-approve", "--parallelism", "1")
    file = stack / "keyplan.yaml"
    there = file.read_text()
    file.write_text(there.replace(".keyplan/hsm.db", ".keyplan/other.db"))
    refused = keyplan("rollback", "--auto-approve")
    assert refused.code == 1
    assert "cannot be decided" in refused.out
    assert "The run stays open" in refused.out
    assert "Rollback complete" not in refused.out
    file.write_text(there)
    assert keyplan("rollback", "--auto-approve").code == 0


def test_a_rollback_that_died_goes_on(keyplan: Run, stack: Path) -> None:
    before = (stack / "keyplan.yaml").read_text()
    run = _changed(keyplan, stack)
    _die(stack, 2, "rollback", "--run", run, "--auto-approve", "--parallelism", "1")
    assert keyplan("resume").code == 0
    assert keyplan("rollback", "--run", run, "--auto-approve").code == 0
    (stack / "keyplan.yaml").write_text(before)
    assert "key.payments" not in keyplan("plan").out


def test_a_run_that_died_before_its_journal_was_archived_is_taken_back(
    keyplan: Run, stack: Path
) -> None:
    run = _changed(keyplan, stack)
    kept = stack / ".keyplan" / "journal" / "archive" / f"{run}.jsonl"
    kept.rename(kept.parent.parent / kept.name)
    assert _runs(keyplan) == run
    assert keyplan("rollback", "--run", run, "--auto-approve").code == 0
    assert kept.exists()


def test_a_root_that_the_run_made_needs_its_brake(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    run = _runs(keyplan)
    held = keyplan("rollback", "--run", run, "--auto-approve")
    assert held.code == 1
    assert "--allow root" in held.err
    assert keyplan("rollback", "--run", run, "--auto-approve", "--allow", "root").code == 0


def test_a_change_made_by_hand_is_never_overwritten(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    file = stack / "keyplan.yaml"
    file.write_text(file.read_text().replace("default: cards", "default: other"))
    assert keyplan("apply", "--auto-approve").code == 0
    refused = keyplan("rollback", "--run", run, "--auto-approve")
    assert refused.code == 1
    assert "KP-BACK-001" in refused.out
    assert f"labels:team of key.payments was changed since run {run}" in refused.out.replace(
        "\n             ", " "
    )


def test_a_saved_rollback_is_performed_by_apply(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    planned = keyplan("rollback", "--run", run, "--out", "back.kplan")
    assert planned.code == 0
    assert planned.out.endswith("\nNext: keyplan apply back.kplan\n")
    assert keyplan("apply", "back.kplan").code == 0
    assert "Nothing more can be taken back" in keyplan("rollback", "--run", run).out


def test_the_event_stream_tells_a_rollback(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    assert keyplan("rollback", "--run", run, "--json").code == 64
    result = keyplan("rollback", "--run", run, "--json", "--auto-approve")
    assert result.code == 0
    kinds = [event["type"] for event in result.events]
    assert kinds[:2] == ["version", "rollback_planned"]
    assert kinds.count("rollback_start") == kinds.count("rollback_complete") == 3
    assert "apply_start" not in kinds
    assert kinds[-1] == "rollback_residue"
    assert result.events[-1]["residue"] == {"address": "key.extra", "rule": "KP-BACK-002"}
    summary = [event for event in result.events if event["type"] == "change_summary"]
    assert summary[-1]["changes"]["operation"] == "rollback"


def test_wrong_arguments_are_refused_before_anything(keyplan: Run, stack: Path) -> None:
    assert keyplan("rollback", "--run", "x", "--to", "1").code == 64
    assert keyplan("rollback").code == 1
    assert "No run has ended yet." in keyplan("rollback").err
    assert keyplan("apply", "--auto-approve").code == 0
    unknown = keyplan("rollback", "--run", "20270101T000000Z-00000000")
    assert unknown.code == 1
    assert "there is no run 20270101T000000Z-00000000" in unknown.err
    assert not list(stack.glob("*.kplan"))


def test_a_configuration_with_mistakes_stands_in_no_ones_way(keyplan: Run, stack: Path) -> None:
    run = _changed(keyplan, stack)
    file = stack / "keyplan.yaml"
    file.write_text(file.read_text().replace("usage: encrypt", "usage: nonsense"))
    assert keyplan("plan").code == 1
    assert keyplan("rollback", "--run", run, "--auto-approve").code == 0
