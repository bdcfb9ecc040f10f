"""Identities that were deleted or made anew are told from the ids of the last apply."""

from __future__ import annotations

from typing import Any

from keyplan.model.address import Address
from keyplan.plans.plan import Plan
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake_service import FakeKey

A = Address("key.a")
KEY = key("key.a", "root", "wrap", policy=policy("decrypt"))


def known(bench: Bench, **ids: str) -> None:
    """Let the service report who its policy means."""
    value: Any = {f"who:{name}": identifier for name, identifier in ids.items()}
    identifier = bench.state.resources[A].id
    bench.plugin.service().edit(identifier, lambda old: old.having("principal_ids", value))


def prepared(bench: Bench) -> None:
    """A key that was applied when `who:reader` was AROA1."""
    bench.converge(KEY)
    known(bench, reader="AROA1", admins="AROA0")
    bench.perform(bench.plan(key("key.a", "root", "wrap", policy=policy("decrypt"), owner="x")))
    bench.perform(bench.plan(key("key.a", "root", "wrap", policy=policy("encrypt"))))
    bench.converge(KEY)


def warnings(plan: Plan) -> list[str]:
    return [item.summary for item in plan.findings if item.rule == "KP-PLAN-018"]


def test_ids_are_kept_and_are_never_drift(bench: Bench) -> None:
    prepared(bench)
    kept = bench.state.resources[A].attributes["principal_ids"]
    assert kept == {"who:reader": "AROA1", "who:admins": "AROA0"}
    known(bench, reader="AROA1", admins="AROA0", third="AROA3")
    plan = bench.plan(KEY)
    assert (plan.drift, plan.steps, warnings(plan)) == ((), (), [])


def test_somebody_made_anew_is_not_who_the_policy_meant(bench: Bench) -> None:
    prepared(bench)
    known(bench, reader="AROA2", admins="AROA0")
    plan = bench.plan(KEY)
    (text,) = warnings(plan)
    assert "who:reader was made anew since the last apply: it is AROA2 now" in text
    assert (plan.drift, plan.errored) == ((), False)


def test_somebody_deleted_is_named_by_who_it_was(bench: Bench) -> None:
    prepared(bench)

    def deleted(old: FakeKey) -> FakeKey:
        document: Any = old.attributes["policy"]
        text = [{**item, "principals": ["AROA1"]} for item in document["statements"]]
        return old.having("policy", {**document, "statements": text})

    bench.plugin.service().edit(bench.state.resources[A].id, deleted)
    known(bench, admins="AROA0")
    (text,) = warnings(bench.plan(KEY))
    assert "names AROA1, which was who:reader until that was deleted" in text
