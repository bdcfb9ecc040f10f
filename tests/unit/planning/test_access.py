"""Who gains and who loses: by policy, by grant, and by the state of the key."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import Usage
from keyplan.model.operations import CreateGrant, RevokeGrant, SetAttribute
from keyplan.model.policies import ADMINISTER, OPERATIONS, USE
from keyplan.plans.changes import Reason
from keyplan.plans.plan import PlanMode
from keyplan.testing.bench import Bench, key, policy

ROOT = key("key.root", "root", "wrap")
A = Address("key.s")


def service(**attributes: Any) -> Any:
    return key("key.s", parent="key.root", policy=policy("decrypt", "encrypt"), **attributes)


def rows(plan: Any) -> dict[tuple[str, tuple[str, ...]], tuple[str | None, str | None]]:
    return {(row.name, row.operations): (row.before, row.after) for row in plan.access}


def test_suspending_takes_use_away_and_leaves_administering(bench: Bench) -> None:
    bench.converge(ROOT, service())
    plan = bench.plan(ROOT, service(state="suspended"))
    assert rows(plan) == {("reader", ("decrypt", "encrypt")): ("", None)}
    assert not any(row.wider for row in plan.access)


def test_enabling_gives_it_back_and_says_so(bench: Bench) -> None:
    bench.converge(ROOT, service(state="suspended"))
    plan = bench.plan(ROOT, service(state="active"))
    assert rows(plan) == {("reader", ("decrypt", "encrypt")): (None, "")}
    assert all(row.wider for row in plan.access)


def test_a_deactivated_key_still_decrypts(bench: Bench) -> None:
    bench.converge(ROOT, service(state="active"))
    plan = bench.plan(ROOT, service(state="deactivated"))
    assert rows(plan) == {("reader", ("encrypt",)): ("", None)}


def test_a_key_on_its_way_out_says_who_loses_it(bench: Bench) -> None:
    bench.converge(ROOT, service())
    plan = bench.plan(ROOT, removed={"key.s": "destroy"})
    assert rows(plan) == {("reader", ("decrypt", "encrypt")): ("", None)}


def test_a_grant_that_ended_is_revoked_by_the_next_apply(bench: Bench) -> None:
    terms = {
        "principal": ["who:reader"],
        "operations": ["decrypt"],
        "context": {},
        "expires_at": "2027-03-01T00:00:00Z",
    }
    declared = service(grants={"batch": terms})
    bench.converge(ROOT, declared)
    assert "grant batch is revoked" in [due.what for due in bench.plan(ROOT, declared).due]
    bench.plugin.clock.advance(timedelta(days=100))
    (step,) = bench.plan(ROOT, declared).steps
    assert isinstance(step.operation, RevokeGrant)
    assert step.reason is Reason.DUE
    bench.converge(ROOT, declared)


def test_a_grant_that_ended_is_never_given(bench: Bench) -> None:
    terms = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
    ended = {**terms, "expires_at": "2020-01-01T00:00:00Z"}
    bench.converge(ROOT, service(grants={"batch": ended}))
    assert bench.live("key.s").attributes["grants"] == {}


def test_drift_that_was_declared_since_is_settled_by_one_apply(bench: Bench) -> None:
    bench.converge(ROOT, service(description="a", labels={"x": "1"}))
    bench.behind(SetAttribute(A, "description", "a", "b"))
    agreed = service(description="b", labels={"x": "1"})
    assert len(bench.plan(ROOT, agreed).drift) == 1
    bench.converge(ROOT, agreed)
    assert bench.plan(ROOT, agreed).drift == ()


def test_a_foreign_grant_can_be_taken_note_of(bench: Bench) -> None:
    bench.converge(ROOT, service())
    terms = {"principal": ["who:stranger"], "operations": ["decrypt"], "context": {}}
    bench.behind(CreateGrant(A, "theirs", terms))
    bench.perform(bench.plan(ROOT, service(), mode=PlanMode.REFRESH_ONLY))
    assert bench.plan(ROOT, service()).drift == ()
    assert "theirs" in bench.live("key.s").attributes["grants"]


@pytest.mark.parametrize(
    ("usage", "algorithm", "used"),
    [
        ("encrypt", "aes-256", {"encrypt", "decrypt", "reencrypt", "generate_data_key"}),
        ("encrypt", "rsa-3072", {*USE[Usage.ENCRYPT], "get_public_key"}),
        ("sign", "ec-p256", {"sign", "verify", "get_public_key"}),
        ("mac", "hmac-sha256", {"generate_mac", "verify_mac"}),
        # To a service that does not wrap by itself, this one encrypts.
        ("wrap", "aes-256", {"wrap", "unwrap", *USE[Usage.ENCRYPT]}),
    ],
)
def test_only_what_a_key_of_its_usage_can_do_is_access(
    bench: Bench, usage: str, algorithm: str, used: set[str]
) -> None:
    tier = "root" if usage == "wrap" else "service"
    declared = key("key.s", tier, usage, algorithm=algorithm, policy=policy(*sorted(OPERATIONS)))
    (row,) = (row for row in bench.plan(declared).access if row.name == "reader")
    assert set(row.operations) == used | ADMINISTER | {"export"}


def test_a_right_to_do_what_the_key_cannot_is_no_row(bench: Bench) -> None:
    declared = service()
    bench.converge(ROOT, declared)
    senseless = replace(declared, policy=policy("decrypt", "encrypt", "sign"))
    plan = bench.plan(ROOT, senseless)
    assert plan.steps
    assert plan.access == ()
