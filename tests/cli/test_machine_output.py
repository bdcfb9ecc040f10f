"""What programs read: the event stream, documents, errors with their class."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_plan_and_show_give_the_same_document(keyplan: Run) -> None:
    planned = keyplan("plan", "--format", "json", "--out", "kplan")
    shown = keyplan("show", "--json", "kplan")
    assert planned.document == shown.document
    assert shown.document["format_version"] == "1.2"
    changes = shown.document["resource_changes"]
    assert [change["change"]["actions"] for change in changes] == [["create"], ["create"]]


def test_the_event_stream_of_a_plan(keyplan: Run) -> None:
    events = keyplan("plan", "--json").events
    assert events[0]["type"] == "version"
    assert [event["type"] for event in events].count("planned_change") == 2
    summary = next(event for event in events if event["type"] == "change_summary")
    assert summary["changes"]["add"] == 2


def test_the_event_stream_of_an_apply(keyplan: Run) -> None:
    events = keyplan("apply", "--json", "--auto-approve").events
    kinds = [event["type"] for event in events]
    assert kinds.count("apply_start") == kinds.count("apply_complete") > 0
    summary = [event for event in events if event["type"] == "change_summary"][-1]
    assert summary["changes"]["operation"] == "apply"
    assert events[-1]["type"] == "outputs"


def test_json_apply_of_a_saved_plan_needs_no_approval(keyplan: Run) -> None:
    keyplan("plan", "--out", "kplan")
    assert keyplan("apply", "--json", "kplan").code == 0


def test_an_error_in_a_stream_carries_its_class(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").write_text("key: {a: 1}\n")
    result = keyplan("plan", "--json")
    assert result.code == 1
    assert [event["type"] for event in result.events[:2]] == ["version", "diagnostic"]
    assert result.events[1]["error"]["class"] == "configuration"


def test_an_error_instead_of_a_document_is_a_document(keyplan: Run) -> None:
    result = keyplan("show", "--json", "nothing")
    assert result.code == 1
    assert result.document["error"]["class"] == "plan_file"


def test_the_output_file_holds_the_format_and_the_log_the_text(keyplan: Run, stack: Path) -> None:
    result = keyplan("plan", "--format", "json", "--output-file", "plan.json")
    assert "Plan: 2 to add" in result.out
    assert json.loads((stack / "plan.json").read_text())["format_version"] == "1.2"
    assert not [path for path in stack.iterdir() if path.name.startswith(".plan")]


def test_an_output_file_that_cannot_be_written_is_an_error(keyplan: Run) -> None:
    result = keyplan("plan", "--output-file", "no/such/folder")
    assert result.code == 1
    assert "cannot be written" in result.err


def test_outputs_for_people_and_scripts(keyplan: Run) -> None:
    assert keyplan("output").out == "The state has no outputs.\n"
    keyplan("apply", "--auto-approve")
    raw = keyplan("output", "payments_id", "--raw").out
    assert raw
    assert keyplan("output", "payments_id").out == f"{raw}\n"
    assert keyplan("output", "--json").document == {
        "payments_id": {"sensitive": False, "value": raw}
    }
    missing = keyplan("output", "payment_id")
    assert missing.code == 1
    assert "Did you mean 'payments_id'?" in missing.err


def test_the_state_is_shown_without_a_plan_file(keyplan: Run) -> None:
    keyplan("apply", "--auto-approve")
    text = keyplan("show").out
    assert text.startswith("State local keyplan.state.json, serial 1: 2 keys\n")
    assert all(len(line) <= 80 for line in text.splitlines())
    document = keyplan("show", "--json").document
    resources = document["values"]["root_module"]["resources"]
    assert [item["address"] for item in resources] == ["key.payments", "key.root"]


def test_validate_lists_every_mistake(keyplan: Run, stack: Path) -> None:
    good = keyplan("validate", "--json")
    assert good.code == 0
    assert good.document["valid"] is True
    assert "Success! The configuration is valid: 2 keys" in keyplan("validate").out
    (stack / "keyplan.yaml").write_text(
        (stack / "keyplan.yaml").read_text().replace("usage: wrap", "usage: rap") + "nonsense: 1\n"
    )
    bad = keyplan("validate", "--json")
    assert bad.code == 1
    assert bad.document["error_count"] >= 2
    assert all("range" in item for item in bad.document["diagnostics"])
    assert "errors" in keyplan("validate").err


def test_providers_are_listed_and_described(keyplan: Run) -> None:
    listed = [line.split()[0] for line in keyplan("providers").out.splitlines() if line[0] != " "]
    assert listed == ["aws", "hsm"]
    detailed = keyplan("providers", "hsm", "--permissions")
    assert "algorithms" in detailed.out
    assert all(len(line) <= 80 for line in detailed.out.splitlines())
    document = keyplan("providers", "--json").document
    found = {item["name"]: item for item in document["providers"]}
    assert found["hsm"]["capabilities"]["algorithms"]["aes-256"]
    missing = keyplan("providers", "nowhere")
    assert missing.code == 1
    assert "the provider nowhere is not installed" in missing.err
    assert "Installed: aws, hsm." in missing.err
    assert "pip" not in missing.err


def test_version(keyplan: Run) -> None:
    assert keyplan("version").out.startswith("keyplan ")
    assert keyplan("--version").out == keyplan("version").out
    assert keyplan("version", "--json").document["keyplan_version"]
