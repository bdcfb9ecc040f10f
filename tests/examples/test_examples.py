"""Each example is executed, and so is each command of its README, in a copy of its folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyplan_aws.mock import PORT
from tests.aws_double import KmsDouble
from tests.support.aws_mock import aws_mock

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / "README.md").is_file())

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\s+# exit code (\d+)$")


_services: dict[str, str] = {}
"""What the README has its readers export: where the services of this example are."""


@pytest.fixture(autouse=True)
def _serve(request: pytest.FixtureRequest) -> Iterator[None]:
    """An AWS of its own for each test of the example that needs one."""
    if getattr(request.node, "callspec", None) is None or "aws" not in request.node.callspec.id:
        yield
        return
    with aws_mock() as environment:
        _services.update(environment)
        yield
    _services.clear()


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command as a reader of the README would run it: a shell, keyplan on the path."""
    environment = {
        **_services,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def commands(readme: Path) -> Iterator[tuple[str, int]]:
    """Every command of a README's console blocks, and the exit code it announces."""
    for block in _BLOCK.findall(readme.read_text(encoding="utf-8")):
        for line in block.splitlines():
            assert line.startswith("$ "), f"{readme}: console blocks hold commands: {line}"
            announced = _EXIT.search(line)
            yield _EXIT.sub("", line.removeprefix("$ ")), int(announced[1]) if announced else 0


def copied(name: str, to: Path) -> Path:
    folder = to / name
    shutil.copytree(EXAMPLES / name, folder)
    return folder


def keys_in_state(folder: Path) -> set[str]:
    return set(json.loads((folder / "keyplan.state.json").read_text())["resources"])


def test_there_are_examples() -> None:
    assert {"quickstart", "hierarchy"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_the_readme_does_what_it_says(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    listed = list(commands(folder / "README.md"))
    assert listed, "the README shows how to run the example"
    for command, announced in listed:
        done = run(command, folder)
        assert done.returncode == announced, f"$ {command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_applied_example_has_nothing_left_to_do(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    assert run("keyplan validate", folder).returncode == 0
    first = run("keyplan plan --detailed-exitcode", folder)
    assert first.returncode == 2, first.stderr
    assert not (folder / "keyplan.state.json").exists(), "planning writes nothing"
    assert not (folder / ".keyplan").exists(), "planning makes no HSM"
    applied = run("keyplan apply --auto-approve", folder)
    assert applied.returncode == 0, applied.stderr
    again = run("keyplan plan --detailed-exitcode", folder)
    assert again.returncode == 0, again.stdout
    assert "No changes. The keys match the configuration." in again.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_protected_against_being_destroyed(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    assert run("keyplan apply --auto-approve", folder).returncode == 0
    before = keys_in_state(folder)
    refused = run("keyplan destroy --auto-approve", folder)
    assert refused.returncode == 1
    assert "protected" in refused.stdout + refused.stderr
    assert keys_in_state(folder) == before
    assert "key.root" in before


def test_a_key_that_disappears_from_the_quickstart_is_not_destroyed(tmp_path: Path) -> None:
    folder = copied("quickstart", tmp_path)
    assert run("keyplan apply --auto-approve", folder).returncode == 0
    stack = folder / "keyplan.yaml"
    text = stack.read_text()
    stack.write_text(text[: text.index("  payments:\n    provider")])
    refused = run("keyplan apply --auto-approve", folder)
    assert refused.returncode == 1
    assert "removed: [{from: 'key.payments'" in refused.stdout + refused.stderr
    assert "key.payments" in keys_in_state(folder)


def test_a_removed_entry_destroys_in_stages(tmp_path: Path) -> None:
    folder = copied("quickstart", tmp_path)
    assert run("keyplan apply --auto-approve", folder).returncode == 0
    stack = folder / "keyplan.yaml"
    text = stack.read_text()
    kept = text[: text.index("  payments:\n    provider")]
    stack.write_text(kept + "removed:\n  - {from: key.payments, mode: destroy}\n")
    applied = run("keyplan apply --auto-approve", folder)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    listed = run("keyplan hsm keys", folder)
    assert "acme/payments" in listed.stdout, "it can still be had back"
    assert "key.payments" in keys_in_state(folder), "it stays in the state until it is gone"
    again = run("keyplan plan --detailed-exitcode", folder)
    assert again.returncode == 0, again.stdout


def test_a_removed_key_that_is_declared_again_is_rescued(tmp_path: Path) -> None:
    folder = copied("quickstart", tmp_path)
    assert run("keyplan apply --auto-approve", folder).returncode == 0
    stack = folder / "keyplan.yaml"
    text = stack.read_text()
    kept = text[: text.index("  payments:\n    provider")]
    stack.write_text(kept + "removed:\n  - {from: key.payments, mode: destroy}\n")
    assert run("keyplan apply --auto-approve", folder).returncode == 0
    before = run("keyplan hsm keys", folder).stdout.count("acme/payments")
    stack.write_text(text)
    rescued = run("keyplan apply --auto-approve", folder)
    assert rescued.returncode == 0, rescued.stdout + rescued.stderr
    listed = run("keyplan hsm keys", folder).stdout
    assert listed.count("acme/payments") == before == 1, "rescued, not made again"
    assert run("keyplan plan --detailed-exitcode", folder).returncode == 0


def test_the_demonstration_leaves_nothing_behind(tmp_path: Path) -> None:
    before = sorted(path.name for path in (EXAMPLES / "quickstart").rglob("*"))
    shown = run(f"sh {EXAMPLES / 'quickstart' / 'demo.sh'}", tmp_path)
    assert shown.returncode == 0, shown.stderr
    for line in (
        "$ keyplan plan",
        "Plan: 3 to add, 0 to change, 0 to destroy.",
        "Apply complete! Resources: 3 added, 0 changed, 0 destroyed.",
        "No changes. The keys match the configuration.",
    ):
        assert line in shown.stdout
    assert sorted(path.name for path in (EXAMPLES / "quickstart").rglob("*")) == before


def test_the_aws_example_runs_unchanged_in_another_account(tmp_path: Path) -> None:
    """Against a KMS that is as strict as AWS: states, policies, grants, tags, rotation."""
    folder = copied("aws", tmp_path)
    with KmsDouble() as double:
        where = {**double.environment(), "KEYPLAN_VAR_account": double.caller.account}
        _services.update(where)
        try:
            applied = run("keyplan apply --auto-approve", folder)
            again = run("keyplan plan --detailed-exitcode", folder)
        finally:
            _services.clear()
        keys = list(double.world.every_key())
        names = double.world.aliases(double.caller.account, "us-east-1")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert again.returncode == 0, again.stdout
    assert double.calls.count("CreateKey") == len(keys) == 4
    assert set(names) == {"alias/acme/payments", "alias/acme/ledger"}
    rotations = sorted(key.shared.rotation.period for key in keys if key.shared.rotation.enabled)
    assert rotations == [180, 365, 365]
    assert sum(len(key.grants) for key in keys) == 1
    assert all(key.tags["managed-by"] == "keyplan" for key in keys)


def test_the_aws_example_shows_what_its_readme_exports() -> None:
    """The variables that the mock prints are those that the README shows."""
    shown = (EXAMPLES / "aws" / "README.md").read_text(encoding="utf-8")
    with aws_mock() as environment:
        exported = {name for name in environment if name.startswith("AWS_")}
    named = set(re.findall(r"^export (AWS_\w+)=", shown, re.MULTILINE))
    assert named == exported - {"AWS_EC2_METADATA_DISABLED"}
    assert f"http://127.0.0.1:{PORT}" in shown
