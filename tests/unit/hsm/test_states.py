"""Every state against every operation: what a key permits when (SP 800-57 §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyplan.errors import RejectedError
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    DestroyVersion,
    IssueCertificate,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan_hsm.dataplane import DataPlane
from keyplan_hsm.manifest import CALLS
from keyplan_hsm.tasks import TASKS
from tests.unit.hsm.bench import Bench, key

STATES = ("active", "suspended", "deactivated", "compromised", "pending")

USES = """
                 active  suspended  deactivated  compromised  pending
encrypt          yes     no         no           no           no
decrypt          yes     no         yes          no           no
sign             yes     no         no           no           no
verify           yes     no         yes          no           no
generate_mac     yes     no         no           no           no
verify_mac       yes     no         yes          no           no
wrap             yes     no         no           no           no
unwrap           yes     no         yes          no           no
derive           yes     no         no           no           no
export           yes     no         no           no           no
get_public_key   yes     yes        yes          yes          yes
"""

CHANGES = """
                    active  suspended  deactivated  compromised  pending
schedule_deletion   no      yes        yes          yes          yes
cancel_deletion     yes     yes        yes          yes          yes
set_owner           yes     yes        yes          yes          yes
activate            yes     yes        no           no           no
suspend             yes     yes        no           no           yes
deactivate          yes     yes        yes          no           yes
compromise          yes     yes        yes          yes          yes
set_attribute       yes     yes        yes          yes          no
put_labels          yes     yes        yes          yes          yes
rewrap_key          yes     yes        yes          no           no
issue_certificate   yes     no         no           no           no
put_policy          yes     yes        yes          yes          no
create_grant        yes     yes        yes          no           no
revoke_grant        yes     yes        yes          yes          yes
create_alias        yes     yes        yes          no           no
move_alias          yes     yes        yes          no           no
delete_alias        yes     yes        yes          yes          yes
rotate_key          yes     no         no           no           no
activate_version    yes     no         no           no           no
retire_version      yes     yes        yes          yes          no
accept_version      yes     yes        yes          no           no
destroy_version     yes     yes        yes          yes          no
"""


def cells(table: str) -> Iterator[tuple[str, str, bool]]:
    header, *rows = table.strip().splitlines()
    assert tuple(header.split()) == STATES
    for row in rows:
        name, *answers = row.split()
        for state, answer in zip(STATES, answers, strict=True):
            yield name, state, answer == "yes"


def test_the_tables_have_a_row_for_everything_that_can_be_done() -> None:
    assert {name for name, _, _ in cells(USES)} == {task.operation for task in TASKS}
    changes = {name for name, _, _ in cells(CHANGES)}
    transitions = {"activate", "suspend", "deactivate", "compromise"}
    assert changes - transitions == CALLS.keys() - {"create_key", "change_state"}


RECIPIENT = (
    rsa.generate_private_key(65537, 3072)
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


def uses(plane: DataPlane) -> dict[str, Callable[[], object]]:
    """Each use, with what was protected before the key changed its state."""
    sealed, wrapped = plane.encrypt("encrypt", b"x"), plane.wrap("wrap", b"x")
    signature, tag = plane.sign("sign", b"x"), plane.mac("mac", b"x")
    return {
        "encrypt": lambda: plane.encrypt("encrypt", b"x"),
        "decrypt": lambda: plane.decrypt("encrypt", sealed),
        "sign": lambda: plane.sign("sign", b"x"),
        "verify": lambda: plane.verify("sign", b"x", signature),
        "generate_mac": lambda: plane.mac("mac", b"x"),
        "verify_mac": lambda: plane.verify_mac("mac", b"x", tag),
        "wrap": lambda: plane.wrap("wrap", b"x"),
        "unwrap": lambda: plane.unwrap("wrap", wrapped),
        "derive": lambda: plane.derive("derive", under="wrap_too"),
        "export": lambda: plane.export("encrypt", RECIPIENT),
        "get_public_key": lambda: plane.public_key("sign"),
    }


@pytest.fixture
def keys(hsm: Bench) -> Bench:
    """A key for each usage, with its usage as alias."""
    for name, usage, algorithm in (
        ("encrypt", "encrypt", "aes-256"),
        ("sign", "sign", "ed25519"),
        ("mac", "mac", "hmac-sha256"),
        ("wrap", "wrap", "aes-256"),
        ("wrap_too", "wrap", "aes-256"),
        ("derive", "derive", "hmac-sha256"),
    ):
        hsm.create(name, usage, algorithm, exportable=name == "encrypt")
        hsm.do(CreateAlias(key(name), name))
    return hsm


@pytest.mark.parametrize("state", STATES)
def test_uses_of_a_key_in_each_state(keys: Bench, state: str) -> None:
    calls = uses(keys.plane())
    for name in ("encrypt", "sign", "mac", "wrap", "derive"):
        keys.become(name, state)
    for use, of_state, permitted in cells(USES):
        if of_state != state:
            continue
        if permitted:
            assert calls[use]() not in (False, None), f"{use} of a key that is {state}"
        else:
            with pytest.raises(RejectedError):
                calls[use]()


def change(name: str, state: KeyState) -> RemoteOperation:
    """An operation of that name on `key.k`, which has three versions, the first one retired."""
    k, other = key("k"), key("other")
    terms = {"principal": ["p"], "operations": ["decrypt"]}
    profile = {"subject": "CN=k", "valid": "30d", "usages": []}
    return {
        "schedule_deletion": ScheduleDeletion(k, "7d"),
        "cancel_deletion": CancelDeletion(k, "7d"),
        "set_owner": SetOwner(k, OwnerMark("stack-1", "token-k"), None),
        "activate": ChangeState(k, state, KeyState.ACTIVE),
        "suspend": ChangeState(k, state, KeyState.SUSPENDED),
        "deactivate": ChangeState(k, state, KeyState.DEACTIVATED),
        "compromise": ChangeState(k, state, KeyState.COMPROMISED),
        "set_attribute": SetAttribute(k, "description", None, "new"),
        "put_labels": PutLabels(k, {"team": "a"}, [], {}),
        "rewrap_key": RewrapKey(k, key("top"), other),
        "issue_certificate": IssueCertificate(k, key("ca"), profile, 3),
        "put_policy": PutPolicy(k, None, {"version": 1, "administrators": ["a"], "statements": []}),
        "create_grant": CreateGrant(k, "new", terms),
        "revoke_grant": RevokeGrant(k, "old", terms),
        "create_alias": CreateAlias(k, "new"),
        "move_alias": MoveAlias(k, "others", other),
        "delete_alias": DeleteAlias(k, "old"),
        "rotate_key": RotateKey(k, 4),
        "activate_version": ActivateVersion(k, 3, 2),
        "retire_version": RetireVersion(k, 2),
        "accept_version": AcceptVersion(k, 1),
        "destroy_version": DestroyVersion(k, 1),
    }[name]


@pytest.mark.parametrize(("name", "state", "permitted"), list(cells(CHANGES)))
def test_changes_of_a_key_in_each_state(hsm: Bench, name: str, state: str, permitted: bool) -> None:
    hsm.create("top", "wrap")
    hsm.create("other", "wrap")
    hsm.create("ca", "sign", "ed25519")
    signed = name == "issue_certificate"
    hsm.create(
        "k",
        "sign" if signed else "encrypt",
        "ed25519" if signed else "aes-256",
        parent="ca" if signed else "top",
        relation="signs" if signed else "wraps",
        token="token-k",
    )
    hsm.do(CreateAlias(key("k"), "old"))
    hsm.do(CreateAlias(key("other"), "others"))
    hsm.do(CreateGrant(key("k"), "old", {"principal": ["p"], "operations": ["decrypt"]}))
    for operation in (RotateKey(key("k"), 2), RotateKey(key("k"), 3), RetireVersion(key("k"), 1)):
        hsm.do(operation)
    before = hsm.become("k", state)

    operation = change(name, before.state)
    if permitted:
        after = hsm.do(operation)
        done_before = (name, state) in DONE_BEFORE
        assert (after.fingerprint == before.fingerprint) == done_before
    else:
        with pytest.raises(RejectedError):
            hsm.provider.execute(operation, hsm.bind)
        assert hsm.read("k") == before


DONE_BEFORE = {
    ("schedule_deletion", "pending"),
    ("cancel_deletion", "active"),
    ("cancel_deletion", "suspended"),
    ("cancel_deletion", "deactivated"),
    ("cancel_deletion", "compromised"),
    ("activate", "active"),
    ("suspend", "suspended"),
    ("suspend", "pending"),
    ("deactivate", "deactivated"),
    ("compromise", "compromised"),
}
"""Operations that find themselves done, and change nothing."""


@pytest.mark.parametrize("relation", ["wraps", "derives"])
@pytest.mark.parametrize("state", ["suspended", "compromised", "pending"])
def test_a_child_is_unusable_while_its_parent_is(hsm: Bench, relation: str, state: str) -> None:
    hsm.create("root", "wrap")
    hsm.create("parent", "derive" if relation == "derives" else "wrap", parent="root")
    child = hsm.create("child", parent="parent", relation=relation)
    sealed = hsm.plane().encrypt(child, b"x")
    if state == "pending":
        hsm.become("child", "pending")
        hsm.become("parent", "pending")
    else:
        hsm.become("parent", state)
    for call in (
        lambda: hsm.plane().encrypt(child, b"x"),
        lambda: hsm.plane().decrypt(child, sealed),
    ):
        with pytest.raises(RejectedError):
            call()


def test_a_grandchild_is_unusable_while_the_root_is_suspended(hsm: Bench) -> None:
    root = hsm.create("root", "wrap")
    hsm.create("master", "wrap", parent="root")
    data = hsm.create("data", parent="master")
    hsm.become("root", "suspended")
    with pytest.raises(RejectedError) as refused:
        hsm.plane().encrypt(data, b"x")
    assert root in refused.value.what
    assert hsm.read("data").state is KeyState.ACTIVE
    hsm.become("root", "active")
    assert hsm.plane().encrypt(data, b"x")


def test_children_of_a_deactivated_parent_still_work_but_none_is_added(hsm: Bench) -> None:
    hsm.create("root", "wrap")
    child = hsm.create("child", parent="root")
    hsm.become("root", "deactivated")
    assert hsm.plane().encrypt(child, b"x")
    with pytest.raises(RejectedError):
        hsm.create("late", parent="root")
    with pytest.raises(RejectedError):
        hsm.do(RotateKey(key("child"), 2))


def test_the_end_of_the_originator_usage_period_stops_protecting_only(hsm: Bench) -> None:
    data = hsm.create("data", expires_at="2026-12-01T00:00:00Z")
    sealed = hsm.plane().encrypt(data, b"x")
    hsm.later(days=9)
    with pytest.raises(RejectedError, match="originator-usage"):
        hsm.plane().encrypt(data, b"x")
    assert hsm.plane().decrypt(data, sealed) == b"x"
