"""What people install: the wheel, in a fresh environment, with a provider that a stranger wrote.

Nothing here sees the checkout: the wheel is built from the source distribution, and both
are installed where no other copy of keyplan is. Needs pip's index.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import keyplan

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("packaging")]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STACK = """\
provider:
  acme: {path: acme.json}
  hsm: {}

principal:
  key_admins: {kind: human, acme: "acme:admins", hsm: "spiffe://acme.example/admins"}
  payments: {kind: workload, acme: "acme:payments"}

policy:
  envelope:
    administrators: [principal.key_admins]
    statement:
      Use: {principals: [principal.payments], operations: [use]}

key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  master:
    provider: acme
    tier: master
    parent: key.root
    relation: governs
    usage: wrap
    algorithm: aes-256
  payments:
    provider: acme
    parent: key.master
    usage: encrypt
    algorithm: aes-256
    description: keeps card numbers
    labels: {team: payments}
    policies: [policy.envelope]
    deletion: {protection: false}
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """One of its programs, with nothing of the environment of this process."""
        bin_folder = self.folder / "bin"
        environment = {
            "PATH": f"{bin_folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(cwd),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [str(bin_folder / command[0]), *command[1:]],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


def checked(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    dist = tmp_path_factory.mktemp("dist")
    options = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    checked(sys.executable, "-m", "build", *options, "--outdir", str(dist), cwd=ROOT)
    [built] = dist.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with the wheel and the stranger's distribution."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    checked(sys.executable, "-m", "venv", str(folder), cwd=ROOT)
    stranger = tmp_path_factory.mktemp("stranger") / "keyplan-acme"
    shutil.copytree(HERE / "thirdparty", stranger)
    checked(
        str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", f"{wheel}[testing]", str(stranger), cwd=ROOT,
    )  # fmt: skip
    return Environment(folder)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    return folder


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    checker = Path(sys.executable).parent / "check-wheel-contents"
    checked(str(checker), str(wheel), cwd=ROOT)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {
        "keyplan", "keyplan_aws", "keyplan_hsm", "keyplan_state",
        f"keyplan-{keyplan.__version__}.dist-info",
    }  # fmt: skip
    for package in ("keyplan", "keyplan_aws", "keyplan_hsm", "keyplan_state"):
        assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_knows_its_version(fresh: Environment, tmp_path: Path) -> None:
    shown = fresh.run("keyplan", "version", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert keyplan.__version__ in shown.stdout
    where = fresh.run("python", "-c", "import keyplan; print(keyplan.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(fresh.folder)), "it runs from the checkout"


def test_a_stack_is_started_from_what_was_installed(fresh: Environment, tmp_path: Path) -> None:
    started = fresh.run("keyplan", "init", "new", "--template", "hierarchy", cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    assert '"acme"' in (tmp_path / "new/keyplan.schema.json").read_text()
    for command in (["validate"], ["fmt", "--check"], ["init"]):
        done = fresh.run("keyplan", "--chdir", "new", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_strangers_provider_is_found_by_its_entry_point(
    fresh: Environment, tmp_path: Path
) -> None:
    shown = fresh.run("keyplan", "providers", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "hsm" in shown.stdout
    assert "Acme's vault" in shown.stdout
    listed = fresh.run("keyplan", "providers", "--json", cwd=tmp_path)
    assert {"acme", "hsm"} <= set(json.dumps(json.loads(listed.stdout)).split('"'))


def test_a_strangers_provider_is_planned_and_applied(fresh: Environment, stack: Path) -> None:
    first = fresh.run("keyplan", "plan", "--detailed-exitcode", cwd=stack)
    assert first.returncode == 2, first.stdout + first.stderr
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in first.stdout
    applied = fresh.run("keyplan", "apply", "--auto-approve", cwd=stack)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    vault = json.loads((stack / "acme.json").read_text())["keys"]
    assert sorted(key["attributes"]["usage"] for key in vault.values()) == ["encrypt", "wrap"]
    again = fresh.run("keyplan", "plan", "--detailed-exitcode", cwd=stack)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "No changes. The keys match the configuration." in again.stdout


def test_drift_in_a_strangers_provider_is_put_back(fresh: Environment, stack: Path) -> None:
    assert fresh.run("keyplan", "apply", "--auto-approve", cwd=stack).returncode == 0
    vault = stack / "acme.json"
    vault.write_text(vault.read_text().replace("keeps card numbers", "changed by hand"))
    drifted = fresh.run("keyplan", "plan", "--detailed-exitcode", cwd=stack)
    assert drifted.returncode == 2
    assert "changed by hand" in drifted.stdout
    assert fresh.run("keyplan", "apply", "--auto-approve", cwd=stack).returncode == 0
    assert "keeps card numbers" in vault.read_text()


def test_what_a_strangers_provider_lacks_is_an_error_with_its_line(
    fresh: Environment, stack: Path
) -> None:
    declared = stack / "keyplan.yaml"
    declared.write_text(STACK.replace("labels: {team: payments}", "rotation: {every: 90d}"))
    refused = fresh.run("keyplan", "validate", cwd=stack)
    if refused.returncode == 0:
        refused = fresh.run("keyplan", "plan", cwd=stack)
    assert refused.returncode == 1, refused.stdout
    assert "rotation" in refused.stdout + refused.stderr
    assert "keyplan.yaml:" in refused.stdout + refused.stderr


def test_a_strangers_provider_keeps_the_contract(fresh: Environment, tmp_path: Path) -> None:
    shutil.copy(HERE / "thirdparty" / "contract_acme.py", tmp_path)
    ran = fresh.run(
        "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "contract_acme.py", cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout


def test_the_quickstart_runs_on_what_was_installed(fresh: Environment, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "quickstart")
    folder = tmp_path / "quickstart"
    for command, code in (("plan", 2), ("apply", 0), ("plan", 0)):
        option = "--auto-approve" if command == "apply" else "--detailed-exitcode"
        done = fresh.run("keyplan", command, option, cwd=folder)
        assert done.returncode == code, done.stdout + done.stderr
