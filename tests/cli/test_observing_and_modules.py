"""A stack that only observes writes nothing; keys in modules live as all others do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

USE = """\
provider:
  hsm: {store: .keyplan/hsm.db}
key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
module:
  NAME:
    for_each: [acme]
    source: ./tenant
    inputs: {parent: key.root}
"""
MODULE = """\
variable: {parent: {type: key}}
key:
  data: {provider: hsm, parent: var.parent, usage: encrypt, algorithm: aes-256}
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def tenants(stack: Path) -> Path:
    (stack / "keyplan.yaml").write_text(USE.replace("NAME", "tenant"))
    (stack / "tenant").mkdir()
    (stack / "tenant" / "keyplan.yaml").write_text(MODULE)
    return stack


def test_a_stack_that_observes_plans_and_writes_nothing(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    text = (stack / "keyplan.yaml").read_text().replace("default: payments", "default: cards")
    (stack / "keyplan.yaml").write_text("keyplan: {mode: observe}\n" + text)
    before = contents(stack)
    assert keyplan("plan").code == 0
    done = keyplan("apply", "--auto-approve")
    assert "Apply complete" not in done.out
    assert "writes nothing at all" in " ".join((done.out + done.err).split())
    assert contents(stack) == before


def test_a_key_in_a_module_is_made_moved_and_removed(keyplan: Run, tenants: Path) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    state = tenants / "keyplan.state.json"
    old, new = 'module.tenant["acme"].key.data', 'module.customer["acme"].key.data'
    made = json.loads(state.read_text())["resources"][old]["id"]
    moved = USE.replace("NAME", "customer")
    (tenants / "keyplan.yaml").write_text(
        moved + "moved: [{from: module.tenant, to: module.customer}]\n"
    )
    assert keyplan("apply", "--auto-approve").code == 0
    resources = json.loads(state.read_text())["resources"]
    assert resources[new]["id"] == made
    assert old not in resources
    assert keyplan("plan", "--detailed-exitcode").code == 0
    gone = moved[: moved.index("module:")]
    (tenants / "keyplan.yaml").write_text(gone)
    assert keyplan("plan").code == 1, "absence never destroys"
    (tenants / "keyplan.yaml").write_text(
        gone + f"removed: [{{from: '{new.replace('acme', '*')}', mode: forget}}]\n"
    )
    assert keyplan("apply", "--auto-approve").code == 0
    assert new not in json.loads(state.read_text())["resources"]


def test_terraform_json_names_the_module(keyplan: Run, tenants: Path) -> None:
    keyplan("plan", "--out", "kplan")
    document = keyplan("show", "--json", "kplan").document
    found = {item["address"]: item for item in document["resource_changes"]}
    assert found['module.tenant["acme"].key.data']["module_address"] == 'module.tenant["acme"]'


def test_an_error_in_a_module_shows_both_files(keyplan: Run, tenants: Path) -> None:
    broken = MODULE.replace("aes-256", "aes-257")
    (tenants / "tenant" / "keyplan.yaml").write_text(broken)
    shown = keyplan("validate")
    assert shown.code == 1
    text = shown.out + shown.err
    assert "tenant/keyplan.yaml:3:" in text
    assert "module.tenant is used here" in text
