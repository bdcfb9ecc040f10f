"""Each operation of the vocabulary, performed by the fake and recognised from a read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from keyplan.applying.recognise import was_done
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    IssueCertificate,
    MoveAlias,
    PutDocument,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.sdk.provider import OpenContext, Provider
from keyplan.testing.fake import OPERATIONS, FakeSettings, fake_plugin

A, B, ROOT, CA = (Address(f"key.{name}") for name in ("a", "b", "root", "ca"))
MINE, THEIRS = OwnerMark("stack", "token-a"), OwnerMark("another", "token-x")
GRANT = {"principal": ["fake:app"], "operations": ["encrypt"], "context": {}}
SUSPEND = ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED)
PROFILE = {"subject": "CN=a", "valid": "30d", "usages": ["code_signing"]}

CASES: list[tuple[list[RemoteOperation], RemoteOperation]] = [
    ([SUSPEND], ScheduleDeletion(A, "30d")),
    ([SUSPEND, ScheduleDeletion(A, "30d")], CancelDeletion(A, "30d")),
    ([], SetOwner(A, MINE, THEIRS)),
    ([], SetOwner(A, MINE, None)),
    ([], SUSPEND),
    ([], SetAttribute(A, "description", None, "ledger")),
    ([], SetAttribute(A, "rotation", None, {"every": "90d"})),
    ([PutLabels(A, {"x": "1"}, [], {})], PutLabels(A, {"team": "a"}, ["x"], {"x": "1"})),
    ([], PutPolicy(A, None, {"administrators": ["fake:owner"], "statements": []})),
    ([], CreateGrant(A, "batch", GRANT)),
    ([CreateGrant(A, "batch", GRANT)], RevokeGrant(A, "batch", GRANT)),
    ([], CreateAlias(A, "acme/a")),
    ([CreateAlias(B, "acme/a")], MoveAlias(A, "acme/a", B)),
    ([CreateAlias(A, "acme/a")], DeleteAlias(A, "acme/a")),
    ([], RotateKey(A, 2)),
    ([RotateKey(A, 2)], ActivateVersion(A, 2, 1)),
    ([RotateKey(A, 2)], RetireVersion(A, 1)),
    ([RotateKey(A, 2), RetireVersion(A, 1)], AcceptVersion(A, 1)),
    ([RotateKey(A, 2)], DestroyVersion(A, 1)),
    ([], PutDocument(A, "role", "app", None, {"may": "read"})),
    ([], IssueCertificate(CA, ROOT, PROFILE, 1)),
    ([SUSPEND], DestroyKey(A)),
]


def _perform(provider: Provider, ids: dict[Address, str], operation: RemoteOperation) -> None:
    ids.setdefault(operation.target, provider.execute(operation, ids).id)


def _world() -> tuple[Provider, dict[Address, str]]:
    plugin = fake_plugin(operations=OPERATIONS)
    provider = plugin.open(FakeSettings(), OpenContext(stack=Path(), now=plugin.clock.now()))
    ids: dict[Address, str] = {}
    for address, usage, algorithm in (
        (A, "encrypt", "aes-256"),
        (B, "encrypt", "aes-256"),
        (ROOT, "sign", "ec-p256"),
        (CA, "sign", "ec-p256"),
    ):
        mark = OwnerMark("stack", f"token-{address.name}")
        _perform(provider, ids, CreateKey(address, mark, usage, algorithm, None, None, {}))
    return provider, ids


def _read(provider: Provider, ids: dict[Address, str], address: Address) -> Observation | None:
    return provider.read([ids[address]]).get(ids[address])


@pytest.mark.parametrize(("before", "operation"), CASES, ids=lambda item: getattr(item, "name", ""))
def test_before_it_is_not_done_and_afterwards_it_is(
    before: list[RemoteOperation], operation: RemoteOperation
) -> None:
    provider, ids = _world()
    for earlier in before:
        _perform(provider, ids, earlier)
    assert was_done(operation, _read(provider, ids, operation.target), ids) is False
    _perform(provider, ids, operation)
    assert was_done(operation, _read(provider, ids, operation.target), ids) is True


def test_every_operation_has_a_case() -> None:
    elsewhere = {CreateKey, ReplicateKey, ChangePrimary, RewrapKey}
    assert {type(operation) for _, operation in CASES} | elsewhere == set(get_args(RemoteOperation))


def _key(**attributes: object) -> Observation:
    return Observation("id", {"state": "active", **attributes}, owner=MINE)  # type: ignore[dict-item]


@pytest.mark.parametrize("kind", [CreateKey, ReplicateKey])
def test_a_create_is_known_by_its_token(kind: type) -> None:
    def made(owner: OwnerMark) -> RemoteOperation:
        if kind is CreateKey:
            return CreateKey(A, owner, "encrypt", "aes-256", None, None, {})
        return ReplicateKey(A, B, owner, {})

    assert was_done(made(MINE), _key(), {}) is True
    assert was_done(made(THEIRS), _key(), {}) is False
    assert was_done(made(MINE), None, {}) is False


def test_a_new_primary_is_known_by_its_name() -> None:
    change = ChangePrimary(A, A, B)
    names = {A: "1", B: "arn:there:1"}
    for primary, done in (("there", True), ("here", False), ("elsewhere", None)):
        key = _key(arn="arn:here:1", primary=f"arn:{primary}:1")
        assert was_done(change, key, names) is done
        back = None if done is None else not done
        assert was_done(ChangePrimary(A, B, A), key, names) is back
    assert was_done(change, _key(), names) is None


def test_a_new_parent_is_known_by_its_id() -> None:
    rewrap = RewrapKey(A, None, B)
    assert was_done(rewrap, _key(parent="id-b"), {B: "id-b"}) is True
    assert was_done(rewrap, _key(parent=None), {B: "id-b"}) is False
    assert was_done(rewrap, _key(parent="id-c"), {B: "id-b"}) is None
    assert was_done(rewrap, _key(), {B: "id-b"}) is None


@pytest.mark.parametrize(
    "operation",
    [
        SetAttribute(A, "description", "x", "y"),
        PutLabels(A, {"team": "a"}, [], {}),
        PutPolicy(A, None, {"statements": []}),
        CreateGrant(A, "batch", {}),
        RevokeGrant(A, "batch", {}),
        CreateAlias(A, "x"),
        DeleteAlias(A, "x"),
        RotateKey(A, 2),
        ActivateVersion(A, 1, 2),
        RetireVersion(A, 1),
        AcceptVersion(A, 1),
        DestroyVersion(A, 1),
        ChangePrimary(A, A, B),
        PutDocument(A, "role", "app", None, {}),
        IssueCertificate(A, ROOT, PROFILE, 1),
    ],
    ids=lambda operation: operation.name,
)
def test_what_is_not_reported_cannot_be_told(operation: RemoteOperation) -> None:
    assert was_done(operation, _key(), {}) is None
    assert was_done(operation, None, {}) is None


@pytest.mark.parametrize("hidden", ["description", "labels", "policy", "grants", "certificate"])
def test_what_may_not_be_read_cannot_be_told(hidden: str) -> None:
    key = replace(_key(**{hidden: None}), unreadable=frozenset({hidden}))
    operations = {
        "description": SetAttribute(A, hidden, None, "x"),
        "labels": PutLabels(A, {"a": "b"}, [], {}),
        "policy": PutPolicy(A, None, {}),
        "grants": CreateGrant(A, "batch", {}),
        "certificate": IssueCertificate(A, ROOT, PROFILE, 1),
    }
    assert was_done(operations[hidden], key, {}) is None  # type: ignore[arg-type]


def test_neither_before_nor_after_cannot_be_told() -> None:
    assert was_done(SetAttribute(A, "description", "x", "y"), _key(description="z"), {}) is None
    assert was_done(PutLabels(A, {"a": "1", "b": "2"}, [], {}), _key(labels={"a": "1"}), {}) is None
    assert was_done(SUSPEND, _key(state="deactivated"), {}) is None
    assert was_done(SetOwner(A, None, THEIRS), _key(), {}) is None


def test_a_grant_is_known_by_its_terms() -> None:
    old, new = {"operations": ["decrypt"]}, {"operations": ["encrypt"]}
    create, revoke = CreateGrant(A, "g", new), RevokeGrant(A, "g", old)
    for grants, expected in (
        ({"g": old}, (False, False)),
        ({"g": new, "g~1": old}, (True, False)),
        ({"g~1": new, "g": old}, (True, False)),
        ({"g": new}, (True, True)),
        ({"gg": new, "other": old}, (False, True)),
    ):
        assert (
            was_done(create, _key(grants=grants), {}),
            was_done(revoke, _key(grants=grants), {}),
        ) == expected


def test_labels_of_others_do_not_matter() -> None:
    put = PutLabels(A, {"team": "a"}, ["old"], {"old": "1"})
    assert was_done(put, _key(labels={"team": "a", "foreign": "x"}), {}) is True
    assert was_done(put, _key(labels={"old": "1", "foreign": "x"}), {}) is False


def test_a_key_that_is_gone_is_destroyed() -> None:
    assert was_done(DestroyKey(A), None, {}) is True
    assert was_done(ScheduleDeletion(A, "7d"), None, {}) is True
    assert was_done(DestroyKey(A), _key(state="destroyed"), {}) is True
    assert was_done(CancelDeletion(A, "7d"), _key(state="destroyed"), {}) is False


def test_the_version_in_use_is_known_from_the_versions_alone() -> None:
    versions = (
        KeyVersion(1, fake_plugin().clock.now(), KeyState.ACTIVE),
        KeyVersion(2, fake_plugin().clock.now(), KeyState.DEACTIVATED),
    )
    key = replace(_key(), versions=versions)
    assert was_done(ActivateVersion(A, 2, 1), key, {}) is True
    assert was_done(ActivateVersion(A, 1, 2), key, {}) is False
    assert was_done(ActivateVersion(A, 3, 4), key, {}) is None


@pytest.mark.parametrize(
    ("bindings", "done"), [({ROOT: "id-root"}, True), ({ROOT: "id-other"}, False), ({}, None)]
)
def test_the_issuer_of_a_certificate_counts_where_it_is_reported(
    bindings: dict[Address, str], done: bool | None
) -> None:
    certificate = {**PROFILE, "version": 1, "issuer": "id-root"}
    key = Observation(id="a", attributes={"certificate": certificate})
    assert was_done(IssueCertificate(A, ROOT, PROFILE, 1), key, bindings) is done
