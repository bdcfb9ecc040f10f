"""Deletion, versions and parents over time."""

from __future__ import annotations

import sqlite3

import pytest

from keyplan.errors import ConflictError, NotFoundError, RejectedError
from keyplan.model.keys import ALGORITHMS, KeyState
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    CreateAlias,
    DestroyVersion,
    RetireVersion,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
)
from keyplan_hsm.cipher import mac
from keyplan_hsm.vault import derive
from keyplan_hsm.wrapping import Purpose
from tests.unit.hsm.bench import APP, Bench, key, policy


def material_rows(hsm: Bench) -> int:
    with sqlite3.connect(hsm.store) as connection:
        count: int = connection.execute("SELECT count(*) FROM material").fetchone()[0]
    connection.close()
    return count


# -- deletion ----------------------------------------------------------------------------


def test_a_key_pending_deletion_is_seen_with_its_date_and_can_be_rescued(hsm: Bench) -> None:
    hsm.create("data")
    sealed = hsm.plane().encrypt(hsm.bind[key("data")], b"x")
    pending = hsm.become("data", "pending")
    assert pending.deletion_at is not None
    assert (pending.deletion_at - hsm.device.clock()).days == 29
    hsm.later(days=29)
    rescued = hsm.do(CancelDeletion(key("data"), "1d"))
    assert (rescued.state, rescued.deletion_at) == (KeyState.SUSPENDED, None)
    hsm.later(days=60)
    hsm.become("data", "active")
    assert hsm.plane().decrypt(hsm.bind[key("data")], sealed) == b"x"


def test_a_compromised_key_that_is_rescued_stays_compromised(hsm: Bench) -> None:
    hsm.create("data")
    hsm.become("data", "compromised")
    hsm.become("data", "pending")
    assert hsm.do(CancelDeletion(key("data"), "30d")).state is KeyState.COMPROMISED


def test_when_the_window_ends_the_key_is_absent_everywhere(hsm: Bench) -> None:
    data = hsm.create("data", token="token-data")
    hsm.do(CreateAlias(key("data"), "data"))
    hsm.become("data", "pending")
    late = hsm.later(days=30)
    assert late.read([data]) == {}
    assert late.find("token-data") is None
    assert late.find_alias("data") is None
    assert late.scan().observations == []
    with pytest.raises(NotFoundError):
        hsm.do(CancelDeletion(key("data"), "0s"))


def test_the_first_write_after_the_window_destroys_the_material(hsm: Bench) -> None:
    data = hsm.create("data")
    hsm.become("data", "pending")
    hsm.later(days=31)
    assert material_rows(hsm) == 1
    hsm.create("another")
    assert material_rows(hsm) == 1
    with sqlite3.connect(hsm.store) as connection:
        events = [row[0] for row in connection.execute("SELECT record FROM audit")]
    connection.close()
    assert any("destroy_key" in event and data in event for event in events)


def test_an_alias_is_free_again_once_its_key_is_gone(hsm: Bench) -> None:
    hsm.create("old")
    hsm.do(CreateAlias(key("old"), "name"))
    hsm.become("old", "pending")
    hsm.later(days=31)
    hsm.create("new")
    hsm.do(CreateAlias(key("new"), "name"))
    assert hsm.provider.find_alias("name") == hsm.bind[key("new")]


@pytest.mark.parametrize("relation", ["wraps", "derives"])
def test_a_parent_is_not_destroyed_before_its_children(hsm: Bench, relation: str) -> None:
    hsm.create("parent", "wrap" if relation == "wraps" else "derive")
    child = hsm.create("child", parent="parent", relation=relation)
    hsm.become("parent", "suspended")
    with pytest.raises(RejectedError, match="would be lost") as refused:
        hsm.do(ScheduleDeletion(key("parent"), "30d"))
    assert child in refused.value.why
    hsm.become("child", "suspended")
    hsm.do(ScheduleDeletion(key("child"), "20d"))
    with pytest.raises(RejectedError, match="would be lost"):
        hsm.do(ScheduleDeletion(key("parent"), "19d"))
    hsm.do(ScheduleDeletion(key("parent"), "20d"))
    with pytest.raises(RejectedError, match="pending deletion"):
        hsm.do(CancelDeletion(key("child"), "20d"))
    hsm.do(CancelDeletion(key("parent"), "20d"))
    hsm.do(CancelDeletion(key("child"), "20d"))


def test_what_a_parent_only_governs_or_signs_outlives_it(hsm: Bench) -> None:
    hsm.create("ca", "sign", "ed25519")
    hsm.create("signed", "sign", "ed25519", parent="ca", relation="signs")
    hsm.create("governed", parent="ca", relation="governs")
    hsm.become("ca", "pending")
    hsm.later(days=31)
    assert hsm.plane().sign(hsm.bind[key("signed")], b"x")
    assert hsm.plane().encrypt(hsm.bind[key("governed")], b"x")


def test_destroying_a_derived_key_destroys_nothing_while_its_parent_lives(hsm: Bench) -> None:
    hsm.create("parent", "derive", "hmac-sha256")
    child = hsm.create("child", "mac", "hmac-sha256", parent="parent", relation="derives")
    tag = hsm.plane().mac(child, b"message")
    algorithm = ALGORITHMS["hmac-sha256"]
    hsm.become("child", "pending")
    hsm.later(days=31)
    hsm.create("another")  # removes what the key left
    vault = hsm.device.unlock()
    with hsm.device.reading() as rows:
        assert rows is not None
        assert rows.material(child, 1) is None
        parent = rows.key(hsm.bind[key("parent")])
        assert parent is not None
        secret = vault.material(rows, parent, 1)
    again = derive(algorithm, secret, Purpose.DERIVE_CHILD, f"{child}/1".encode(), algorithm)
    assert mac(algorithm, again, b"message") == tag


# -- versions ----------------------------------------------------------------------------


def states(hsm: Bench, name: str) -> list[str]:
    return [version.state.value for version in hsm.read(name).versions]


def test_rotation_makes_a_version_and_the_one_before_still_processes(hsm: Bench) -> None:
    data = hsm.create("data")
    old = hsm.plane().encrypt(data, b"old")
    hsm.later(days=90)
    rotated = hsm.do(RotateKey(key("data"), 2))
    assert states(hsm, "data") == ["deactivated", "active"]
    assert (rotated.versions[1].created_at - rotated.versions[0].created_at).days == 90
    new = hsm.plane().encrypt(data, b"new")
    assert (hsm.plane().decrypt(data, old), hsm.plane().decrypt(data, new)) == (b"old", b"new")


def test_rotating_to_a_version_that_exists_does_nothing(hsm: Bench) -> None:
    hsm.create("data")
    once = hsm.do(RotateKey(key("data"), 2))
    assert hsm.do(RotateKey(key("data"), 2)) == once
    with pytest.raises(ConflictError):
        hsm.do(RotateKey(key("data"), 4))


def test_a_retired_version_is_refused_until_it_is_accepted_again(hsm: Bench) -> None:
    data = hsm.create("data")
    old = hsm.plane().encrypt(data, b"old")
    hsm.do(RotateKey(key("data"), 2))
    hsm.do(RetireVersion(key("data"), 1))
    assert states(hsm, "data") == ["suspended", "active"]
    with pytest.raises(RejectedError, match="not accepted"):
        hsm.plane().decrypt(data, old)
    hsm.do(AcceptVersion(key("data"), 1))
    assert hsm.plane().decrypt(data, old) == b"old"


def test_a_destroyed_version_never_comes_back(hsm: Bench) -> None:
    data = hsm.create("data")
    old = hsm.plane().encrypt(data, b"old")
    hsm.do(RotateKey(key("data"), 2))
    hsm.do(DestroyVersion(key("data"), 1))
    assert material_rows(hsm) == 1
    for operation in (AcceptVersion(key("data"), 1), ActivateVersion(key("data"), 2, 1)):
        with pytest.raises(RejectedError):
            hsm.do(operation)
    with pytest.raises(RejectedError):
        hsm.plane().decrypt(data, old)
    assert hsm.do(RotateKey(key("data"), 3)).latest_version == 3


@pytest.mark.parametrize("operation", [RetireVersion, DestroyVersion])
def test_the_current_version_is_neither_retired_nor_destroyed(hsm: Bench, operation: type) -> None:
    hsm.create("data")
    with pytest.raises(RejectedError, match="current one"):
        hsm.do(operation(key("data"), 1))


def test_activating_an_older_version_is_the_way_back_from_a_rotation(hsm: Bench) -> None:
    hsm.create("top", "wrap")
    child = hsm.create("child", parent="top")
    sealed = hsm.plane().encrypt(child, b"x")
    hsm.do(RotateKey(key("top"), 2))
    hsm.do(ActivateVersion(key("top"), 2, 1))
    assert states(hsm, "top") == ["active", "deactivated"]
    hsm.do(DestroyVersion(key("top"), 2))  # nothing rests on it any more
    hsm.later(minutes=1)
    assert hsm.plane().decrypt(child, sealed) == b"x"


def test_rotating_a_wrapping_key_moves_its_children_to_the_new_version(hsm: Bench) -> None:
    hsm.create("top", "wrap")
    child = hsm.create("child", parent="top")
    hsm.do(RotateKey(key("child"), 2))
    sealed = hsm.plane().encrypt(child, b"x")
    hsm.become("child", "suspended")
    fingerprint = hsm.read("child").fingerprint
    hsm.do(RotateKey(key("top"), 2))
    hsm.do(DestroyVersion(key("top"), 1))
    assert hsm.read("child").fingerprint == fingerprint
    hsm.later(minutes=1)
    hsm.become("child", "active")
    assert hsm.plane().decrypt(child, sealed) == b"x"


def test_a_version_from_which_a_child_is_derived_is_kept_until_the_child_moves(hsm: Bench) -> None:
    hsm.create("top", "derive")
    child = hsm.create("child", parent="top", relation="derives")
    sealed = hsm.plane().encrypt(child, b"x")
    hsm.do(RotateKey(key("top"), 2))
    assert hsm.plane().decrypt(child, sealed) == b"x"
    for operation in (RetireVersion(key("top"), 1), DestroyVersion(key("top"), 1)):
        with pytest.raises(RejectedError, match="still needed") as refused:
            hsm.do(operation)
        assert child in refused.value.why
    hsm.do(RotateKey(key("child"), 2))
    hsm.do(DestroyVersion(key("child"), 1))
    hsm.do(DestroyVersion(key("top"), 1))
    assert hsm.plane().encrypt(child, b"x")


def test_each_version_of_each_derived_key_is_another_key(hsm: Bench) -> None:
    hsm.create("top", "derive", "hmac-sha512")
    for name in ("one", "two"):
        hsm.create(name, "mac", "hmac-sha256", parent="top", relation="derives")
    tags = {hsm.plane().mac(hsm.bind[key(name)], b"x") for name in ("one", "two")}
    for name in ("one", "two"):
        hsm.do(RotateKey(key(name), 2))
    tags |= {hsm.plane().mac(hsm.bind[key(name)], b"x") for name in ("one", "two")}
    assert len(tags) == 4


# -- parents -----------------------------------------------------------------------------


def test_a_key_moves_to_another_parent_and_back_to_the_sealing_key(hsm: Bench) -> None:
    for name in ("one", "two"):
        hsm.create(name, "wrap")
    data = hsm.create("data", parent="one")
    sealed = hsm.plane().encrypt(data, b"x")
    moved = hsm.do(RewrapKey(key("data"), key("one"), key("two")))
    assert moved.attributes["parent"] == hsm.bind[key("two")]
    hsm.become("one", "pending")  # nothing rests on it
    assert hsm.plane().decrypt(data, sealed) == b"x"
    alone = hsm.do(RewrapKey(key("data"), key("two"), None))
    assert (alone.attributes["parent"], alone.attributes["relation"]) == (None, None)
    hsm.become("two", "pending")
    hsm.later(days=40)
    assert hsm.plane().decrypt(data, sealed) == b"x"


def test_a_key_is_not_wrapped_under_its_own_descendant(hsm: Bench) -> None:
    hsm.create("top", "wrap")
    hsm.create("middle", "wrap", parent="top")
    hsm.create("low", "wrap", parent="middle")
    with pytest.raises(RejectedError, match="descendant"):
        hsm.do(RewrapKey(key("top"), None, key("low")))
    with pytest.raises(RejectedError, match="descendant"):
        hsm.do(RewrapKey(key("middle"), key("top"), key("middle")))


def test_a_derived_key_stays_with_its_parent(hsm: Bench) -> None:
    hsm.create("top", "derive")
    hsm.create("other", "wrap")
    hsm.create("child", parent="top", relation="derives")
    with pytest.raises(RejectedError, match="derives"):
        hsm.do(RewrapKey(key("child"), key("top"), key("other")))


def test_an_rsa_key_can_be_a_wrapping_parent(hsm: Bench) -> None:
    hsm.create("top", "wrap", "rsa-3072")
    child = hsm.create("child", "sign", "ec-p256", parent="top")
    signature = hsm.plane().sign(child, b"x")
    hsm.do(RotateKey(key("top"), 2))
    hsm.later(minutes=1)
    assert hsm.plane().verify(child, b"x", signature)


@pytest.mark.parametrize(
    ("parent_usage", "relation"), [("encrypt", "wraps"), ("wrap", "derives"), ("mac", "signs")]
)
def test_a_parent_needs_the_usage_of_the_relation(
    hsm: Bench, parent_usage: str, relation: str
) -> None:
    hsm.create("top", parent_usage, "hmac-sha256" if parent_usage == "mac" else "aes-256")
    with pytest.raises(RejectedError, match="cannot be the parent"):
        hsm.create("child", "sign", "ed25519", parent="top", relation=relation)


def test_a_refused_rotation_leaves_nothing_behind_that_a_later_one_wraps_under(
    hsm: Bench,
) -> None:
    hsm.create("root", "wrap")
    data = hsm.create("data", parent="root", policy=policy({"operations": ["encrypt", "decrypt"]}))
    with pytest.raises(ConflictError):
        hsm.do(RotateKey(key("root"), 2), expects="another fingerprint")
    hsm.do(RotateKey(key("root"), 2))
    sealed = hsm.plane(APP).encrypt(data, b"x")
    hsm.later(seconds=1)
    assert hsm.plane(APP).decrypt(data, sealed) == b"x"
