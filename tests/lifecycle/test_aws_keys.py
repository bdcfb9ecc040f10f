"""Keys of AWS KMS through planner and applier: order, rescue, replicas, and what is others'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.operations import CancelDeletion, CreateKey, MoveAlias
from keyplan.planning.rollback import residue_of
from tests.lifecycle.aws_world import ROLE, AwsWorld, aws_world, document, key, without
from tests.lifecycle.undoing import rollback_of

FAMILY = {"multi_region": True, "replicas": {"dr": {"provider": "aws.dr"}}}
GRANT = {"principal": "principal.api", "operations": ["decrypt"]}
GONE = [{"from": "key.a", "mode": "destroy"}]
REPLICA = 'key.a.replicas["dr"]'


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


@pytest.fixture
def world(shared: AwsWorld) -> AwsWorld:
    shared.anew()
    return shared


def stack(**a: Any) -> Any:
    """A stack of one key."""
    return document({"a": key(**a)})


# -- pending deletion --------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_declared_key_is_rescued_from_its_deletion(world: AwsWorld, by_hand: bool) -> None:
    declared = stack(state="active", rotation={"every": "180d"}, aliases=["x"])
    world.settled(declared)
    before, arn = world.picture(), world.arn("key.a")
    if by_hand:
        world.kms().schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    else:
        world.made(without(declared, "a", removed=GONE))
        assert world.key("key.a").state == "PendingDeletion"
    plan = world.planned(declared)
    names = [type(step.operation) for step in plan.steps]
    assert CancelDeletion in names
    assert CreateKey not in names
    world.settled(declared)
    assert world.arn("key.a") == arn
    assert world.picture() == before


def test_an_alias_leaves_with_the_key_before_its_deletion_begins(world: AwsWorld) -> None:
    """AWS would leave it on the pending key, where nobody else could have the name."""
    declared = document({"a": key(aliases=["x"]), "b": key()})
    world.settled(declared)
    with world.watched() as calls:
        report = world.made(without(document({"b": key(aliases=["x"])}), removed=GONE))
    assert any(isinstance(item.step.operation, MoveAlias) for item in report.results)
    assert calls.index("UpdateAlias") < calls.index("ScheduleKeyDeletion")
    assert world.double.world.alias_names(world.key("key.b")) == ["alias/x"]
    world.undone(report)
    assert world.double.world.alias_names(world.key("key.a")) == ["alias/x"]
    assert world.key("key.a").state == "Enabled"


def test_a_name_that_a_strangers_pending_key_keeps_is_not_taken(world: AwsWorld) -> None:
    kms = world.kms()
    theirs = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/x", TargetKeyId=theirs)
    kms.schedule_key_deletion(KeyId=theirs, PendingWindowInDays=7)
    plan = world.planned(stack(aliases=["x"]))
    assert plan.errored
    assert any("x" in finding.summary for finding in plan.findings if finding.blocks)


def test_a_key_is_gone_for_the_state_after_its_window(world: AwsWorld) -> None:
    world.settled(stack())
    gone = without(stack(), "a", removed=GONE)
    world.made(gone)
    world.clock.advance(timedelta(days=31))
    world.disconnect()
    world.made(gone)
    assert world.picture() == {}
    assert world.state.resources == {}
    assert world.planned(gone).steps == ()


# -- several Regions ---------------------------------------------------------------------


def test_replicas_leave_first_and_the_primary_when_they_are_gone(world: AwsWorld) -> None:
    declared = stack(**FAMILY)
    world.settled(declared)
    gone = without(declared, "a", removed=GONE)
    world.made(gone)
    assert world.key(REPLICA).state == "PendingDeletion"
    assert world.key("key.a").state == "Disabled"
    world.clock.advance(timedelta(days=31))
    world.disconnect()
    world.made(gone)
    assert {item["state"] for item in world.picture().values()} == {"PendingDeletion"}
    world.clock.advance(timedelta(days=31))
    world.disconnect()
    world.made(gone)
    assert world.picture() == {}


def test_the_primary_moves_and_comes_back(world: AwsWorld) -> None:
    declared = stack(**FAMILY, rotation={"every": "180d"})
    world.settled(declared)
    before = world.picture()
    with world.watched() as calls:
        moved = world.settled(stack(**FAMILY, rotation={"every": "180d"}, primary="dr"))
    assert calls == ["UpdatePrimaryRegion"]
    assert world.key("key.a").shared.primary_region == "eu-west-1"
    world.settled(stack(**FAMILY, rotation={"every": "90d"}, primary="dr"))
    assert world.key("key.a").shared.rotation.period == 90
    world.settled(stack(**FAMILY, rotation={"every": "180d"}, primary="dr"))
    world.undone(moved)
    assert world.picture() == before


@pytest.mark.parametrize("seconds", [2, 20])
def test_what_aws_does_in_its_own_time_is_no_drift(world: AwsWorld, seconds: int) -> None:
    """Replicas are `Creating` for a while, and families whose primary changes `Updating`."""
    world.double.world.transition = timedelta(seconds=seconds)
    declared = stack(**FAMILY)
    world.settled(declared)
    moved = stack(**FAMILY, primary="dr", description="there")
    world.settled(moved)
    world.clock.advance(timedelta(minutes=5))
    plan = world.planned(moved)
    assert (plan.steps, plan.drift) == ((), ())
    assert world.key("key.a").shared.primary_region == "eu-west-1"


# -- order -------------------------------------------------------------------------------


def test_a_grant_is_replaced_without_a_gap(world: AwsWorld) -> None:
    world.settled(stack(grants={"batch": GRANT}))
    wider = {**GRANT, "operations": ["decrypt", "encrypt"]}
    with world.watched() as calls:
        report = world.settled(stack(grants={"batch": wider}))
    assert calls == ["CreateGrant", "RevokeGrant"]
    with world.watched() as calls:
        world.undone(report)
    assert calls == ["CreateGrant", "RevokeGrant"]


def test_a_key_is_enabled_first_and_disabled_last(world: AwsWorld) -> None:
    working = {"rotation": {"every": "180d"}, "grants": {"batch": GRANT}}
    world.settled(stack(state="suspended"))
    with world.watched() as calls:
        world.settled(stack(state="active", **working))
    assert calls[0] == "EnableKey"
    with world.watched() as calls:
        world.settled(stack(state="suspended", rotation={"every": "90d"}, grants={}))
    assert calls[-1] == "DisableKey"
    assert set(calls) == {"EnableKeyRotation", "RevokeGrant", "DisableKey"}


def test_what_a_disabled_key_cannot_have_back_is_said_and_left(world: AwsWorld) -> None:
    world.settled(stack(state="active", grants={"batch": GRANT}))
    world.settled(stack(state="suspended", grants={"batch": GRANT}))
    report = world.settled(stack(state="suspended", grants={}, description="other"))
    plan = rollback_of(world, report.run)
    with world.watched() as calls:
        world.undone(report)
    assert calls == ["UpdateKeyDescription"]
    left = [finding.summary for finding in plan.findings if finding.rule == "KP-BACK-003"]
    assert len(left) == 1
    assert "refuses CreateGrant" in left[0]


@pytest.mark.parametrize(
    ("change", "call"),
    [({"grants": {"batch": GRANT}}, "CreateGrant"), ({"rotation": {"every": "90d"}}, "Enable")],
)
def test_what_aws_refuses_for_a_disabled_key_is_found_in_the_plan(
    world: AwsWorld, change: dict[str, Any], call: str
) -> None:
    world.settled(stack(state="suspended"))
    plan = world.planned(stack(state="suspended", **change))
    (found,) = [finding for finding in plan.findings if finding.blocks]
    assert found.rule == "KP-PLAN-012"
    assert call in found.summary
    world.settled(stack(state="active", **change))
    world.settled(stack(state="suspended", **change))
    assert not world.planned(stack(state="suspended", **change)).errored


def test_a_policy_is_narrowed_last(world: AwsWorld) -> None:
    """What the wider policy allows may be what the other changes need."""
    wide = stack(policies=["policy.envelope"], description="a", labels={"team": "a"})
    world.settled(wide)
    with world.watched() as calls:
        world.settled(stack(policies=["policy.ceremony"], description="b", labels={"team": "b"}))
    assert calls[-1] == "PutKeyPolicy"
    assert set(calls) == {"UpdateKeyDescription", "TagResource", "PutKeyPolicy"}


# -- others ------------------------------------------------------------------------------


def test_what_others_hold_survives_every_change_and_its_rollback(world: AwsWorld) -> None:
    ours = {"aliases": ["ours"], "labels": {"team": "a"}, "grants": {"batch": GRANT}}
    world.settled(stack(**ours))
    kms, arn = world.kms(), world.arn("key.a")
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "CostCenter", "TagValue": "7"}])
    kms.create_alias(AliasName="alias/theirs", TargetKeyId=arn)
    kms.create_grant(KeyId=arn, GranteePrincipal=f"{ROLE}rds", Operations=["Encrypt"], Name="rds")

    def theirs() -> list[Any]:
        held = world.key("key.a")
        names = world.double.world.alias_names(held)
        grants = [grant.id for grant in held.grants.values() if grant.name == "rds"]
        return [held.tags.get("CostCenter"), "alias/theirs" in names, grants]

    before = theirs()
    plan = world.planned(stack(**ours))
    assert plan.steps == ()
    assert sorted(item.path.partition(":")[0] for item in plan.drift) == ["aliases", "grants"]
    report = world.made(stack())
    assert theirs() == before
    assert world.double.world.alias_names(world.key("key.a")) == ["alias/theirs"]
    world.undone(report)
    assert theirs() == before


# -- residue -----------------------------------------------------------------------------


def test_a_rollback_says_what_it_leaves(world: AwsWorld) -> None:
    report = world.settled(stack(policies=["policy.envelope"], aliases=["x"]))
    plan = rollback_of(world, report.run)
    assert residue_of(plan)
    world.undone(report)
    (made,) = world.picture().values()
    assert (made["state"], made["aliases"]) == ("Disabled", [])
    assert not rollback_of(world, report.run).steps
