"""The JSON plan: Terraform's shape, so that rules written for it hold here."""

from __future__ import annotations

import json
from dataclasses import replace

from keyplan.model.address import Address
from keyplan.plans.changes import Action, DriftItem, DriftKind, DriftResponse, ResourceChange
from keyplan.render.plan_json import plan_document
from tests.golden import samples


def test_the_document_has_terraforms_keys_and_one_of_ours() -> None:
    document = plan_document(samples.risky())
    assert document["format_version"] == "1.2"
    assert {
        "resource_changes", "resource_drift", "output_changes", "prior_state", "planned_values",
        "checks", "timestamp", "applyable", "complete", "errored", "keyplan",
    } <= document.keys()  # fmt: skip
    assert {
        "checksum", "steps", "access", "findings", "blast_radius", "preconditions", "brakes",
        "next_due",
    } <= document["keyplan"].keys()  # fmt: skip


def test_a_create_has_no_before_and_keeps_unknowns_apart() -> None:
    document = plan_document(samples.small_create())
    change = document["resource_changes"][2]
    assert {name: change[name] for name in ("mode", "type", "name", "provider_name")} == {
        "mode": "managed",
        "type": "key",
        "name": "payments",
        "provider_name": "aws",
    }
    assert change["change"]["actions"] == ["create"]
    assert change["change"]["before"] is None
    assert change["change"]["after_unknown"] == {"arn": True}
    assert "arn" not in change["change"]["after"]
    assert change["change"]["before_sensitive"] is False
    assert change["change"]["after_sensitive"] == {}


def test_the_index_is_the_for_each_key() -> None:
    change = plan_document(samples.small_create())["resource_changes"][1]
    assert (change["address"], change["index"]) == ('key.master["prod"]', "prod")
    assert "index" not in plan_document(samples.small_create())["resource_changes"][0]


def test_a_key_in_a_module_names_its_module() -> None:
    address = Address('module.tenant["acme"].key.data')
    base = samples.destroy().changes[0]
    made = replace(samples.destroy(), changes=(replace(base, address=address),))
    document = plan_document(made)
    assert document["resource_changes"][0]["module_address"] == 'module.tenant["acme"]'
    modules = document["prior_state"]["values"]["root_module"]["child_modules"]
    assert modules[0]["address"] == 'module.tenant["acme"]'


def test_scheduling_deletion_contains_delete_whatever_the_change_is_called() -> None:
    plan = samples.destroy()
    assert plan_document(plan)["resource_changes"][0]["change"]["actions"] == ["delete"]
    renamed = replace(plan, changes=(replace(plan.changes[0], action=Action.UPDATE),))
    assert plan_document(renamed)["resource_changes"][0]["change"]["actions"] == ["delete"]


def test_suspending_is_an_update() -> None:
    plan = samples.destroy()
    first: ResourceChange = replace(plan.changes[0], action=Action.UPDATE, steps=(1,))
    document = plan_document(replace(plan, changes=(first,)))
    assert document["resource_changes"][0]["change"]["actions"] == ["update"]


def test_drift_shows_what_was_applied_and_what_is_now() -> None:
    (drift,) = plan_document(samples.refresh_only())["resource_drift"]
    assert drift["change"]["actions"] == ["update"]
    assert drift["change"]["before"] == {"state": "active", "labels": {"team": "ledger"}}
    assert drift["change"]["after"] == {"state": "suspended", "labels": {}}


def test_a_vanished_key_drifts_as_delete() -> None:
    item = DriftItem(
        samples.LEDGER, "hsm", "state", "active", None, DriftKind.VANISHED, DriftResponse.BLOCK
    )
    (drift,) = plan_document(samples.plan(drift=(item,)))["resource_drift"]
    assert drift["change"]["actions"] == ["delete"]
    assert drift["change"]["after"] is None


def test_findings_are_checks_that_fail_only_when_they_block() -> None:
    checks = plan_document(samples.blocked())["checks"]
    assert [(check["address"]["name"], check["status"]) for check in checks] == [
        ("KP-PLAN-006", "fail")
    ]
    assert all(check["status"] == "pass" for check in plan_document(samples.risky())["checks"])
    assert plan_document(samples.blocked())["errored"] is True


def test_the_blast_radius_counts_keys_principals_and_what_has_no_undo() -> None:
    radius = plan_document(samples.risky())["keyplan"]["blast_radius"]
    assert radius["keys_changed"] == 4
    assert radius["keys_total"] == 46
    assert radius["scopes"]["tenant"] == ["acme", "globex"]
    assert radius["principals_gaining"] == ["analytics_etl", "payments_api"]
    assert radius["irreversible_steps"] == [4]


def test_the_document_is_plain_json() -> None:
    for make in (samples.small_create, samples.risky, samples.destroy, samples.refresh_only):
        assert json.loads(json.dumps(plan_document(make()), allow_nan=False))
