"""`keyplan drift`: every attribute once, in its class, with what puts it right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import CreateAlias, PutPolicy, SetAttribute
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import destroyable, key
from keyplan.testing.fake import fake_plugin
from keyplan.testing.fake_service import UNSET
from tests.unit.planning.drifting import (
    OPEN,
    TABLE,
    TERMS,
    A,
    K,
    being,
    converged,
    drift_of,
    edit,
    everything,
    having,
    only,
)

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
