"""The fold of a journal is pure, and an exact inverse undoes what its operation did."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.inverses import Grade, inverse_of
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    Operation,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RetireVersion,
    RewrapKey,
    SetAttribute,
    SetOwner,
)
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.effects import symbolic
from keyplan.state.entries import RunEnded, RunStarted, Settlement, StepStarted, StepSucceeded
from keyplan.state.fold import fold
from keyplan.state.model import ResourceState, State
from tests.property import journal_strategies as strategies
from tests.property.journal_strategies import LINEAGE, TARGET

NOW = "2027-01-01T12:00:00Z"
INSTANT = datetime(2027, 1, 1, 12, tzinfo=UTC)
EXAMPLES = settings(max_examples=50, deadline=None)
ALL = frozenset(
    {
        "accept_version",
        "activate_version",
        "change_primary",
        "change_state",
        "create_alias",
        "create_grant",
        "delete_alias",
        "put_labels",
        "put_policy",
        "retire_version",
        "revoke_grant",
        "rewrap_key",
        "set_attribute",
        "set_owner",
    }
)

keys = st.builds(
    ResourceState,
    address=st.just(TARGET),
    provider=st.just("hsm"),
    id=st.just("id-1"),
    attributes=st.fixed_dictionaries(
        {
            "state": st.sampled_from([state.value for state in KeyState]),
            "labels": st.dictionaries(strategies.names, strategies.texts, max_size=3),
            "grants": st.just({}),
            "aliases": st.lists(strategies.names, max_size=3, unique=True).map(sorted),
            "policy": strategies.values,
            "parent": st.none(),
            "primary": st.just("eu"),
            "description": st.none() | strategies.texts,
        }
    ),
    owner=strategies.owners,
    versions=st.just(
        (
            KeyVersion(1, INSTANT, KeyState.DEACTIVATED),
            KeyVersion(2, INSTANT, KeyState.DEACTIVATED),
            KeyVersion(3, INSTANT, KeyState.ACTIVE),
        )
    ),
)


def aligned(operation: Operation, key: ResourceState) -> Operation | None:
    """The operation as a plan would make it for this key, or `None` if it would not."""
    attributes = key.attributes
    match operation:
        case SetOwner():
            return replace(operation, before=key.owner)
        case ChangeState():
            return replace(operation, before=KeyState(str(attributes["state"])))
        case SetAttribute():
            return replace(operation, attribute="description", before=attributes["description"])
        case PutPolicy():
            return replace(operation, before=attributes["policy"])
        case RewrapKey():
            return replace(operation, before=None)
        case ChangePrimary():
            return operation
        case PutLabels(put=put):
            labels = attributes["labels"]
            remove = [name for name in labels if name not in put]
            before = {name: labels[name] for name in labels if name in put or name in remove}
            return replace(operation, remove=remove, before=before)
        case CreateAlias(alias=alias):
            return None if alias in attributes["aliases"] else operation
        case DeleteAlias(alias=alias):
            return operation if alias in attributes["aliases"] else None
        case ActivateVersion():
            return replace(operation, before=3, after=min(operation.after, 2))
        case RetireVersion() | AcceptVersion():
            return RetireVersion(TARGET, min(operation.version, 2))
        case RecordAttributes(after=after):
            written = {name: value for name, value in after.items() if value is not None}
            fresh = {name: value for name, value in written.items() if name not in attributes}
            return replace(operation, before={}, after=fresh)
        case CreateGrant():
            return operation
        case _:
            return None


@EXAMPLES
@given(keys, strategies.operations_with_a_way_back)
def test_exact_inverse_restores_the_key(key: ResourceState, operation: Operation) -> None:
    planned = aligned(operation, key)
    if planned is None:
        return
    inverse = inverse_of(planned, supported=ALL)
    if inverse.grade is not Grade.EXACT:
        return
    after = symbolic(key, planned, at=INSTANT)
    for back in inverse.operations:
        after = symbolic(after, back, at=INSTANT)
    assert after == key


@EXAMPLES
@given(keys, st.lists(st.tuples(strategies.operations_with_a_way_back, strategies.settlements)))
def test_fold_is_pure_and_its_state_can_be_written(key: ResourceState, plan: list) -> None:
    state = State(LINEAGE, resources={TARGET: key})
    entries: list = [
        RunStarted("run-1", "apply", "", LINEAGE, 0, "ada@host", (), NOW),
    ]
    for number, (operation, settlement) in enumerate(plan, 1):
        inverse = inverse_of(operation, supported=ALL)
        entries += [
            StepStarted(number, "hsm", operation, inverse, settlement),
            StepSucceeded(number, "id-1"),
        ]
    entries.append(RunEnded("succeeded", NOW))
    untouched = deepcopy((state, entries))
    after = fold(state, entries)
    assert (state, entries) == untouched
    assert after == fold(state, entries)
    assert after.serial == 1
    assert decode_state(encode_state(after, keyplan_version="0.1.0")) == after


@EXAMPLES
@given(keys, st.lists(strategies.operations_with_a_way_back, min_size=1, max_size=4))
def test_folding_more_of_a_journal_never_forgets_what_was_done(
    key: ResourceState, operations: list
) -> None:
    """An open run, read after each entry, is the fold so far: a crash anywhere is harmless."""
    state = State(LINEAGE, resources={TARGET: key})
    entries: list = [RunStarted("run-1", "apply", "", LINEAGE, 0, "ada@host", (), NOW)]
    expected = key
    for number, operation in enumerate(operations, 1):
        inverse = inverse_of(operation, supported=ALL)
        entries.append(StepStarted(number, "hsm", operation, inverse, Settlement()))
        assert fold(state, entries).resources[TARGET] == expected
        entries.append(StepSucceeded(number, "id-1"))
        expected = symbolic(expected, operation, at=INSTANT)
        assert fold(state, entries).resources[TARGET] == expected
