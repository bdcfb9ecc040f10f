"""Drift over random worlds: nothing is told that did not happen, and all that did is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.keys import ALGORITHMS, KeyState
from keyplan.model.observations import KeyVersion
from keyplan.plans.changes import DriftKind
from keyplan.plans.plan import PlanMode
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import Bench
from keyplan.testing.fake import fake_plugin
from keyplan.testing.fake_service import FakeKey
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import Accident, AccidentKind, stacks

PLACES = ("dr", "us")
PROFILES: dict[str, dict[str, Any]] = {
    "usual": {},
    "destroys at once": {"deletion": Deletion.IMMEDIATE},
    "never destroys": {"deletion": Deletion.FORBIDDEN},
    "answers with an id only": {"answers": False},
    "records much": {"recorded": {"description", "rotation", "expires_at"}},
    "has little": {"without": {"expires_at", "certificate"}},
    "one way": {"one_way": {"exportable"}},
    "grants by terms": {"grants_by_terms": True},
}
"""What providers differ in, as far as it shows when a key is read."""

WORLDS = 60
profiles = st.sampled_from(sorted(PROFILES))
families = stacks(max_keys=8, places=PLACES)
CALM = settings(
    max_examples=WORLDS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def applied(stack: StackSpec, profile: str) -> Bench:
    options = dict(PROFILES[profile])
    if stack_needs(stack) & set(options.get("without", ())):
        options = {}
    bench = Bench(plugin=fake_plugin(**options), places=tuple(f"fake.{place}" for place in PLACES))
    plan = bench.plan_graph(stack.graph())
    assert not plan.errored, plan.findings
    bench.perform(plan)
    return bench


def stack_needs(stack: StackSpec) -> set[str]:
    return {name for spec in stack.keys for name in spec.attributes}


def nothing_is_told(stack: StackSpec, profile: str, days: int) -> None:
    bench = applied(stack, profile)
    bench.plugin.clock.advance(timedelta(days=days))
    found = bench.survey(stack.graph(), unmanaged=True)
    report = found.report
    assert (report.drifted, report.strays, report.respelt) == ((), (), ())
    assert found.remedy.steps == ()


@given(families, profiles, st.sampled_from([0, 0, 100]))
@CALM
def test_a_converged_world_has_no_drift(stack: StackSpec, profile: str, days: int) -> None:
    nothing_is_told(stack, profile, days)


@pytest.mark.soak
@given(families, profiles, st.sampled_from([0, 0, 100]))
@settings(CALM, max_examples=max(WORLDS, int(os.environ.get("KEYPLAN_SOAK_WORLDS", "1000"))))
def test_a_thousand_converged_worlds_have_no_drift(
    stack: StackSpec, profile: str, days: int
) -> None:
    nothing_is_told(stack, profile, days)


@given(families, profiles, st.lists(st.integers(1, 200), min_size=2, max_size=5))
@CALM
def test_what_keyplan_does_over_time_is_never_drift(
    stack: StackSpec, profile: str, pauses: list[int]
) -> None:
    bench = applied(stack, profile)
    for days in pauses:
        bench.plugin.clock.advance(timedelta(days=days))
        plan = bench.plan_graph(stack.graph())
        if plan.errored:
            return
        bench.perform(plan)
        report = bench.survey(stack.graph()).report
        assert (report.drifted, report.respelt) == ((), ())


def rotated(key: FakeKey) -> FakeKey:
    """Rotated by hand."""
    older = [replace(one, state=_older(one)) for one in key.versions]
    made = KeyVersion(len(older) + 1, key.versions[-1].created_at, KeyState.ACTIVE)
    return replace(key, versions=(*older, made))


def _older(version: KeyVersion) -> KeyState:
    return KeyState.DEACTIVATED if version.state is KeyState.ACTIVE else version.state


def oldest(state: KeyState) -> Callable[[FakeKey], FakeKey]:
    """The oldest version brought into a state."""
    return lambda key: replace(
        key, versions=(replace(key.versions[0], state=state), *key.versions[1:])
    )


VERSIONS: dict[str, tuple[Callable[[FakeKey], FakeKey], str, DriftKind]] = {
    "destroyed": (oldest(KeyState.DESTROYED), "version:1", DriftKind.DESTRUCTIVE),
    "retired": (oldest(KeyState.SUSPENDED), "version:1", DriftKind.AVAILABILITY),
    "accepted": (oldest(KeyState.DEACTIVATED), "version:1", DriftKind.ACCESS_WIDENED),
}


@given(families, profiles, st.sampled_from([*VERSIONS, "rotated"]), st.integers(0, 63))
@CALM
def test_a_version_changed_by_hand_is_told_once_of_its_key_in_its_class(
    stack: StackSpec, profile: str, what: str, which: int
) -> None:
    bench = applied(stack, profile)
    bench.plugin.clock.advance(timedelta(days=400))
    plan = bench.plan_graph(stack.graph())
    if plan.errored:
        return
    bench.perform(plan)
    home = [key for key in bench.plugin.service().current() if key.deletion_at is None]
    if not home:
        return
    key_id = home[which % len(home)].id
    here = {item.id: a for a, item in bench.state.resources.items() if item.provider == "fake"}
    address = here[key_id]
    before = bench.live(address)
    if what == "rotated":
        change, path = rotated, "version"
        symmetric = ALGORITHMS[str(before.attributes["algorithm"])].symmetric
        kind = DriftKind.METADATA if symmetric else DriftKind.AVAILABILITY
    else:
        change, path, kind = VERSIONS[what]
        if len(before.versions) < 2:
            return
    bench.plugin.service().edit(before.id, change)
    seen = bench.live(address).versions
    expected = [] if _same(before.versions, seen) else [(path, kind)]
    report = bench.survey(stack.graph()).report
    told = [(entry.item.path, entry.item.kind) for entry in report.drifted]
    assert told == expected
    assert {entry.item.address for entry in report.drifted} <= {address}
    bench.perform(bench.plan_graph(stack.graph(), mode=PlanMode.REFRESH_ONLY))
    assert bench.survey(stack.graph()).report.drifted == ()


def _same(before: tuple[KeyVersion, ...], after: tuple[KeyVersion, ...]) -> bool:
    return [(one.number, one.state) for one in before] == [(one.number, one.state) for one in after]


TOLD: dict[AccidentKind, tuple[str, set[DriftKind]]] = {
    AccidentKind.DESCRIBED: ("description", {DriftKind.METADATA}),
    AccidentKind.UNLABELLED: ("labels", {DriftKind.METADATA}),
    AccidentKind.NAMED: ("aliases", {DriftKind.ACCESS_WIDENED}),
    AccidentKind.UNNAMED: ("aliases", {DriftKind.AVAILABILITY}),
    AccidentKind.POLICY_REPLACED: (
        "policy",
        {DriftKind.ACCESS_WIDENED, DriftKind.ACCESS_NARROWED},
    ),
    AccidentKind.GRANTED: ("grants", {DriftKind.ACCESS_WIDENED}),
    AccidentKind.SUSPENDED: ("state", {DriftKind.AVAILABILITY}),
    AccidentKind.DISOWNED: ("mark", {DriftKind.METADATA}),
    AccidentKind.SCHEDULED: ("deletion_at", {DriftKind.DESTRUCTIVE}),
    AccidentKind.VANISHED: ("", {DriftKind.VANISHED}),
}
"""What an accident may be told as; of labels of others nothing is."""


@given(
    stacks(max_keys=6),
    st.sampled_from(list(AccidentKind)),
    st.integers(0, 63),
)
@CALM
def test_an_accident_is_told_of_its_key_in_its_class_and_of_no_other(
    stack: StackSpec, kind: AccidentKind, which: int
) -> None:
    bench = applied(stack, "usual")
    before = {address: bench.live(address).fingerprint for address in bench.state.resources}
    key_id = Accident(kind, which).happen(bench.plugin.service())
    (address,) = [a for a, item in bench.state.resources.items() if item.id == key_id]
    report = bench.survey(stack.graph()).report
    assert {entry.item.address for entry in report.drifted} <= {address}
    paths = [entry.item.path for entry in report.drifted]
    assert len(paths) == len(set(paths))
    for entry in report.drifted:
        name, kinds = TOLD[kind]
        assert entry.item.path.partition(":")[0] == name
        assert entry.item.kind in kinds
    if kind in (AccidentKind.VANISHED, AccidentKind.SCHEDULED, AccidentKind.DISOWNED):
        assert len(report.drifted) == 1
    elif bench.live(address).fingerprint != before[address] and _is_watched(bench, address, kind):
        assert report.drifted


def _is_watched(bench: Bench, address: Address, kind: AccidentKind) -> bool:
    """Whether keyplan manages what the accident changed, or watches it all the same."""
    managed = {path.partition(":")[0] for path in bench.state.resources[address].managed}
    always = (AccidentKind.POLICY_REPLACED, AccidentKind.GRANTED, AccidentKind.NAMED)
    if kind is AccidentKind.LABELLED:
        return False
    return kind in always or TOLD[kind][0] in managed


@given(stacks(max_keys=6), st.lists(st.tuples(st.sampled_from(list(TOLD)), st.integers(0, 63))))
@CALM
def test_remediation_does_what_is_promised_and_a_second_look_finds_the_rest(
    stack: StackSpec, happened: list[tuple[AccidentKind, int]]
) -> None:
    bench = applied(stack, "usual")
    for kind, which in happened:
        Accident(kind, which).happen(bench.plugin.service())
    found = bench.survey(stack.graph())
    told = {(entry.item.address, entry.item.path) for entry in found.report.drifted}
    promised = {
        (entry.item.address, entry.item.path) for entry in found.report.drifted if entry.by_remedy
    }
    if found.remedy.errored:
        return
    bench.perform(found.remedy)
    left = {
        (entry.item.address, entry.item.path)
        for entry in bench.survey(stack.graph()).report.drifted
    }
    assert not promised & left
    assert left <= told
    managed = {
        place
        for place in told - promised
        if place[0] in bench.state.resources and place[1] in bench.state.resources[place[0]].managed
    }
    assert managed <= left, "what is left stays drift until somebody decides"
