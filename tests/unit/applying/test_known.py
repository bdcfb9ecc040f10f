from __future__ import annotations

import pytest

from keyplan.applying.known import Known
from keyplan.errors import PlanningError
from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import (
    ChangePrimary,
    CreateKey,
    IssueCertificate,
    MoveAlias,
    PutLabels,
    ReplicateKey,
    RewrapKey,
    SetAttribute,
)
from keyplan.model.values import Reference, Unknown
from keyplan.state.entries import Settlement
from keyplan.state.model import ResourceState, State
from keyplan.testing.fake import fake_plugin
from tests.lifecycle.world import instance

A, B, C = (Address(f"key.{name}") for name in "abc")
STATE = State(
    "lineage",
    resources={A: ResourceState(A, "fake", "id-a", {"state": "active", "arn": "arn:a"})},
)


def _known(state: State = STATE) -> Known:
    return Known(state, {})


def _create(parent: Address | None, relation: str | None) -> CreateKey:
    return CreateKey(B, OwnerMark("s", "t"), "encrypt", "aes-256", parent, relation, {})


def test_bindings_name_every_key_an_operation_speaks_of() -> None:
    known = _known()
    known.learn(B, "id-b", None)
    both = {A: "id-a", B: "id-b"}
    for operation in (
        MoveAlias(B, "x", A),
        RewrapKey(B, None, A),
        RewrapKey(B, A, None),
        IssueCertificate(B, A, {}, 1),
        _create(A, "wraps"),
    ):
        assert known.bindings(operation) == both


def test_a_key_of_another_place_goes_by_its_arn() -> None:
    known = _known()
    known.place(B, "fake.dr")
    replicate = ReplicateKey(B, A, OwnerMark("s", "t"), {})
    assert known.bindings(replicate) == {A: "arn:a"}
    known.learn(B, "id-b", Observation("id-b", {"state": "active", "arn": "arn:b"}))
    assert known.bindings(ChangePrimary(A, A, B)) == {A: "id-a", B: "arn:b"}
    assert known.bindings(ChangePrimary(A, B, A)) == {A: "id-a", B: "arn:b"}
    known.place(B, "fake")
    assert known.bindings(replicate) == {A: "id-a", B: "id-b"}


def test_a_new_key_needs_no_id() -> None:
    assert _known().bindings(_create(None, None)) == {}


@pytest.mark.parametrize(
    "operation",
    [PutLabels(C, {}, [], {}), MoveAlias(A, "x", C), _create(C, "wraps"), RewrapKey(A, None, C)],
)
def test_a_key_that_must_exist_and_is_not_known_is_an_error(operation: PutLabels) -> None:
    with pytest.raises(PlanningError, match=r"key\.c: its id is not known"):
        _known().bindings(operation)


def test_a_parent_that_only_governs_may_be_out_of_reach() -> None:
    assert _known().bindings(_create(C, "governs")) == {}


def test_references_are_answered_by_what_is_known_best() -> None:
    known = _known()
    assert known.value_of(Reference(A, "id")) == "id-a"
    assert known.value_of(Reference(A, "arn")) == "arn:a"
    known.learn(A, "id-a", Observation("id-a", {"state": "active", "arn": "arn:new"}))
    assert known.value_of(Reference(A, "arn")) == "arn:new"
    known.learn(A, "id-a", None)
    assert known.value_of(Reference(A, "arn")) == "arn:new"


def test_references_that_nobody_answered_are_read() -> None:
    plugin = fake_plugin()
    key_id = plugin.service().plant()
    known = Known(State("lineage"), {"fake": instance(plugin)})
    known.place(B, "fake")
    known.learn(B, key_id, None)
    assert known.value_of(Reference(B, "algorithm")) == "aes-256"
    assert known.value_of(Reference(B, "usage")) == "encrypt"
    assert plugin.service().called("read") == 1
    with pytest.raises(PlanningError, match=r"key\.b\.nonsense is not known"):
        known.value_of(Reference(B, "nonsense"))


def test_everything_a_step_says_is_resolved() -> None:
    known = _known()
    arn = Unknown((Reference(A, "arn"),))
    text = Unknown(("see ", Reference(A, "arn"), "!"))
    operation = SetAttribute(B, "description", arn, {"deep": [text]})  # type: ignore[dict-item]
    resolved = known.resolved_operation(operation)
    assert resolved == SetAttribute(B, "description", "arn:a", {"deep": ["see arn:a!"]})
    inverse = known.resolved_inverse(Inverse(Grade.EXACT, (operation,)))
    assert inverse.operations == (resolved,)
    settlement = known.resolved_settlement(Settlement(record={"scope": arn}, manage=("x",)))
    assert settlement == Settlement(record={"scope": "arn:a"}, manage=("x",))


def test_what_is_known_already_stays_the_same_object() -> None:
    known = _known()
    operation, inverse, settlement = PutLabels(A, {}, [], {}), Inverse(Grade.NONE), Settlement()
    assert known.resolved_operation(operation) is operation
    assert known.resolved_inverse(inverse) is inverse
    assert known.resolved_settlement(settlement) is settlement
