"""`keyplan discover` and `keyplan import`, as people use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import STACK, Run

ADOPTED = "adopted.keyplan.yaml"
EMPTY = "provider:\n  hsm: {store: .keyplan/hsm.db}\n"


@pytest.fixture
def abandoned(stack: Path, keyplan: Run) -> Path:
    """The stack's keys exist, and no state knows them any more."""
    assert keyplan("apply", "--auto-approve").code == 0
    forget = (
        "removed:\n  - {from: key.root, mode: forget}\n  - {from: key.payments, mode: forget}\n"
    )
    (stack / "keyplan.yaml").write_text(EMPTY + forget)
    assert keyplan("apply", "--auto-approve").code == 0
    (stack / "keyplan.yaml").write_text(EMPTY)
    return stack


def the_id(keyplan: Run, usage: str) -> str:
    keys = keyplan("discover", "--json").document["keys"]
    return next(str(key["id"]) for key in keys if key["attributes"]["usage"] == usage)


def test_keys_are_shown_with_their_hierarchy(abandoned: Path, keyplan: Run) -> None:
    found = keyplan("discover")
    assert found.code == 0
    assert "Looked at 2 keys; this stack does not have 2 keys." in found.out
    assert "(wraps)" in found.out
    assert "Next: keyplan discover --generate-config-out" in found.out
    assert max(map(len, found.out.splitlines())) <= 80


def test_json_says_what_would_be_declared(abandoned: Path, keyplan: Run) -> None:
    document = keyplan("discover", "--json").document
    root, child = document["keys"]
    assert (root["tier"], root["parent"], root["attributes"]["usage"]) == ("root", None, "wrap")
    assert (child["parent"], child["relation"]) == (root["address"], "wraps")
    assert child["attributes"]["labels"] == {"team": "payments"}
    assert document["left_out"] == []


def test_what_it_writes_is_a_plan_of_imports_only(abandoned: Path, keyplan: Run) -> None:
    written = keyplan("discover", "--generate-config-out", ADOPTED)
    assert "Next: keyplan plan" in written.out
    plan = keyplan("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "Plan: 0 to add, 0 to change, 0 to destroy, 2 to import." in plan.out
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("plan", "--detailed-exitcode").code == 0
    assert "does not have 0 keys" in keyplan("discover").out


def test_a_key_that_stands_alone_is_proposed_as_what_plans_without_a_warning(
    abandoned: Path, keyplan: Run
) -> None:
    (abandoned / "keyplan.yaml").write_text(
        EMPTY + "key:\n  alone:\n    {provider: hsm, tier: root, usage: encrypt,"
        " algorithm: aes-256, labels: {team: a}}\n"
    )
    assert keyplan("apply", "--auto-approve").code == 0
    (abandoned / "keyplan.yaml").write_text(EMPTY + "removed: [{from: key.alone, mode: forget}]\n")
    assert keyplan("apply", "--auto-approve").code == 0
    (abandoned / "keyplan.yaml").write_text(EMPTY)
    assert {key["tier"] for key in keyplan("discover", "--json").document["keys"]} == {
        "root",
        "service",
    }
    keyplan("discover", "--generate-config-out", ADOPTED)
    plan = keyplan("plan")
    assert "3 to import." in plan.out
    assert "KP-HIER" not in plan.out + plan.err


def test_discovering_writes_nothing_else(abandoned: Path, keyplan: Run) -> None:
    before = {path: path.read_bytes() for path in abandoned.rglob("*") if path.is_file()}
    keyplan("discover")
    assert {path: path.read_bytes() for path in abandoned.rglob("*") if path.is_file()} == before


def test_a_file_that_exists_is_never_replaced(abandoned: Path, keyplan: Run) -> None:
    (abandoned / ADOPTED).write_text("# mine\n")
    refused = keyplan("discover", "--generate-config-out", ADOPTED)
    assert refused.code == 1
    assert "exists already" in refused.err
    assert (abandoned / ADOPTED).read_text() == "# mine\n"


def test_keys_of_another_stack_are_left_out(stack: Path, keyplan: Run) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    for name in ("keyplan.state.json", "keyplan.state.json.backup"):
        (stack / name).unlink(missing_ok=True)
    shutil.rmtree(stack / ".keyplan" / "journal")  # its runs know that there was a state
    (stack / "keyplan.yaml").write_text(EMPTY)
    document = keyplan("discover", "--json").document
    assert document["keys"] == []
    assert len(document["left_out"]) == 2
    assert all("another keyplan stack owns it" in item["why"] for item in document["left_out"])
    text = " ".join(keyplan("discover", "--generate-config-out", ADOPTED).out.split())
    assert " and 1 more key: another keyplan stack owns it" in text
    assert (stack / ADOPTED).read_text().count("# left out:") == 1


def test_a_key_pending_deletion_is_left_out(abandoned: Path, keyplan: Run) -> None:
    keyplan("discover", "--generate-config-out", ADOPTED)
    keyplan("apply", "--auto-approve")
    name = keyplan("output", "--json").document  # nothing is declared there
    assert name == {}
    text = (abandoned / ADOPTED).read_text()
    (abandoned / ADOPTED).unlink()
    child = text.split("  - {to: key.")[2].split(",")[0]
    root = text.split("  - {to: key.")[1].split(",")[0]
    (abandoned / "keyplan.yaml").write_text(
        EMPTY + f"removed:\n  - {{from: key.{child}, mode: destroy}}\n"
        f"  - {{from: key.{root}, mode: forget}}\n"
    )
    assert keyplan("apply", "--auto-approve", "--allow", "max-delete").code == 0
    found = keyplan("discover", "--json").document
    assert [item["address"] for item in found["keys"]] == [f"key.{root}"]


def test_an_unknown_provider_is_named(stack: Path, keyplan: Run) -> None:
    refused = keyplan("discover", "--provider", "aws")
    assert refused.code == 1
    assert "Declared: hsm." in refused.err


def test_import_takes_over_one_key(abandoned: Path, keyplan: Run) -> None:
    (abandoned / "keyplan.yaml").write_text(STACK)
    root = the_id(keyplan, "wrap")
    done = keyplan("import", "key.root", root, "--auto-approve")
    assert done.code == 0
    assert "1 imported" in done.out
    assert root in keyplan("show").out


def test_import_asks(abandoned: Path, keyplan: Run) -> None:
    (abandoned / "keyplan.yaml").write_text(STACK)
    refused = keyplan("import", "key.root", the_id(keyplan, "wrap"), answer="no\n")
    assert refused.code == 1
    assert "was not approved" in refused.err


def test_import_says_what_is_wrong(abandoned: Path, keyplan: Run) -> None:
    (abandoned / "keyplan.yaml").write_text(STACK)
    assert "Did you mean key.root?" in keyplan("import", "key.rooot", "x").err
    missing = keyplan("import", "key.root", "no-such-key")
    assert missing.code == 1
    assert "there is no key no-such-key" in missing.err
    keyplan("import", "key.root", the_id(keyplan, "wrap"), "--auto-approve")
    again = keyplan("import", "key.root", "anything")
    assert again.code == 1
    assert "already" in again.err
