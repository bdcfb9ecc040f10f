"""What comes before what on one key and between keys, so that each step finds what it needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    MoveAlias,
    PutPolicy,
    ScheduleDeletion,
)
from keyplan.plans.plan import Plan
from keyplan.sdk.provider import Identity
from keyplan.testing.bench import Bench, destroyable, key, policy, replica
from keyplan.testing.fake import fake_plugin

GRANT = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
S = Address("key.s")


def service(name: str = "key.s", **attributes: Any) -> Any:
    return key(name, "root", "wrap", **attributes)


def names(plan: Plan, address: str = "key.s") -> list[str]:
    return [step.operation.name for step in plan.steps if step.address == address]


def test_a_key_is_enabled_before_anything_else_changes(bench: Bench) -> None:
    bench.converge(service(state="suspended", description="a"))
    changed = service(
        state="active", description="b", labels={"x": "y"}, grants={"g": GRANT},
        policy=policy("decrypt"), aliases=["z"], rotation={"every": "90d"},
    )  # fmt: skip
    plan = bench.plan(changed)
    assert names(plan)[0] == "change_state"
    assert len(names(plan)) == 7
    bench.converge(changed)


def test_a_key_is_disabled_after_everything_else_changed(bench: Bench) -> None:
    rotated = {"every": "365d"}
    bench.converge(
        service(state="active", description="a", rotation=rotated, policy=policy("encrypt"))
    )
    plan = bench.plan(
        service(
            state="suspended", description="b", labels={"x": "y"}, grants={"g": GRANT},
            policy=policy("decrypt"), aliases=["z"], rotation={"every": "90d"},
        )
    )  # fmt: skip
    assert names(plan)[-1] == "change_state"
    assert len(names(plan)) == 7


def test_what_cannot_be_undone_is_done_while_the_key_still_works() -> None:
    bench = Bench(plugin=fake_plugin(one_way={"exportable"}))
    bench.converge(service(state="active", exportable=False, policy=policy("decrypt", "encrypt")))
    plan = bench.plan(service(state="suspended", exportable=True, policy=policy("decrypt")))
    assert names(plan) == ["set_attribute", "change_state", "put_policy"]
    assert [step.irreversible for step in plan.steps] == [True, False, False]


def test_a_policy_that_gives_comes_before_grants_and_names(bench: Bench) -> None:
    bench.converge(service(policy=policy("decrypt")))
    plan = bench.plan(
        service(policy=policy("decrypt", "encrypt"), grants={"g": GRANT}, aliases=["z"])
    )
    assert [type(step.operation) for step in plan.steps] == [PutPolicy, CreateGrant, CreateAlias]


def test_a_policy_that_only_takes_away_comes_last(bench: Bench) -> None:
    bench.converge(service(policy=policy("decrypt", "encrypt"), state="active"))
    changed = service(
        policy=policy("decrypt"), grants={"g": GRANT}, aliases=["z"], state="suspended"
    )
    plan = bench.plan(changed)
    assert names(plan) == ["create_grant", "create_alias", "change_state", "put_policy"]
    bench.converge(changed)


@pytest.mark.parametrize(("caller", "last"), [("who:old", True), ("who:new", False)])
def test_who_performs_the_plan_does_not_lose_what_it_needs(
    bench: Bench, caller: str, last: bool
) -> None:
    """A policy that takes from one and gives to another: it depends on which of them acts."""
    bench.session.__dict__["identity"] = Identity("fake memory", caller, "")
    held = {"administrators": ["who:old", "who:a"], "statements": []}
    wanted = {"administrators": ["who:new", "who:a"], "statements": []}
    made = replace(service(), attributes={"policy": held})
    bench.converge(made)
    plan = bench.plan(replace(service(), attributes={"policy": wanted, "aliases": ["z"]}))
    assert (names(plan)[-1] == "put_policy") is last


def test_what_another_key_needs_comes_before_the_policy_takes_it(bench: Bench) -> None:
    wide, narrow = policy("decrypt", "encrypt"), policy("decrypt")
    bench.converge(service(aliases=["live"], policy=wide), service("key.t"))
    plan = bench.plan(service(policy=narrow), service("key.t", aliases=["live"]))
    assert [type(step.operation) for step in plan.steps] == [MoveAlias, PutPolicy]


def test_an_alias_moves_when_its_new_key_is_all_there() -> None:
    bench = Bench(places=("fake.dr",))
    bench.converge(service(aliases=["live"]))
    successor = service(
        "key.t", aliases=["live"], policy=policy("decrypt"), grants={"g": GRANT},
        multi_region=True,
    )  # fmt: skip
    there = replica(successor, "dr", "fake.dr")
    plan = bench.plan(service(), successor, there)
    assert isinstance(plan.steps[-1].operation, MoveAlias)
    made = {step.number for step in plan.steps if step.operation.name == "replicate_key"}
    assert made <= set(plan.steps[-1].depends_on)
    bench.converge(service(), successor, there)


# -- pending deletion ----------------------------------------------------------------------


def pending(bench: Bench, **attributes: Any) -> None:
    """The key, scheduled for deletion by keyplan."""
    bench.converge(service(deletion=destroyable(), **attributes))
    bench.perform(bench.plan())


def test_a_declared_key_is_rescued_and_enabled_only_if_that_is_written(bench: Bench) -> None:
    pending(bench)
    plan = bench.plan(service(deletion=destroyable()))
    assert isinstance(plan.steps[0].operation, CancelDeletion)
    assert "change_state" not in names(plan)
    active = bench.plan(service(deletion=destroyable(), state="active"))
    assert [type(step.operation) for step in active.steps][:2] == [CancelDeletion, ChangeState]
    assert not any(isinstance(step.operation, CreateKey) for step in active.steps)
    bench.converge(service(deletion=destroyable(), state="active"))
    assert bench.live(S).state is KeyState.ACTIVE


def test_an_alias_on_a_key_pending_deletion_moves_to_its_successor(bench: Bench) -> None:
    pending(bench, aliases=["live"])
    successor = service("key.t", aliases=["live"])
    plan = bench.plan(successor)
    assert MoveAlias(Address("key.t"), "live", S) in [step.operation for step in plan.steps]
    bench.converge(successor)
    bench.plugin.clock.advance(timedelta(days=31))
    bench.perform(bench.plan(successor))
    assert bench.live("key.t").attributes["aliases"] == ["live"]


def test_a_rescued_key_still_has_its_alias(bench: Bench) -> None:
    pending(bench, aliases=["live"])
    bench.converge(service(deletion=destroyable(), aliases=["live"]))
    assert bench.live(S).attributes["aliases"] == ["live"]


def test_an_alias_on_a_key_that_was_forgotten_says_where_it_points(bench: Bench) -> None:
    bench.converge(service(aliases=["live"]))
    identifier = bench.state.resources[S].id
    bench.perform(bench.plan(removed={"key.s": "forget"}))
    (finding,) = bench.plan(service("key.t", aliases=["live"])).findings
    assert finding.rule == "KP-PLAN-005"
    assert identifier in finding.summary
    assert "keyplan import 'key.t'" in finding.advice


def test_a_key_that_somebody_scheduled_is_rescued_before_it_changes(bench: Bench) -> None:
    bench.converge(service(description="a"))
    bench.behind(ChangeState(S, KeyState.ACTIVE, KeyState.SUSPENDED))
    bench.behind(ScheduleDeletion(S, "30d"))
    changed = service(description="b", state="active")
    assert names(bench.plan(changed)) == ["cancel_deletion", "change_state", "set_attribute"]
    bench.converge(changed)
