"""What the state says of a key comes back exactly, step by step and all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.inverses import NO_WAY_BACK
from keyplan.model.operations import RecordAttributes
from keyplan.planning.rollback_settling import NOTHING, merged, settlement_back, still_due
from keyplan.state.entries import RunEnded, RunStarted, Settlement, StepStarted, StepSucceeded
from keyplan.state.fold import fold
from keyplan.state.model import Phase, ResourceState, State

KEY = Address("key.a")
LINEAGE = "11111111-1111-4111-8111-111111111111"
NAMES = ("tier", "scope", "owner")
OTHERS = st.lists(st.sampled_from([Address("key.b"), Address("key.c")]), unique=True).map(tuple)


@st.composite
def resources(draw: st.DrawFn) -> ResourceState:
    """One key in any condition, always with the same observed attributes."""
    recorded = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from("xyz")))
    phase = draw(st.sampled_from(Phase))
    return ResourceState(
        KEY,
        "fake",
        "key-1",
        {"description": "seen", **recorded},
        managed=frozenset(draw(st.sets(st.sampled_from(["description", "labels:t", *NAMES])))),
        dependencies=draw(OTHERS),
        phase=phase,
        until="" if phase is Phase.LIVE else draw(st.sampled_from(["2030-01-01T00:00:00Z"])),
        recorded=frozenset(recorded),
    )


def _settled(resource: ResourceState, settlement: Settlement) -> ResourceState:
    """The key after a step that makes no call and has this settlement."""
    at = datetime(2027, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = State(LINEAGE, 1, {KEY: resource})
    operation = RecordAttributes(KEY, {}, {})
    entries = (
        RunStarted("run", "rollback", "", LINEAGE, 1, "a@b", (), at),
        StepStarted(1, "fake", operation, NO_WAY_BACK, settlement),
        StepSucceeded(1, "key-1"),
        RunEnded("succeeded", at),
    )
    return fold(state, entries).resources[KEY]


@given(before=resources(), after=resources())
def test_the_way_back_leads_to_exactly_what_was(
    before: ResourceState, after: ResourceState
) -> None:
    assert _settled(after, settlement_back(after, before)) == before


@given(first=resources(), second=resources(), third=resources())
def test_two_ways_back_are_one(
    first: ResourceState, second: ResourceState, third: ResourceState
) -> None:
    whole = merged(settlement_back(third, second), settlement_back(second, first))
    assert _settled(third, whole) == first


@given(before=resources(), after=resources())
def test_what_is_said_already_is_not_due(before: ResourceState, after: ResourceState) -> None:
    back = settlement_back(after, before)
    assert still_due(back, before) == NOTHING
    assert _settled(after, still_due(back, after)) == before


@given(resources())
def test_nothing_is_due_of_a_key_that_was_not_there(after: ResourceState) -> None:
    assert settlement_back(after, None) == NOTHING


@given(resources())
def test_a_key_that_comes_back_gets_all_it_had(before: ResourceState) -> None:
    blank = replace(
        before, attributes={"description": "seen"}, recorded=frozenset(), managed=frozenset()
    )
    assert _settled(blank, settlement_back(None, before)) == before
