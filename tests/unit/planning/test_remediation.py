"""`keyplan drift --remediate`: puts back what can be undone exactly, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import PutLabels
from keyplan.model.resources import Lifecycle, Manage, OnDrift
from keyplan.model.stack import StackMode
from keyplan.plans.changes import DriftResponse
from keyplan.testing.bench import ADMINS, Bench, key, policy
from keyplan.testing.fake import fake_plugin
from tests.unit.planning.drifting import (
    OPEN,
    TABLE,
    A,
    being,
    converged,
    drift_of,
    edit,
    everything,
    having,
    only,
)


def mended(bench: Bench, *keys: Any) -> list[tuple[str, bool]]:
    """Each path that drifted, and whether it does no more after `--remediate`."""
    found = bench.survey(bench.graph_of(*keys))
    promised = {entry.item.path for entry in found.report.drifted if entry.by_remedy}
    assert all(step.inverse.grade is Grade.EXACT for step in found.remedy.steps)
    bench.perform(found.remedy)
    after = {entry.item.path for entry in drift_of(bench, *keys).drifted}
    before = [entry.item.path for entry in found.report.drifted]
    assert promised == set(before) - after, "the report promises exactly what is done"
    return [(path, path not in after) for path in before]


REMEDIES = {
    "description": True, "description gone": True, "label": True, "label gone": True,
    "alias gone": True, "alias of others": False, "grant gone": True, "grant wider": False,
    "grant narrower": False, "grant of others": False, "suspended": True, "deactivated": False,
    "compromised": False, "rotation off": True, "rotation slower": True, "exportable": True,
    "ends later": True, "ends never": True, "ends sooner": True, "policy wider": True,
    "policy narrower": True, "policy dropped": True, "other algorithm": False,
    "other usage": False, "protection": False, "multi-region": False, "mark gone": True,
    "mark of others": False,
}  # fmt: skip
"""What `--remediate` puts back: what it can undo exactly, and nobody else's."""


@pytest.mark.parametrize("on_drift", list(OnDrift))
@pytest.mark.parametrize("what", TABLE)
def test_remediation_puts_back_what_can_be_undone_exactly(what: str, on_drift: OnDrift) -> None:
    change, path, _ = TABLE[what]
    declared = everything(lifecycle=Lifecycle(on_drift=on_drift))
    bench = converged(declared)
    edit(bench, change)
    assert mended(bench, declared) == [(path, REMEDIES[what])]


def test_a_state_that_is_not_written_is_left() -> None:
    plain = key("key.a", "root", "encrypt")
    bench = converged(plain)
    edit(bench, being(state=KeyState.SUSPENDED))
    assert mended(bench, plain) == [("state", False)]


def test_a_key_suspended_while_somebody_gained_access_stays_suspended_until_that_is_settled() -> (
    None
):
    bench = converged(everything())
    edit(bench, lambda one: replace(one.having("policy", OPEN), state=KeyState.SUSPENDED))
    assert mended(bench, everything()) == [("policy", True), ("state", False)]
    assert mended(bench, everything()) == [("state", True)]


def test_a_one_way_attribute_is_left() -> None:
    bench = converged(everything(), plugin=fake_plugin(one_way={"exportable"}))
    edit(bench, having("exportable", True))
    assert mended(bench, everything()) == [("exportable", False)]


def test_nothing_is_done_to_a_key_pending_deletion() -> None:
    bench = converged(everything())
    end = bench.plugin.clock.now() + timedelta(days=9)
    dying = being(state=KeyState.SUSPENDED, deletion_at=end)
    edit(bench, lambda one: dying(one.having("description", "theirs")))
    assert mended(bench, everything()) == [("deletion_at", False), ("description", False)]


def test_nothing_is_done_that_only_the_declaration_asks_for() -> None:
    bench = converged(everything())
    edit(bench, having("labels", {"team": "theirs"}))
    newer = everything(description="newer", aliases=["name", "second"], state="suspended")
    more = key("key.new", "root", "encrypt")
    found = bench.survey(bench.graph_of(newer, more, outputs={"x": "1"}))
    assert [step.operation for step in found.remedy.steps] == [
        PutLabels(A, {"team": "x"}, [], {"team": "theirs"})
    ]
    assert found.remedy.outputs == ()


def test_where_the_declaration_changed_the_same_attribute_apply_must_decide() -> None:
    bench = converged(everything())
    edit(bench, having("description", "theirs"))
    entry = only(drift_of(bench, everything(description="newer")))
    assert entry.by_remedy == ()
    assert entry.by_apply
    assert entry.left == "the declaration changed it too: keyplan apply"


def test_an_alias_that_moved_between_two_keys_moves_back_in_one_step() -> None:
    a, b = (key(f"key.{name}", "root", "encrypt", aliases=[name]) for name in "ab")
    bench = converged(a, b)
    service = bench.plugin.service()
    edit(bench, being(aliases=()))
    service.edit(bench.state.resources[Address("key.b")].id, being(aliases=("a", "b")))
    report = drift_of(bench, a, b)
    assert {(e.item.address, e.item.path) for e in report.drifted} == {
        (A, "aliases:a"),
        (Address("key.b"), "aliases:a"),
    }
    bench.perform(bench.survey(bench.graph_of(a, b)).remedy)
    assert drift_of(bench, a, b).drifted == ()


@pytest.mark.parametrize("manage", ["observe", "ignore"])
def test_what_keyplan_only_looks_at_is_left(manage: str) -> None:
    lifecycle = (
        Lifecycle(manage=Manage.OBSERVE)
        if manage == "observe"
        else Lifecycle(ignore_changes=frozenset({"description"}))
    )
    bench = converged(everything())
    edit(bench, having("description", "theirs"))
    assert mended(bench, everything(lifecycle=lifecycle)) == [("description", False)]


def test_a_stack_that_only_observes_puts_nothing_back() -> None:
    bench = converged(everything())
    edit(bench, having("description", "theirs"))
    graph = bench.graph_of(everything())
    found = bench.survey(replace(graph, stack=replace(graph.stack, mode=StackMode.OBSERVE)))
    assert found.remedy.steps == ()
    assert only(found.report).item.response is DriftResponse.OBSERVE


def test_a_key_about_to_get_another_address_waits_for_that() -> None:
    bench = converged(everything())
    edit(bench, having("description", "theirs"))
    graph = bench.graph_of(
        replace(everything(), address=Address("key.b")), moved={"key.a": "key.b"}
    )
    found = bench.survey(graph)
    assert only(found.report).item.address == "key.b"
    assert found.remedy.steps == ()


def test_remediation_is_guarded_like_any_plan() -> None:
    stranger = {"administrators": ["who:stranger"], "statements": []}
    bench = converged(key("key.a", "root", "encrypt", policy=policy("decrypt")))
    edit(bench, having("policy", stranger))
    found = bench.survey(bench.graph_of(key("key.a", "root", "encrypt", policy=policy("decrypt"))))
    assert found.remedy.lockout.startswith("Lockout check: proved")
    assert ADMINS.address
