"""Versions changed by others: each told once, in its class, and nothing that keyplan did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import MATERIAL, KeyVersion
from keyplan.model.operations import ActivateVersion, DestroyVersion, RotateKey
from keyplan.model.resources import Lifecycle, Manage
from keyplan.model.timing import format_instant
from keyplan.planning.drift_versions import version_changes
from keyplan.plans.changes import DriftKind, DriftResponse
from keyplan.plans.drift import DriftReport
from keyplan.plans.plan import PlanMode
from keyplan.testing.bench import Bench, key, replica
from keyplan.testing.fake_service import FakeKey

A = Address("key.a")
K = DriftKind
V = KeyState


def two_versions(**more: Any) -> Any:
    """Rotated by keyplan once: version 1 is still accepted."""
    return key("key.a", "root", "encrypt", rotation={"every": "90d", "overlap": "60d"}, **more)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.converge(two_versions())
    bench.plugin.clock.advance(timedelta(days=91))
    bench.converge(two_versions())
    assert [version.number for version in bench.state.resources[A].versions] == [1, 2]
    return bench


def states(*wanted: KeyState | None) -> Callable[[FakeKey], FakeKey]:
    """The key with just these versions; `None` leaves one out."""

    def changed(seen: FakeKey) -> FakeKey:
        born = seen.versions[0].created_at
        made = [KeyVersion(n, born, state) for n, state in enumerate(wanted, 1) if state]
        return replace(seen, versions=tuple(made))

    return changed


def edit(bench: Bench, change: Callable[[FakeKey], FakeKey], name: str = "key.a") -> None:
    bench.plugin.service().edit(bench.state.resources[Address(name)].id, change)


def told(bench: Bench, *keys: Any) -> list[tuple[str, object, object, DriftKind]]:
    items = [one.item for one in report_of(bench, *keys).drifted]
    return [(item.path, item.applied, item.live, item.kind) for item in items]


def report_of(bench: Bench, *keys: Any) -> DriftReport:
    return bench.survey(bench.graph_of(*(keys or [two_versions()]))).report


OLD, NOW, OUT, GONE = V.DEACTIVATED, V.ACTIVE, V.SUSPENDED, V.DESTROYED
TABLE = {
    "destroyed": (states(GONE, NOW), [("version:1", "deactivated", "destroyed", K.DESTRUCTIVE)]),
    "not there": (states(None, NOW), [("version:1", "deactivated", "destroyed", K.DESTRUCTIVE)]),
    "retired": (states(OUT, NOW), [("version:1", "deactivated", "suspended", K.AVAILABILITY)]),
    "an older one in use": (states(NOW, OLD), [("version", 2, 1, K.ACCESS_WIDENED)]),
    "rotated": (states(OLD, OLD, NOW), [("version", 2, 3, K.METADATA)]),
    "rotated twice": (states(OLD, OLD, OLD, NOW), [("version", 2, 4, K.METADATA)]),
    "rotated, and the old one destroyed": (
        states(GONE, OLD, NOW),
        [
            ("version:1", "deactivated", "destroyed", K.DESTRUCTIVE),
            ("version", 2, 3, K.METADATA),
        ],
    ),
    "made and not used": (
        states(OLD, NOW, OLD),
        [("version:3", None, "deactivated", K.METADATA)],
    ),
    "the one in use may only process": (
        states(OLD, OLD),
        [("version", 2, None, K.AVAILABILITY)],
    ),
    "the one in use retired": (
        states(OLD, OUT),
        [("version:2", "active", "suspended", K.AVAILABILITY)],
    ),
    "none left": (
        states(None, None),
        [
            ("version:1", "deactivated", "destroyed", K.DESTRUCTIVE),
            ("version:2", "active", "destroyed", K.DESTRUCTIVE),
        ],
    ),
    "made and destroyed again": (states(OLD, NOW, GONE), []),
    "an older copy of the store": (
        states(NOW),
        [
            ("version:2", "active", "destroyed", K.DESTRUCTIVE),
            ("version", 2, 1, K.ACCESS_WIDENED),
        ],
    ),
}


@pytest.mark.parametrize("what", TABLE)
def test_each_change_is_told_once_in_its_class(bench: Bench, what: str) -> None:
    change, expected = TABLE[what]
    edit(bench, change)
    assert told(bench) == expected
    for entry in report_of(bench).drifted:
        assert (entry.item.response, entry.by_remedy) == (DriftResponse.LEAVE, ())
        assert entry.left == "no version is declared: whoever changed it may have had to"
    assert [item.path for item in bench.plan(two_versions()).drift] == [one[0] for one in expected]


@pytest.mark.parametrize("what", [name for name, case in TABLE.items() if case[1]])
def test_refresh_only_takes_note_and_changes_nothing(bench: Bench, what: str) -> None:
    edit(bench, TABLE[what][0])
    before = bench.live("key.a").fingerprint
    plan = bench.plan(two_versions(), mode=PlanMode.REFRESH_ONLY)
    assert {item.response for item in plan.drift} == {DriftResponse.ACCEPT}
    bench.perform(plan)
    assert (told(bench), bench.live("key.a").fingerprint) == ([], before)
    assert bench.state.resources[A].recorded == {"tier"}


def test_a_version_accepted_again_widens_and_its_schedule_retires_it(bench: Bench) -> None:
    bench.plugin.clock.advance(timedelta(days=61))
    bench.perform(bench.plan(two_versions()))
    assert bench.live("key.a").versions[0].state is OUT
    assert told(bench) == []
    edit(
        bench,
        lambda one: replace(one, versions=(replace(one.versions[0], state=OLD), one.versions[1])),
    )
    (entry,) = report_of(bench).drifted
    assert (entry.item.path, entry.item.kind) == ("version:1", K.ACCESS_WIDENED)
    assert [repair.call for repair in entry.by_apply] == ["retire version"]
    bench.perform(bench.plan(two_versions()))
    assert told(bench) == []


def test_a_new_public_key_may_be_unknown_to_others() -> None:
    signing = key("key.a", "root", "sign", algorithm="ec-p256", rotation={"every": "90d"})
    bench = Bench()
    bench.converge(signing)
    bench.behind(RotateKey(A, 2))
    assert told(bench, signing) == [("version", 1, 2, K.AVAILABILITY)]


def test_a_rotation_by_hand_satisfies_one_that_was_due(bench: Bench) -> None:
    bench.plugin.clock.advance(timedelta(days=91))
    due = [step.operation for step in bench.plan(two_versions()).steps]
    assert RotateKey(A, 3) in due
    bench.behind(RotateKey(A, 3))
    plan = bench.plan(two_versions())
    assert [item.path for item in plan.drift] == ["version"]
    assert not [step for step in plan.steps if isinstance(step.operation, RotateKey)]


def test_what_keyplan_does_to_versions_is_never_drift() -> None:
    kept = key("key.a", "root", "encrypt", rotation={"every": "90d", "overlap": "7d", "keep": 2})
    bench = Bench()
    bench.converge(kept)
    done: list[str] = []
    for _ in range(20):
        bench.plugin.clock.advance(timedelta(days=30))
        assert told(bench, kept) == [], "nor is what is due"
        plan = bench.plan(kept)
        done += [step.operation.name for step in plan.steps]
        bench.perform(plan)
        assert told(bench, kept) == []
    assert {"rotate_key", "retire_version", "destroy_version"} <= set(done)


def test_a_key_that_is_only_observed_is_told_and_left(bench: Bench) -> None:
    watched = two_versions(lifecycle=Lifecycle(manage=Manage.OBSERVE))
    edit(bench, states(OUT, NOW))
    (entry,) = report_of(bench, watched).drifted
    assert entry.item.response is DriftResponse.OBSERVE


@pytest.mark.parametrize("primary", ["none", "dr"])
def test_copies_share_their_versions_and_the_declared_key_tells(primary: str) -> None:
    bench = Bench(places=("fake.dr",))
    terms: dict[str, Any] = {"multi_region": True, "rotation": {"every": "90d"}}
    if primary != "none":
        terms["primary"] = primary
    first = key("key.a", "root", "encrypt", **terms)
    both = (first, replica(first, "dr", "fake.dr"))
    bench.converge(*both)
    bench.plugin.clock.advance(timedelta(days=91))
    bench.perform(bench.plan(*both))
    assert told(bench, *both) == [], "the state has not read the copy since"
    bench.behind(RotateKey(A, 3))
    assert [one.item.address for one in report_of(bench, *both).drifted] == [A]


def test_where_versions_cannot_be_read_nothing_is_said(bench: Bench) -> None:
    seen = replace(bench.live("key.a"), versions=())
    resource, now = bench.state.resources[A], bench.plugin.clock.now()
    assert [one.kind for one in version_changes(resource, seen, now)] == [K.DESTRUCTIVE] * 2
    hidden = replace(seen, unreadable=frozenset({"versions"}))
    assert list(version_changes(resource, hidden, now)) == []


# -- services that rotate by themselves --------------------------------------------------

SOON, LATER = timedelta(days=30), timedelta(days=120)


def material(name: str, rotates_at: str | None) -> Callable[[FakeKey], FakeKey]:
    return lambda one: one.having(MATERIAL, {"id": name, "rotates_at": rotates_at})


@pytest.mark.parametrize(
    ("before", "after", "waits", "expected"),
    [
        pytest.param(None, None, 0, "drift", id="it never rotates by itself"),
        pytest.param(SOON, SOON, 0, "drift", id="before its date came"),
        pytest.param(SOON, LATER, 31, "nothing", id="by its schedule"),
        pytest.param(SOON, LATER, 0, "note", id="the schedule was changed too"),
        pytest.param(None, LATER, 0, "note", id="the schedule was begun"),
        pytest.param(LATER, None, 0, "note", id="the schedule was ended"),
    ],
)
def test_new_material_is_somebodys_only_where_no_schedule_can_have_made_it(
    before: timedelta | None, after: timedelta | None, waits: int, expected: str
) -> None:
    bench, plain = Bench(), key("key.a", "root", "encrypt", description="d")
    start = bench.plugin.clock.now()
    first, second = (
        None if one is None else format_instant(start + one) for one in (before, after)
    )
    bench.converge(plain)
    edit(bench, material("m1", first))
    bench.perform(bench.plan(key("key.a", "root", "encrypt", description="read again")))
    plain = key("key.a", "root", "encrypt", description="read again")
    assert told(bench, plain) == []
    fingerprint = bench.live("key.a").fingerprint
    bench.plugin.clock.advance(timedelta(days=waits))
    edit(bench, material("m2", second))
    report = report_of(bench, plain)
    drift = [("version", "m1", "m2", K.METADATA)] if expected == "drift" else []
    assert told(bench, plain) == drift
    assert [one.attribute for one in report.respelt] == (["version"] if expected == "note" else [])
    assert bench.live("key.a").fingerprint == fingerprint, "no plan rests on it"
    if drift:
        bench.perform(bench.plan(plain, mode=PlanMode.REFRESH_ONLY))
        assert told(bench, plain) == []


def test_once_a_refresh_took_note_of_the_services_own_rotation_others_are_told_again() -> None:
    bench, plain = Bench(), key("key.a", "root", "encrypt", description="d")
    bench.converge(plain)
    start = bench.plugin.clock.now()
    first, second = (format_instant(start + one) for one in (SOON, LATER))
    edit(bench, material("m1", first))
    plain = key("key.a", "root", "encrypt", description="read again")
    bench.perform(bench.plan(plain))
    bench.plugin.clock.advance(timedelta(days=31))
    edit(bench, material("m2", second))
    plan = bench.plan(plain, mode=PlanMode.REFRESH_ONLY)
    assert (plan.drift, len(plan.steps)) == ((), 1)
    assert not bench.plan(plain).has_changes
    bench.perform(plan)
    assert not bench.plan(plain, mode=PlanMode.REFRESH_ONLY).has_changes
    edit(bench, material("m3", second))
    assert told(bench, plain) == [("version", "m2", "m3", K.METADATA)]


def test_material_says_nothing_where_versions_are_counted(bench: Bench) -> None:
    edit(bench, material("m1", None))
    bench.perform(bench.plan(two_versions(description="read again")))
    edit(bench, material("m2", None))
    assert told(bench, two_versions(description="read again")) == []


@pytest.mark.parametrize("operation", [DestroyVersion(A, 1), ActivateVersion(A, 2, 1)])
def test_operations_by_hand_are_seen_too(bench: Bench, operation: Any) -> None:
    bench.behind(operation)
    assert len(told(bench)) == 1
