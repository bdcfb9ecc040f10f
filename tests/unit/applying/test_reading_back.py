from __future__ import annotations

from keyplan.applying.known import Known
from keyplan.applying.reading_back import read_back, unread
from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    AdoptKey,
    ChangePrimary,
    CreateAlias,
    CreateGrant,
    DestroyKey,
    ForgetKey,
    MoveAlias,
    Operation,
    RecordAttributes,
    RevokeGrant,
    SetAttribute,
)
from keyplan.state.entries import Entry, Settlement, StepStarted, StepSucceeded, Verified
from keyplan.state.model import ResourceState, State
from keyplan.testing.fake import fake_plugin
from keyplan.testing.faults import FaultKind
from tests.lifecycle.world import instance

A, B = Address("key.a"), Address("key.b")


def _run(*steps: tuple[Operation, Observation | None]) -> list[Entry]:
    entries: list[Entry] = []
    for number, (operation, observation) in enumerate(steps, 1):
        inverse = Inverse(Grade.EXACT)
        entries.append(StepStarted(number, "fake", operation, inverse, Settlement()))
        entries.append(StepSucceeded(number, f"id-{operation.target.name}", observation))
    return entries


SEEN = Observation("id-a", {"state": "active"})


def test_only_what_nobody_described_is_read() -> None:
    assert set(unread(_run((CreateAlias(A, "x"), None), (CreateAlias(B, "y"), SEEN)))) == {A}
    assert not unread(_run((CreateAlias(A, "x"), None), (CreateAlias(A, "y"), SEEN)))
    assert set(unread(_run((CreateAlias(A, "x"), SEEN), (CreateAlias(A, "y"), None)))) == {A}
    assert set(unread(_run((AdoptKey(A, "id-a"), None)))) == {A}


def test_the_key_that_lost_its_alias_is_read_too() -> None:
    moved = _run((MoveAlias(A, "x", B), SEEN))
    assert set(unread(moved)) == {B}
    assert set(unread([*moved, Verified(B, SEEN)])) == set()
    plugin = fake_plugin()
    key_id = plugin.service().plant()
    state = State("l", resources={B: ResourceState(B, "fake", key_id, {"state": "active"})})
    sessions = {"fake": instance(plugin)}
    verified, warnings = read_back(moved, Known(state, sessions), sessions)
    assert [(item.address, item.observation.id) for item in verified] == [(B, key_id)]
    assert warnings == []
    assert read_back(moved, Known(State("l"), sessions), sessions) == ([], [])


def test_what_is_gone_or_was_not_touched_is_not_read() -> None:
    for last in (DestroyKey(A), ForgetKey(A, "id-a")):
        assert not unread(_run((CreateAlias(A, "x"), None), (last, None)))
    assert not unread(_run((RecordAttributes(A, {}, {}), None)))
    done = [*_run((CreateAlias(A, "x"), None)), Verified(A, SEEN)]
    assert not unread(done)


def test_a_later_write_to_the_same_part_decides() -> None:
    terms = {"operations": ["encrypt"]}
    steps = _run(
        (RevokeGrant(A, "g", terms), None),
        (CreateGrant(A, "g", terms), None),
        (SetAttribute(A, "description", None, "x"), None),
    )
    assert {type(item) for item in unread(steps)[A].last.values()} == {CreateGrant, SetAttribute}
    both = _run((CreateGrant(A, "g", terms), None), (RevokeGrant(A, "g", {}), None))
    assert {type(item) for item in unread(both)[A].last.values()} == {CreateGrant, RevokeGrant}


def test_keys_can_be_asked_for_and_failures_are_warnings() -> None:
    plugin = fake_plugin()
    key_id = plugin.service().plant()
    state = State("l", resources={A: ResourceState(A, "fake", key_id, {"state": "active"})})
    sessions = {"fake": instance(plugin)}
    known = Known(state, sessions)

    verified, warnings = read_back([], known, sessions, also=[A, B])
    assert [(item.address, item.observation.id) for item in verified] == [(A, key_id)]
    assert warnings == []

    plugin.service().faults.add(FaultKind.DENIED, "read")
    verified, warnings = read_back([], known, sessions, also=[A])
    assert verified == []
    assert warnings == ["1 keys of fake were not read back: not permitted"]


def test_a_key_elsewhere_that_cannot_be_asked_about_is_a_warning() -> None:
    plugin = fake_plugin()
    there, here = plugin.service("b").plant(), plugin.service().plant()
    state = State(
        "l",
        resources={
            A: ResourceState(A, "fake", here, {"state": "active"}),
            B: ResourceState(B, "fake.b", there, {"state": "active"}),
        },
    )
    sessions = {"fake": instance(plugin), "fake.b": instance(plugin, "fake.b")}
    entries = [
        StepStarted(1, "fake.b", ChangePrimary(B, A, B), Inverse(Grade.EXACT), Settlement()),
        StepSucceeded(1, there),
    ]
    plugin.service().faults.add(FaultKind.DENIED, "read")
    verified, warnings = read_back(entries, Known(state, sessions), sessions)
    assert verified == []
    assert warnings == ["key.b was not read back: not permitted"]
