"""The closed union: every member encodes, has an inverse, and an inverse of the inverse."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from keyplan.model.address import Address
from keyplan.model.encoding import decode_operation, encode_operation
from keyplan.model.inverses import Grade, inverse_of
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    AdoptKey,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    Operation,
    PutDocument,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RemoteOperation,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
    is_remote,
)
from keyplan.model.values import Reference, Unknown

A, B = Address('key.a["x"]'), Address("key.b")
OWNER = OwnerMark("stack", "token")
EVERY_NAME = frozenset(kind.name for kind in get_args(RemoteOperation))
SAMPLES: list[Operation] = [
    CreateKey(A, OWNER, "encrypt", "aes-256", B, "wraps", {"labels": {"a": "b"}}),
    ScheduleDeletion(A, "30d"),
    CancelDeletion(A, "30d"),
    DestroyKey(A),
    SetOwner(A, None, OWNER),
    ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED),
    SetAttribute(A, "description", None, Unknown(("of ", Reference(B, "arn")))),
    PutLabels(A, {"new": "1", "old": "2"}, ["gone"], {"old": "1", "gone": "0"}),
    RewrapKey(A, B, None),
    IssueCertificate(A, B, {"subject": "CN=a"}, 1),
    PutPolicy(A, {"v": 1}, None),
    PutPolicy(A, {"v": 1}, {"v": 2}, bypass=True),
    CreateGrant(A, "g", {"operations": ["decrypt"]}),
    RevokeGrant(A, "g", {"operations": ["decrypt"]}),
    CreateAlias(A, "x/y"),
    MoveAlias(A, "x/y", B),
    DeleteAlias(A, "x/y"),
    RotateKey(A, 2),
    ActivateVersion(A, 2, 1),
    RetireVersion(A, 1),
    AcceptVersion(A, 1),
    DestroyVersion(A, 1),
    ReplicateKey(A, B, OWNER, {}),
    ChangePrimary(A, A, B),
    PutDocument(A, "role", "r", None, {"a": [1, True, None]}),
    RecordAttributes(A, {"tier": "data"}, {"tier": "service"}),
    AdoptKey(A, "id-1"),
    ForgetKey(A, "id-1"),
    RenameKey(A, B, "id-1"),
]
IDS = [sample.name for sample in SAMPLES]


def test_the_samples_cover_the_union() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(Operation))


@pytest.mark.parametrize("operation", SAMPLES, ids=IDS)
def test_every_operation_reads_back_equal(operation: Operation) -> None:
    assert decode_operation(encode_operation(operation)) == operation


@pytest.mark.parametrize("operation", SAMPLES, ids=IDS)
def test_the_inverse_of_an_exact_inverse_is_the_operation(operation: Operation) -> None:
    inverse = inverse_of(operation, supported=EVERY_NAME)
    if inverse.grade is not Grade.EXACT or isinstance(operation, PutLabels):
        return  # labels go back in two steps: below
    (back,) = inverse.operations
    again = inverse_of(back, supported=EVERY_NAME).operations
    assert again == (operation,)


@pytest.mark.parametrize("operation", SAMPLES, ids=IDS)
def test_no_inverse_destroys(operation: Operation) -> None:
    inverse = inverse_of(operation, supported=EVERY_NAME)
    assert not any(isinstance(step, DestroyKey | DestroyVersion) for step in inverse.operations)


@pytest.mark.parametrize("operation", SAMPLES, ids=IDS)
def test_an_inverse_that_the_service_cannot_perform_is_none(operation: Operation) -> None:
    inverse = inverse_of(operation, supported=frozenset())
    if is_remote(operation) and inverse.grade is not Grade.NONE:
        assert all(not is_remote(step) for step in inverse.operations)


def test_labels_come_back_as_they_were() -> None:
    back = inverse_of(SAMPLES[7], supported=EVERY_NAME).operations
    assert back == (
        PutLabels(A, {"old": "1", "gone": "0"}, [], {"old": "2"}),
        PutLabels(A, {}, ["new"], {"new": "1"}),
    )


def test_no_way_back_of_labels_both_puts_and_removes() -> None:
    """Most services need a call for each: a crash between them could not be told apart."""
    for sample in SAMPLES:
        for step in inverse_of(sample, supported=EVERY_NAME).operations:
            assert not (isinstance(step, PutLabels) and step.put and step.remove)


def test_a_one_way_attribute_has_no_way_back() -> None:
    operation = SetAttribute(A, "exportable", before=False, after=True)
    assert inverse_of(operation, supported=EVERY_NAME).grade is Grade.EXACT
    found = inverse_of(operation, supported=EVERY_NAME, one_way={"exportable"})
    assert found.grade is Grade.NONE


@pytest.mark.parametrize("before", list(KeyState))
@pytest.mark.parametrize("after", list(KeyState))
def test_a_state_can_be_undone_only_where_nist_leads_back(
    before: KeyState, after: KeyState
) -> None:
    grade = inverse_of(ChangeState(A, before, after), supported=EVERY_NAME).grade
    assert (grade is Grade.EXACT) == (before in TRANSITIONS[after])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"op": "format_disk", "target": "key.a"},
        {"op": "create_alias", "target": "key.a"},
        {"op": "create_alias", "target": "not an address", "alias": "x"},
    ],
)
def test_what_is_not_an_operation_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        decode_operation(document)


def test_only_a_bypass_that_there_is_is_written() -> None:
    """So that what was written before there was one reads, and compares, as it did."""
    plain, past = PutPolicy(A, None, {}), PutPolicy(A, None, {}, bypass=True)
    assert "bypass" not in encode_operation(plain)
    assert encode_operation(past) == {**encode_operation(plain), "bypass": True}
    with pytest.raises(ValueError, match="neither true nor false"):
        decode_operation({**encode_operation(plain), "bypass": "yes"})


@pytest.mark.parametrize("bypass", [False, True])
def test_a_way_back_that_whoever_acts_gives_away_is_not_promised(bypass: bool) -> None:
    exact = inverse_of(PutPolicy(A, {"v": 1}, {}), supported=EVERY_NAME)
    inverse = inverse_of(PutPolicy(A, {"v": 1}, {}, bypass=bypass), supported=EVERY_NAME)
    assert inverse.grade is (Grade.UNPROVEN if bypass else Grade.EXACT)
    assert inverse.operations == exact.operations
