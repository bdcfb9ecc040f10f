"""Random entries, operations and keys for the properties of journals."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RetireVersion,
    RewrapKey,
    SetAttribute,
    SetOwner,
)
from keyplan.state.entries import (
    OutputsSet,
    RunEnded,
    RunPlanned,
    RunStarted,
    Settlement,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepUndecided,
    Verified,
)
from keyplan.state.model import Phase

LINEAGE = "3f0c9a4e-1b9d-4c59-9e1f-0a2b3c4d5e6f"
TARGET = Address("key.target")

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text(string.ascii_lowercase, min_size=1, max_size=4)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
documents = st.dictionaries(names, values, max_size=4)
instants = st.datetimes(timezones=st.timezones()).map(
    lambda moment: moment.replace(year=2000 + moment.year % 100)
)
addresses = st.builds(Address.of, st.just("key"), names, st.none() | texts)
owners = st.none() | st.builds(OwnerMark, names, names)
versions = st.lists(
    st.builds(KeyVersion, st.integers(1, 99), instants, st.sampled_from(KeyState)), max_size=3
).map(tuple)
observations = st.builds(
    Observation,
    id=texts,
    attributes=documents,
    owner=owners,
    versions=versions,
    deletion_at=st.none() | instants,
    unreadable=st.frozensets(names, max_size=2),
)
settlements = st.builds(
    Settlement,
    record=documents,
    drop=st.lists(names, max_size=2).map(tuple),
    manage=st.lists(texts, max_size=2).map(tuple),
    unmanage=st.lists(texts, max_size=2).map(tuple),
    dependencies=st.none() | st.lists(addresses, max_size=2).map(tuple),
    phase=st.none() | st.sampled_from([phase.value for phase in Phase]),
    until=st.none() | texts,
)
states = st.sampled_from(KeyState)
numbers = st.integers(1, 3)

operations_with_a_way_back = st.one_of(
    st.builds(SetOwner, st.just(TARGET), owners, owners),
    st.builds(ChangeState, st.just(TARGET), states, states),
    st.builds(SetAttribute, st.just(TARGET), names, values, values),
    st.builds(RewrapKey, st.just(TARGET), st.none() | addresses, st.none() | addresses),
    st.builds(PutPolicy, st.just(TARGET), values, values),
    st.builds(CreateGrant, st.just(TARGET), names, documents),
    st.builds(CreateAlias, st.just(TARGET), names),
    st.builds(DeleteAlias, st.just(TARGET), names),
    st.builds(ActivateVersion, st.just(TARGET), numbers, numbers),
    st.builds(RetireVersion, st.just(TARGET), numbers),
    st.builds(AcceptVersion, st.just(TARGET), numbers),
    st.builds(ChangePrimary, st.just(TARGET), addresses, addresses),
    st.builds(RecordAttributes, st.just(TARGET), documents, documents),
    st.builds(
        PutLabels,
        st.just(TARGET),
        st.dictionaries(names, texts, max_size=3),
        st.lists(names, max_size=2),
        st.dictionaries(names, texts, max_size=2),
    ),
)
steps = st.builds(
    StepStarted,
    step=st.integers(1, 99),
    provider=names,
    operation=operations_with_a_way_back,
    inverse=st.builds(
        Inverse,
        st.sampled_from(Grade),
        st.lists(operations_with_a_way_back, max_size=2).map(tuple),
        texts,
    ),
    settlement=settlements,
    expects=texts,
)
entries = st.one_of(
    st.builds(
        RunStarted,
        run=names,
        operation=names,
        checksum=texts,
        lineage=st.just(LINEAGE),
        serial=st.integers(0, 99),
        holder=texts,
        allowed=st.lists(names, max_size=2).map(tuple),
        at=st.just("2027-01-01T12:00:00Z"),
        places=st.dictionaries(names, texts, max_size=2),
        on_failure=st.sampled_from(["stop", "rollback"]),
    ),
    st.builds(RunPlanned, documents),
    steps,
    st.builds(StepSucceeded, st.integers(1, 99), texts, st.none() | observations),
    st.builds(StepFailed, st.integers(1, 99), names, texts),
    st.builds(StepUndecided, st.integers(1, 99), names, texts),
    st.builds(StepSkipped, st.integers(1, 99), texts),
    st.builds(Verified, addresses, observations),
    st.builds(OutputsSet, documents),
    st.builds(RunEnded, names, st.just("2027-01-01T12:00:00Z")),
)
journals = st.lists(entries, min_size=1, max_size=6)
