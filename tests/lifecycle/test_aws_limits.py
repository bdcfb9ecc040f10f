"""What AWS KMS limits for good: tags of a key, and where an alias can go.

Within a limit everything can be changed and taken back; what can never be done is said in
the plan, before a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from keyplan.diagnostics import Severity
from keyplan.plans.plan import Plan
from tests.lifecycle.aws_world import AwsWorld, aws_world, document, key
from tests.lifecycle.undoing import rollback_of


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


@pytest.fixture
def world(shared: AwsWorld) -> AwsWorld:
    shared.anew()
    return shared


def labelled(first: int, end: int) -> Any:
    """A stack of one key with the labels `t<first>` to `t<end - 1>`."""
    return document({"a": key(labels={f"t{number}": "v" for number in range(first, end)})})


def refusals(plan: Plan) -> list[str]:
    return [item.summary for item in plan.findings if item.level is Severity.ERROR]


def tagged(world: AwsWorld) -> set[str]:
    return {name for name in world.key("key.a").tags if not name.startswith("keyplan:")}


@pytest.mark.parametrize(
    ("end", "calls"),
    [
        (46, ["UntagResource", "TagResource"]),
        (40, ["TagResource", "UntagResource"]),
    ],
    ids=["no room", "room"],
)
def test_labels_are_swapped_by_way_of_what_fits_and_swapped_back(
    world: AwsWorld, end: int, calls: list[str]
) -> None:
    world.settled(labelled(0, end))
    assert [step.call for step in world.planned(labelled(4, end + 4)).steps] == calls
    with world.watched() as done:
        swapped = world.settled(labelled(4, end + 4))
    assert done == calls
    assert tagged(world) == {f"t{number}" for number in range(4, end + 4)}
    world.undone(swapped)
    assert tagged(world) == {f"t{number}" for number in range(end)}


def test_tags_of_others_take_room_and_what_can_never_fit_is_refused_in_the_plan(
    world: AwsWorld,
) -> None:
    world.settled(labelled(0, 40))
    tags = [{"TagKey": f"theirs{number}", "TagValue": "v"} for number in range(8)]
    world.kms().tag_resource(KeyId=world.arn("key.a"), Tags=tags)
    assert refusals(world.planned(labelled(0, 41))) == [
        "aws refuses TagResource for key.a, which would have 49 labels: it has room for 46"
    ]
    with world.watched() as done:
        world.made(labelled(1, 41))
    assert done == ["UntagResource", "TagResource"]


def test_labels_that_no_longer_fit_back_are_refused_in_the_plan_of_the_rollback(
    world: AwsWorld,
) -> None:
    world.settled(labelled(0, 44))
    fewer = world.settled(labelled(0, 40))
    tags = [{"TagKey": f"theirs{number}", "TagValue": "v"} for number in range(6)]
    world.kms().tag_resource(KeyId=world.arn("key.a"), Tags=tags)
    assert refusals(rollback_of(world, fewer.run)) == [
        "aws refuses TagResource for key.a, which would have 50 labels: it has room for 46"
    ]


def test_an_alias_goes_to_no_key_of_another_kind_and_the_plan_says_how(world: AwsWorld) -> None:
    keys = {"a": key(aliases=["x"]), "b": key(usage="sign", algorithm="ec-p256")}
    world.settled(document(keys))
    taken = document({"a": key(), "b": {**keys["b"], "aliases": ["x"]}})
    plan = world.planned(taken)
    (refusal,) = refusals(plan)
    assert refusal == (
        "aws moves no alias to a key of another kind or usage: x points to key.a, and is wanted"
        " for key.b"
    )
    world.made(document({"a": key(), "b": keys["b"]}))
    world.settled(taken)
    assert world.double.world.alias_names(world.key("key.b")) == ["alias/x"]


def test_an_alias_goes_to_a_new_key_of_its_kind_in_one_call(world: AwsWorld) -> None:
    world.settled(document({"a": key(aliases=["x"])}))
    with world.watched() as done:
        world.settled(document({"a": key(), "b": key(usage="wrap", aliases=["x"])}))
    assert done == ["CreateKey", "UpdateAlias"]
