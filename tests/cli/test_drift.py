"""`keyplan drift` as people, pipelines and cron see it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from keyplan.app.workspace import Workspace
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, DestroyVersion, RotateKey
from keyplan.sdk.store import LeaseInfo
from keyplan.session.clock import SYSTEM_CLOCK
from tests.cli.conftest import Run
from tests.cli.drifting import PAYMENTS, RELABELLED, RENAMED, behind


@pytest.fixture
def applied(keyplan: Run, stack: Path) -> Path:
    """The stack, applied."""
    assert keyplan("apply", "--auto-approve").code == 0
    return stack


def everything_in(folder: Path) -> dict[str, str]:
    """Each file below a folder, with a digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -- what it says ------------------------------------------------------------------------


def test_exit_codes_are_0_and_2(keyplan: Run, applied: Path) -> None:
    clean = keyplan("drift")
    assert (clean.code, clean.out.splitlines()[-1]) == (
        0,
        "No drift. The 2 keys of the state are as keyplan left them.",
    )
    behind(applied, RELABELLED)
    found = keyplan("drift")
    assert found.code == 2
    assert "labels       team: payments -> theirs" in found.out
    assert "\nDrift: 1 deviation on 1 key: 1 metadata.\n" in found.out
    assert max(map(len, found.out.splitlines())) <= 80
    assert found.out.isascii()


def test_before_the_first_apply_nothing_can_have_drifted(keyplan: Run) -> None:
    assert keyplan("drift").code == 0


def test_a_change_of_the_declaration_is_not_drift(keyplan: Run, applied: Path) -> None:
    file = applied / "keyplan.yaml"
    file.write_text(file.read_text().replace("default: payments", "default: cards"))
    assert keyplan("drift").code == 0


def test_versions_changed_by_hand_are_told_until_they_are_taken_note_of(
    keyplan: Run, applied: Path
) -> None:
    behind(applied, RotateKey(PAYMENTS, 2), RotateKey(PAYMENTS, 3), DestroyVersion(PAYMENTS, 1))
    found = keyplan("drift", "--json")
    told = [(item["path"], item["kind"], item["live"]) for item in found.document["items"]]
    assert found.code == 2
    assert told == [("version:1", "destructive", "destroyed"), ("version", "metadata", 3)]
    text = " ".join(keyplan("drift").out.split())
    assert "to undo it restore version 1 at its provider, if it has a copy" in text
    assert "version 1 -> 3 metadata to keep it keyplan apply --refresh-only" in text
    assert "version 1 -> 3" in " ".join(keyplan("plan").out.split())
    assert keyplan("apply", "--refresh-only", "--auto-approve").code == 0
    assert keyplan("drift").code == 0


def test_a_mistake_in_the_stack_is_an_error(keyplan: Run, applied: Path) -> None:
    (applied / "keyplan.yaml").write_text("key: {a: {provider: nobody}}\n")
    assert keyplan("drift").code == 1


def test_json_is_one_document(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    result = keyplan("drift", "--json")
    document = result.document
    assert (result.code, document["exit_code"], document["outcome"]) == (2, 2, "drift")
    assert document["format_version"] == "1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["now"])
    (item,) = document["items"]
    expected = {
        "address": "key.payments",
        "path": "labels:team",
        "kind": "metadata",
        "level": "note",
        "declared": "payments",
        "applied": "payments",
        "live": "theirs",
        "managed": True,
        "response": "revert",
        "left_because": None,
        "saved_until": None,
    }
    assert {name: item[name] for name in expected} == expected
    assert item["apply"] == item["remediate"] != []
    assert item["position"]["file"] == "keyplan.yaml"
    assert keyplan("drift", "--format", "json").document["items"] == document["items"]


def test_an_error_is_json_too(keyplan: Run, applied: Path) -> None:
    (applied / ".keyplan" / "hsm.db").write_bytes(b"not a database")
    result = keyplan("drift", "--json")
    assert result.code == 1
    assert result.document["error"]["class"]


@pytest.mark.parametrize("kind", ["text", "markdown", "json", "sarif"])
def test_the_report_can_be_a_file_too(keyplan: Run, applied: Path, kind: str) -> None:
    behind(applied, RELABELLED)
    result = keyplan("drift", "--format", kind, "--output-file", "report")
    assert result.code == 2
    assert "Drift: 1 deviation" in result.out
    assert "key.payments" in (applied / "report").read_text()


def test_targets_narrow_the_check(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    result = keyplan("drift", "--target", "key.root")
    assert result.code == 0
    assert "Incomplete: --target or --exclude left" in result.out.replace("\n", " ")
    assert "No drift in what was looked at." in result.out
    assert keyplan("drift", "--exclude", "key.root").code == 0
    assert keyplan("drift", "--target", "key.payments").code == 2


@pytest.mark.parametrize(
    "argv",
    [
        ("--format", "pdf"),
        ("--json", "--format", "sarif"),
        ("--auto-approve",),
        ("--remediate", "--json"),
        ("--notify", "http://example.com/hook"),
        ("--notify", "ftp://127.0.0.1/"),
        ("--notify", "nonsense"),
        ("--target", "key.root", "--exclude", "key.payments"),
        ("--lock-timeout", "soon"),
    ],
)
def test_wrong_usage(keyplan: Run, argv: tuple[str, ...]) -> None:
    result = keyplan("drift", *argv)
    assert (result.code, result.out) == (64, "")


def test_keys_of_nobody_count_only_when_asked_for(keyplan: Run, applied: Path) -> None:
    file = applied / "keyplan.yaml"
    mine = file.read_text()
    file.write_text(mine + "\nremoved:\n  - {from: key.payments, mode: forget}\n")
    text = file.read_text()
    start = text.index("  payments:\n    provider")
    end = text.index("\noutput:")
    cut = text[:start] + text[end:]
    file.write_text(cut[: cut.index("\noutput:")] + cut[cut.index("\nremoved:") :])
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("drift").code == 0
    result = keyplan("drift", "--unmanaged")
    assert result.code == 2
    assert "Unmanaged: 1 key." in result.out
    (stray,) = keyplan("drift", "--unmanaged", "--json").document["unmanaged"]
    assert (stray["provider"], stray["usage"]) == ("hsm", "encrypt")


# -- cron --------------------------------------------------------------------------------


def test_nothing_is_written_and_nothing_locked(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    before = everything_in(applied)
    for flags in ((), ("--json",), ("--unmanaged",), ("--format", "markdown")):
        assert keyplan("drift", *flags).code == 2
        assert everything_in(applied) == before


def test_a_run_that_holds_the_state_is_named(keyplan: Run, applied: Path) -> None:
    store = Workspace(applied, environment={}).store
    lease = store.acquire(LeaseInfo("x", "ana@laptop", "apply", SYSTEM_CLOCK.now()))
    try:
        result = keyplan("drift", "--json")
        assert (result.code, result.document["error"]["class"]) == (1, "busy")
        assert "ana@laptop is running keyplan apply" in result.document["error"]["what"]
    finally:
        lease.release()
    assert keyplan("drift").code == 0


def test_a_run_that_ends_in_time_is_waited_for(keyplan: Run, applied: Path) -> None:
    store = Workspace(applied, environment={}).store
    lease = store.acquire(LeaseInfo("x", "ana@laptop", "apply", SYSTEM_CLOCK.now()))
    timer = threading.Timer(0.3, lease.release)
    timer.start()
    try:
        assert keyplan("drift", "--lock-timeout", "1m").code == 0
    finally:
        timer.join()


def test_an_open_run_is_explained(keyplan: Run, applied: Path) -> None:
    journal = applied / ".keyplan" / "journal"
    (closed,) = (journal / "archive").glob("*.jsonl")
    state = json.loads((applied / "keyplan.state.json").read_text())
    assert state["serial"] == 1
    closed.rename(journal / closed.name)
    (applied / "keyplan.state.json").unlink()
    result = keyplan("drift", "--json")
    error = result.document["error"]
    assert (result.code, error["class"]) == (1, "busy")
    assert "keyplan resume" in error["advice"]


def test_a_run_that_came_in_between_is_noticed(
    keyplan: Run, applied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyplan.app import drift as module  # noqa: PLC0415

    survey = module.survey

    def disturbed(*args: Any, **kwargs: Any) -> Any:
        found = survey(*args, **kwargs)
        monkeypatch.setattr(module, "survey", survey)
        file = applied / "keyplan.yaml"
        file.write_text(file.read_text().replace("default: payments", "default: cards"))
        assert keyplan("apply", "--auto-approve").code == 0
        return found

    monkeypatch.setattr(module, "survey", disturbed)
    result = keyplan("drift", "--json")
    assert (result.code, result.document["error"]["class"]) == (1, "busy")


# -- putting it back ---------------------------------------------------------------------


def test_remediation_asks_does_and_says_what_it_left(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED, RENAMED)
    refused = keyplan("drift", "--remediate", answer="no\n")
    assert refused.code == 1
    assert "Do you want to put these changes back?" in refused.out
    assert keyplan("drift", "--json").document["counts"]["metadata"] == 1
    done = keyplan("drift", "--remediate", answer="yes\n")
    assert done.code == 2, "the alias of others is left"
    assert "! key.root aliases:theirs (access widened)" in done.out
    after = keyplan("drift", "--json").document
    assert [item["path"] for item in after["items"]] == ["aliases:theirs"]


def test_remediation_that_leaves_nothing_is_0(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    assert keyplan("drift", "--remediate", "--auto-approve").code == 0
    assert keyplan("drift").code == 0
    clean = keyplan("drift", "--remediate", "--auto-approve")
    assert (clean.code, clean.out) == (0, "No drift. There is nothing to put back.\n")


def test_the_journal_says_that_it_was_drift(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    keyplan("drift", "--remediate", "--auto-approve")
    logs = (applied / ".keyplan" / "journal" / "archive").glob("*.jsonl")
    assert any('"operation":"drift"' in log.read_text().replace(" ", "") for log in logs)


def test_remediation_as_events(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    result = keyplan("drift", "--remediate", "--json", "--auto-approve")
    kinds = [event["type"] for event in result.events]
    assert result.code == 0
    assert {"resource_drift", "apply_start", "apply_complete"} <= set(kinds)


def test_a_suspended_key_comes_back_only_where_the_state_is_written(
    keyplan: Run, applied: Path
) -> None:
    behind(applied, ChangeState(PAYMENTS, KeyState.ACTIVE, KeyState.SUSPENDED))
    left = keyplan("drift", "--remediate", "--auto-approve")
    assert left.code == 2
    assert "keyplan does not manage it" in left.out
    assert keyplan("drift").code == 2


def test_drift_that_is_only_reported_stays_drift_whatever_else_is_applied(
    keyplan: Run, applied: Path
) -> None:
    file = applied / "keyplan.yaml"
    managed = '    labels: {team: "${var.team}"}\n'
    text = file.read_text().replace(
        managed, f"{managed}    state: active\n    lifecycle: {{on_drift: report}}\n"
    )
    file.write_text(text)
    assert keyplan("apply", "--auto-approve").code == 0
    behind(applied, ChangeState(PAYMENTS, KeyState.ACTIVE, KeyState.SUSPENDED))
    file.write_text(text.replace("default: payments", "default: cards"))
    assert keyplan("apply", "--auto-approve").code == 0
    result = keyplan("plan", "--detailed-exitcode")
    assert result.code == 0, "on_drift: report leaves the key suspended"
    assert "state        active -> suspended" in keyplan("drift").out
    assert keyplan("drift", "--remediate", "--auto-approve").code == 0
    assert keyplan("drift").code == 0


# -- where nothing can be written --------------------------------------------------------

_WITHOUT_PRIVILEGES = """
import ctypes, os, sys
if os.geteuid() == 0:  # root without capabilities obeys permissions like anybody
    ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
sys.path[:0] = sys.argv[1].split(os.pathsep)
from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
try:
    open("proof", "w")
except PermissionError:
    sys.exit(run(sys.argv[2:], Terminal(sys.stdout, sys.stderr, os.environ)))
sys.exit("the folder can be written")
"""


def test_a_folder_that_cannot_be_written_is_enough(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "payments"
        shutil.copytree(applied, folder)
        everything = [Path(name), folder, *folder.rglob("*")]
        for path in everything:
            path.chmod(0o500 if path.is_dir() else 0o400)
        try:
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    _WITHOUT_PRIVILEGES,
                    os.pathsep.join(sys.path),
                    "drift",
                    "--json",
                ],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        finally:
            for path in everything:
                path.chmod(0o700)
    assert done.returncode == 2, done.stderr + done.stdout
    assert [item["path"] for item in json.loads(done.stdout)["items"]] == ["labels:team"]
