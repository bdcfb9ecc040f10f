"""`import` and `moved`, from the file to the state, on the HSM emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

PAYMENTS = "  payments:\n"


def resources(stack: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stack / "keyplan.state.json").read_text())["resources"]
    return found


def rewrite(stack: Path, old: str, new: str) -> None:
    path = stack / "keyplan.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add(stack: Path, text: str) -> None:
    with (stack / "keyplan.yaml").open("a") as file:
        file.write(text)


def changed(keyplan: Run, stack: Path, address: str) -> dict[str, Any]:
    assert keyplan("plan", "--out", "kplan").code == 0
    document = keyplan("show", "--json", "kplan").document
    (found,) = [item for item in document["resource_changes"] if item["address"] == address]
    (stack / "kplan").unlink()
    return dict(found)


@pytest.fixture
def applied(keyplan: Run, stack: Path) -> Path:
    assert keyplan("apply", "--auto-approve").code == 0
    return stack


def test_a_moved_key_keeps_its_id_and_is_not_touched(keyplan: Run, applied: Path) -> None:
    before = resources(applied)["key.payments"]["id"]
    rewrite(applied, PAYMENTS, "  cards:\n")
    rewrite(applied, "key.payments.id", "key.cards.id")
    add(applied, "moved:\n  - {from: key.payments, to: key.cards}\n")
    found = changed(keyplan, applied, "key.cards")
    assert found["previous_address"] == "key.payments"
    assert found["change"]["actions"] == ["no-op"]
    plan = keyplan("plan")
    assert "moved from key.payments" in plan.out
    assert keyplan("apply", "--auto-approve").code == 0
    assert resources(applied)["key.cards"]["id"] == before
    assert "key.payments" not in resources(applied)
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_a_key_moves_into_for_each_with_all_that_follow_it(keyplan: Run, applied: Path) -> None:
    before = resources(applied)["key.payments"]["id"]
    rewrite(applied, PAYMENTS, "  cards:\n    for_each: [prod]\n")
    rewrite(applied, "key.payments.id", "'key.cards[\"prod\"].id'")
    add(
        applied,
        "moved:\n"
        "  - {from: key.middle, to: 'key.cards[\"prod\"]'}\n"
        "  - {from: key.payments, to: key.middle}\n",
    )
    assert keyplan("apply", "--auto-approve").code == 0
    assert resources(applied)['key.cards["prod"]']["id"] == before


def test_a_forgotten_key_is_imported_as_it_is_and_then_compared(
    keyplan: Run, applied: Path
) -> None:
    identifier = resources(applied)["key.payments"]["id"]
    text = (applied / "keyplan.yaml").read_text()
    without = text[: text.index(PAYMENTS)] + "removed: [{from: key.payments, mode: forget}]\n"
    (applied / "keyplan.yaml").write_text(without)
    assert keyplan("apply", "--auto-approve").code == 0
    assert "key.payments" not in resources(applied)
    (applied / "keyplan.yaml").write_text(text.replace("${var.team}", "cards"))
    add(
        applied,
        "import:\n"
        f"  - {{for_each: {{payments: {identifier}}}, to: key.payments, id: '${{each.value}}'}}\n",
    )
    found = changed(keyplan, applied, "key.payments")
    assert found["change"]["importing"] == {"id": identifier}
    plan = keyplan("plan")
    assert "1 to import" in plan.out
    assert "= key.payments" in plan.out
    done = keyplan("apply", "--auto-approve")
    assert done.code == 0, done.err
    assert resources(applied)["key.payments"]["id"] == identifier
    assert resources(applied)["key.payments"]["attributes"]["labels"] == {"team": "cards"}
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_an_observed_key_of_another_stack_is_read_and_never_written(
    keyplan: Run, applied: Path
) -> None:
    identifier = resources(applied)["key.payments"]["id"]
    other = applied.parent / "other"
    other.mkdir()
    (other / "keyplan.yaml").write_text(
        f"provider: {{hsm: {{store: {applied / '.keyplan' / 'hsm.db'}}}}}\n"
        "key:\n"
        "  theirs: {provider: hsm, policies: keep, lifecycle: {manage: observe}}\n"
        f"import: [{{to: key.theirs, id: {identifier}}}]\n"
        "output: {theirs: {value: key.theirs.id}}\n"
    )
    done = keyplan(f"-chdir={other}", "apply", "--auto-approve")
    assert done.code == 0, done.out + done.err
    assert resources(other)["key.theirs"]["id"] == identifier
    assert keyplan(f"-chdir={other}", "output", "-raw", "theirs").out.strip() == identifier
    assert keyplan("plan", "--detailed-exitcode").code == 0, "its owner sees no change"


def test_an_import_of_what_is_not_there_changes_nothing(keyplan: Run, applied: Path) -> None:
    add(applied, "  legacy: {provider: hsm, lifecycle: {manage: observe}}\n")
    text = (applied / "keyplan.yaml").read_text()
    key = "  legacy: {provider: hsm, lifecycle: {manage: observe}}\n"
    text = text.replace(key, "").replace("key:\n", "key:\n" + key)
    (applied / "keyplan.yaml").write_text(text + "import: [{to: key.legacy, id: nothing}]\n")
    done = keyplan("apply", "--auto-approve")
    assert done.code == 1
    assert "key.legacy cannot be imported: hsm has no key nothing" in done.out + done.err
