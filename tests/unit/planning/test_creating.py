"""Creating keys: one call for what the service takes, parents first, then the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyplan.model.address import Address
from keyplan.model.operations import CreateAlias, CreateKey, SetAttribute
from keyplan.model.values import Reference, Unknown
from keyplan.plans.changes import Action
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake import attributes_of, fake_plugin

ROOT = key("key.root", "root", "wrap")
MASTER = key("key.master", "master", "wrap", "key.root", rotation={"every": "365d"})
SERVICE = key(
    "key.service",
    parent="key.master",
    labels={"team": "payments"},
    aliases=["acme/payments"],
    policy=policy("decrypt"),
)


def test_parents_come_before_children_whatever_the_order_of_declaration(bench: Bench) -> None:
    plan = bench.plan(SERVICE, MASTER, ROOT)
    creates = [step.address for step in plan.steps if isinstance(step.operation, CreateKey)]
    assert creates == ["key.root", "key.master", "key.service"]


def test_what_the_service_takes_goes_with_the_create(bench: Bench) -> None:
    plan = bench.plan(ROOT, MASTER, SERVICE)
    create = next(step.operation for step in plan.steps if step.address == "key.service")
    assert isinstance(create, CreateKey)
    assert create.attributes["labels"] == {"team": "payments"}
    assert "policy" in create.attributes
    assert [type(step.operation) for step in plan.steps[-1:]] == [CreateAlias]


def test_what_the_service_does_not_take_follows() -> None:
    slow = Bench(plugin=fake_plugin(attributes={**_later("description")}))
    plan = slow.plan(key("key.a", "root", "wrap", description="top"))
    assert [type(step.operation) for step in plan.steps] == [CreateKey, SetAttribute]
    assert plan.steps[1].depends_on == (1,)


def _later(name: str) -> dict[str, object]:
    attributes = dict(attributes_of())
    return attributes | {name: replace(attributes[name], at_create=False)}


def test_a_converged_world_has_nothing_to_do(bench: Bench) -> None:
    bench.converge(ROOT, MASTER, SERVICE)
    plan = bench.plan(ROOT, MASTER, SERVICE)
    assert not plan.has_changes
    assert plan.changes == ()
    assert plan.drift == ()


def test_children_are_shown_below_their_parents(bench: Bench) -> None:
    plan = bench.plan(ROOT, MASTER, SERVICE)
    assert [(change.address, change.depth) for change in plan.changes] == [
        ("key.root", 0),
        ("key.master", 1),
        ("key.service", 2),
    ]
    assert {change.action for change in plan.changes} == {Action.CREATE}


def test_the_first_rotation_is_announced(bench: Bench) -> None:
    plan = bench.plan(ROOT, MASTER)
    (due,) = plan.due
    assert (due.address, due.what) == ("key.master", "rotation")
    assert (due.at - plan.now).days == 365


def test_a_reference_to_a_key_not_made_yet_stays_unknown_until_apply(bench: Bench) -> None:
    waiting = Unknown(("under ", Reference(Address("key.root"), "id")))
    child = key("key.child", parent="key.root", description=waiting)
    plan = bench.plan(ROOT, child)
    create = plan.steps[1].operation
    assert isinstance(create, CreateKey)
    assert create.attributes["description"] == waiting
    bench.perform(plan)
    assert bench.live("key.child").attributes["description"].startswith("under key-")
    assert not bench.plan(ROOT, child).has_changes


def test_outputs_wait_for_keys_and_are_known_afterwards(bench: Bench) -> None:
    output = {"root_id": Unknown((Reference(Address("key.root"), "id"),))}
    assert isinstance(bench.plan(ROOT, outputs=output).outputs[0].after, Unknown)
    bench.perform(bench.plan(ROOT))
    (known,) = bench.plan(ROOT, outputs=output).outputs
    assert known.after == bench.state.resources[Address("key.root")].id


def test_the_checksum_ignores_tokens_clock_and_order_of_declaration(bench: Bench) -> None:
    first = bench.plan(ROOT, MASTER, SERVICE)
    bench.plugin.clock.sleep(3600)
    second = bench.plan(SERVICE, MASTER, ROOT)
    assert first.now != second.now
    assert first.steps != second.steps  # other tokens
    assert first.checksum == second.checksum


def test_the_checksum_sees_every_change_of_what_is_done(bench: Bench) -> None:
    first = bench.plan(ROOT, MASTER, SERVICE)
    assert first.checksum != bench.plan(ROOT, MASTER).checksum
    other = key("key.service", parent="key.master", labels={"team": "refunds"})
    assert first.checksum != bench.plan(ROOT, MASTER, other).checksum


def test_a_plan_file_reads_back_equal(bench: Bench) -> None:
    plan = bench.plan(ROOT, MASTER, SERVICE)
    written = write_plan(plan)
    assert read_plan(written) == plan
    assert write_plan(read_plan(written)) == written


@pytest.mark.parametrize("refresh", [True, False])
def test_without_refresh_the_state_stands_for_the_world(bench: Bench, refresh: bool) -> None:
    bench.converge(ROOT)
    bench.plugin.service().vanish(bench.state.resources[Address("key.root")].id)
    plan = bench.plan(ROOT, refresh=refresh)
    assert plan.errored is refresh
    assert plan.read == int(refresh)


def test_without_refresh_a_step_still_rests_on_what_was_last_read(bench: Bench) -> None:
    bench.converge(ROOT)
    labelled = key("key.root", "root", "wrap", labels={"a": "b"})
    (step,) = bench.plan(labelled, refresh=False).steps
    assert step.expects == bench.live("key.root").fingerprint
