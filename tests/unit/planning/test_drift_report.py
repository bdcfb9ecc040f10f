"""`keyplan drift`: every attribute once, in its class, with what puts it right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import ChangeState, CreateAlias, PutLabels, PutPolicy, SetAttribute
from keyplan.model.resources import Lifecycle, Manage, OnDrift
from keyplan.model.stack import StackMode
from keyplan.plans.changes import DriftKind, DriftResponse
from keyplan.plans.drift import Drifted, DriftReport
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import ADMINS, Bench, destroyable, key, policy
from keyplan.testing.fake import fake_plugin
from keyplan.testing.fake_service import UNSET, FakeKey

A = Address("key.a")
TERMS = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {"t": "x"}}
WIDER = {**TERMS, "context": {}}
NARROWER = {**TERMS, "context": {"t": "x", "u": "y"}}
OPEN = {"administrators": ["who:admins", "who:stranger"], "statements": []}
CLOSED = {"administrators": ["who:admins"], "statements": []}


def everything(**more: Any) -> Any:
    attributes: dict[str, Any] = {
        "description": "d",
        "labels": {"team": "x"},
        "aliases": ["name"],
        "grants": {"batch": TERMS},
        "state": "active",
        "rotation": {"every": "90d"},
        "exportable": False,
        "expires_at": "2030-01-01T00:00:00Z",
        "multi_region": False,
        "protection": "software",
        "policy": policy("decrypt"),
    }
    return key("key.a", "root", "encrypt", **(attributes | more))


def having(name: str, value: Any) -> Callable[[FakeKey], FakeKey]:
    return lambda seen: seen.having(name, value)


def being(**fields: Any) -> Callable[[FakeKey], FakeKey]:
    return lambda seen: replace(seen, **fields)


K = DriftKind
TABLE: Mapping[str, tuple[Callable[[FakeKey], FakeKey], str, DriftKind]] = {
    "description": (having("description", "e"), "description", K.METADATA),
    "description gone": (having("description", None), "description", K.METADATA),
    "label": (having("labels", {"team": "y"}), "labels:team", K.METADATA),
    "label gone": (having("labels", {}), "labels:team", K.METADATA),
    "alias gone": (being(aliases=()), "aliases:name", K.AVAILABILITY),
    "alias of others": (being(aliases=("name", "theirs")), "aliases:theirs", K.ACCESS_WIDENED),
    "grant gone": (having("grants", {}), "grants:batch", K.ACCESS_NARROWED),
    "grant wider": (having("grants", {"batch": WIDER}), "grants:batch", K.ACCESS_WIDENED),
    "grant narrower": (having("grants", {"batch": NARROWER}), "grants:batch", K.ACCESS_NARROWED),
    "grant of others": (
        having("grants", {"batch": TERMS, "more": TERMS}),
        "grants:more",
        K.ACCESS_WIDENED,
    ),
    "suspended": (being(state=KeyState.SUSPENDED), "state", K.AVAILABILITY),
    "deactivated": (being(state=KeyState.DEACTIVATED), "state", K.AVAILABILITY),
    "compromised": (being(state=KeyState.COMPROMISED), "state", K.DESTRUCTIVE),
    "rotation off": (having("rotation", None), "rotation", K.AVAILABILITY),
    "rotation slower": (having("rotation", {"every": "700d"}), "rotation", K.AVAILABILITY),
    "exportable": (having("exportable", True), "exportable", K.ACCESS_WIDENED),
    "ends later": (
        having("expires_at", "2031-01-01T00:00:00Z"), "expires_at", K.ACCESS_WIDENED
    ),
    "ends never": (having("expires_at", None), "expires_at", K.ACCESS_WIDENED),
    "ends sooner": (having("expires_at", "2029-01-01T00:00:00Z"), "expires_at", K.AVAILABILITY),
    "policy wider": (having("policy", OPEN), "policy", K.ACCESS_WIDENED),
    "policy narrower": (having("policy", CLOSED), "policy", K.ACCESS_NARROWED),
    "policy dropped": (having("policy", None), "policy", K.ACCESS_WIDENED),
    "other algorithm": (being(algorithm="aes-128"), "algorithm", K.DESTRUCTIVE),
    "other usage": (being(usage="mac"), "usage", K.DESTRUCTIVE),
    "protection": (having("protection", "external"), "protection", K.DESTRUCTIVE),
    "multi-region": (having("multi_region", True), "multi_region", K.DESTRUCTIVE),
    "mark gone": (being(owner=None), "mark", K.METADATA),
    "mark of others": (being(owner=OwnerMark("other", "token")), "mark", K.METADATA),
}  # fmt: skip
"""What somebody does to a key: the path and the class under which it is told."""

UNMANAGED_BY_NATURE = {"certificate", "documents", "primary"}
"""Reported by the fake, and nothing that a key of one place without children has."""


@pytest.mark.parametrize("what", TABLE)
def test_each_change_is_told_once_in_its_class_and_nothing_else_is(what: str) -> None:
    change, path, kind = TABLE[what]
    bench = converged(everything())
    edit(bench, change)
    report = drift_of(bench, everything())
    (entry,) = report.drifted
    assert (entry.item.path, entry.item.kind) == (path, kind)
    assert report.counts[kind] == 1
    assert (report.found, report.drifted_keys, report.respelt) == (True, 1, ())
    assert entry.by_remedy or entry.left


def test_the_table_has_every_attribute_that_the_fake_reports() -> None:
    told = {path.partition(":")[0] for _, path, _ in TABLE.values()}
    assert UNSET.keys() - told == UNMANAGED_BY_NATURE


def converged(*keys: Any, **options: Any) -> Bench:
    bench = Bench(**options)
    bench.converge(*keys)
    return bench


def edit(bench: Bench, change: Callable[[FakeKey], FakeKey], name: str = "key.a") -> None:
    bench.plugin.service().edit(bench.state.resources[Address(name)].id, change)


def drift_of(bench: Bench, *keys: Any, **options: Any) -> DriftReport:
    return bench.survey(bench.graph_of(*keys), **options).report


def only(report: DriftReport) -> Drifted:
    (entry,) = report.drifted
    return entry


def test_a_world_as_it_was_left_has_no_drift() -> None:
    report = drift_of(converged(everything()), everything(), unmanaged=True)
    assert (report.found, report.drifted, report.strays) == (False, (), ())
    assert (report.keys, report.read) == (1, 1)


# -- three ways --------------------------------------------------------------------------


def test_what_is_declared_applied_and_live_is_told_apart() -> None:
    bench = converged(everything())
    edit(bench, having("description", "theirs"))
    item = only(drift_of(bench, everything(description="newer"))).item
    assert (item.declared, item.applied, item.live) == ("newer", "d", "theirs")
    assert item.written


def test_what_only_the_declaration_changed_is_not_drift() -> None:
    bench = converged(everything())
    assert drift_of(bench, everything(description="newer", state="suspended")).drifted == ()


def test_what_only_time_brings_is_not_drift() -> None:
    bench = converged(everything())
    bench.plugin.clock.advance(timedelta(days=100))
    assert bench.plan(everything()).steps
    assert drift_of(bench, everything()).drifted == ()


def test_a_key_that_stopped_at_its_own_end_is_not_drift() -> None:
    bench = converged(everything())
    bench.plugin.clock.advance(timedelta(days=365 * 5))
    edit(bench, being(state=KeyState.DEACTIVATED))
    assert drift_of(bench, everything()).drifted == ()


def test_a_grant_that_its_service_ended_in_time_is_not_drift() -> None:
    ending = everything(grants={"batch": {**TERMS, "expires_at": "2027-02-01T00:00:00Z"}})
    bench = converged(ending)
    bench.plugin.clock.advance(timedelta(days=100))
    edit(bench, having("grants", {}))
    assert drift_of(bench, ending).drifted == ()


# -- deletion ----------------------------------------------------------------------------


def test_a_deletion_that_somebody_scheduled_says_until_when_the_key_can_be_saved() -> None:
    bench = converged(everything())
    end = bench.plugin.clock.now() + timedelta(days=9)
    edit(bench, being(state=KeyState.SUSPENDED, deletion_at=end))
    entry = only(drift_of(bench, everything()))
    assert (entry.item.kind, entry.until) == (K.DESTRUCTIVE, end)
    assert entry.by_apply
    assert entry.by_remedy == ()
    assert entry.left == f"keyplan apply rescues it, until {end:%Y-%m-%d}"


def test_a_window_cut_short_is_destructive_and_a_deletion_cancelled_widens() -> None:
    leaving = everything(deletion=destroyable())
    bench = converged(leaving)
    gone = bench.graph_of(removed={"key.a": "destroy"})
    bench.perform(bench.plan_graph(gone))
    end = bench.live("key.a").deletion_at
    assert bench.survey(gone).report.drifted == ()
    edit(bench, being(deletion_at=end - timedelta(days=20)))
    assert only(bench.survey(gone).report).item.kind is K.DESTRUCTIVE
    edit(bench, being(deletion_at=None))
    entry = only(bench.survey(gone).report)
    assert (entry.item.path, entry.item.kind) == ("deletion_at", K.ACCESS_WIDENED)


def test_a_key_on_its_way_out_that_somebody_enabled_is_told() -> None:
    leaving = everything(deletion=destroyable(soak="7d"))
    bench = converged(leaving)
    gone = bench.graph_of(removed={"key.a": "destroy"})
    bench.perform(bench.plan_graph(gone))
    assert bench.survey(gone).report.drifted == ()
    edit(bench, being(state=KeyState.ACTIVE))
    assert only(bench.survey(gone).report).item.kind is K.ACCESS_WIDENED


def test_where_keyplan_has_the_clock_nothing_is_pending_at_the_provider() -> None:
    leaving = everything(deletion=destroyable())
    bench = converged(leaving, plugin=fake_plugin(deletion=Deletion.IMMEDIATE))
    gone = bench.graph_of(removed={"key.a": "destroy"})
    bench.perform(bench.plan_graph(gone))
    assert bench.survey(gone).report.drifted == ()


def test_a_key_that_is_gone_is_worst_and_nothing_brings_it_back() -> None:
    b = key("key.b", "root", "encrypt")
    bench = converged(everything(), b)
    bench.plugin.service().vanish(bench.state.resources[Address("key.b")].id)
    edit(bench, having("policy", OPEN))
    report = drift_of(bench, everything(), b)
    assert [entry.item.kind for entry in report.drifted] == [K.VANISHED, K.ACCESS_WIDENED]
    assert report.drifted[0].by_apply == report.drifted[0].by_remedy == ()
    assert report.blocked
    assert report.drifted[1].by_remedy, "one vanished key must not keep another from being mended"


# -- notes -------------------------------------------------------------------------------


def test_another_spelling_of_the_same_is_a_note_and_no_drift() -> None:
    bench = converged(everything())
    before = bench.live("key.a").fingerprint
    edit(bench, having("spellings", {"policy": "1" * 64}))
    bench.perform(bench.plan(everything(description="newer")))
    edit(bench, having("spellings", {"policy": "2" * 64}))
    report = drift_of(bench, everything(description="newer"))
    assert [(one.address, one.attribute) for one in report.respelt] == [(A, "policy")]
    assert (report.found, report.drifted, report.counts[K.NORMALISATION]) == (False, (), 1)
    assert bench.plan(everything(description="newer")).steps == ()
    edit(bench, having("description", "d"))
    assert bench.live("key.a").fingerprint == before


def test_a_spelling_that_also_means_something_else_is_drift_only() -> None:
    bench = converged(everything())
    edit(bench, having("spellings", {"policy": "1" * 64}))
    bench.perform(bench.plan(everything(description="newer")))
    edit(bench, lambda one: one.having("spellings", {"policy": "2" * 64}).having("policy", OPEN))
    report = drift_of(bench, everything(description="newer"))
    assert (len(report.drifted), report.respelt) == (1, ())


def test_what_cannot_be_read_is_said_and_is_not_drift() -> None:
    bench = converged(everything())
    edit(bench, having("policy", OPEN))
    bench.plugin.service().forbidden.add("policy")
    report = drift_of(bench, everything())
    assert report.drifted == ()
    assert [finding.rule for finding in report.findings] == ["KP-PLAN-015"]


# -- what nobody declared ----------------------------------------------------------------


def test_keys_of_nobody_are_looked_for_only_when_asked() -> None:
    bench = converged(everything())
    service = bench.plugin.service()
    stranger = service.plant(aliases=["theirs"])
    service.edit(service.plant(), having("manager", "fake"))
    service.edit(service.plant(), being(owner=OwnerMark("another", "token")))
    quiet = drift_of(bench, everything())
    assert (quiet.strays, quiet.found) == (None, False)
    report = drift_of(bench, everything(), unmanaged=True)
    assert [(one.id, one.aliases) for one in report.strays or ()] == [(stranger, ("theirs",))]
    assert (report.of_services, report.of_other_stacks) == (1, 1)
    assert (report.found, report.drifted, report.counts[K.UNMANAGED]) == (True, (), 1)


def test_a_key_that_is_about_to_be_imported_is_named() -> None:
    bench = converged(everything())
    stranger = bench.plugin.service().plant()
    graph = bench.graph_of(
        everything(), key("key.b", "root", "encrypt"), imported={"key.b": stranger}
    )
    assert bench.survey(graph, unmanaged=True).report.strays == ()


def test_our_mark_on_a_key_that_the_state_does_not_have_is_said() -> None:
    bench = converged(everything())
    lost = bench.plugin.service().plant()
    bench.plugin.service().edit(lost, being(owner=OwnerMark(bench.state.lineage, "t")))
    (stray,) = drift_of(bench, everything(), unmanaged=True).strays or ()
    assert stray.notes == ("it carries this stack's mark and is not in its state",)


# -- putting it back ---------------------------------------------------------------------

SUSPEND = ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED)


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


def test_the_digest_knows_drift_from_drift_and_not_check_from_check() -> None:
    bench = converged(everything())
    bench.behind(PutPolicy(A, None, OPEN))
    first = drift_of(bench, everything())
    bench.plugin.clock.advance(timedelta(hours=1))
    assert drift_of(bench, everything()).digest == first.digest
    bench.behind(SetAttribute(A, "description", "d", "e"))
    second = drift_of(bench, everything())
    assert second.digest != first.digest
    bench.behind(CreateAlias(A, "theirs"))
    assert drift_of(bench, everything()).digest != second.digest
