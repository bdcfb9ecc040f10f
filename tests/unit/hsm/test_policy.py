"""Policies: compiled deterministically, refused where they cannot be enforced, enforced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyplan.access.atoms import ANYONE, Request, Verdict
from keyplan.access.evaluation import evaluate
from keyplan.errors import DeniedError, RejectedError
from keyplan.model.address import Address
from keyplan.model.keys import Tier, Usage
from keyplan.model.operations import CreateGrant, PutPolicy
from keyplan.model.policies import (
    ADMINISTER,
    Effect,
    Policy,
    Statement,
    Unenforced,
    merge,
)
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey
from keyplan_hsm.plugin import PLUGIN
from keyplan_hsm.policy import canonical, validate
from keyplan_hsm.settings import OFFICER
from tests.unit.hsm.bench import ADMIN, APP, NOW, Bench, key, policy

ADMINS, APPS, ABROAD = (
    Address.of("principal", name) for name in ("admins", "apps", "without_identity")
)
PRINCIPALS = {
    ADMINS: Principal(ADMINS, PrincipalKind.HUMAN, {"hsm": (ADMIN,)}),
    APPS: Principal(APPS, PrincipalKind.WORKLOAD, {"hsm": (APP, "app-2"), "hsm.b": ("app-b",)}),
    ABROAD: Principal(ABROAD, PrincipalKind.EXTERNAL, {"aws": ("arn",)}),
}


def statement(sid: str = "Use", **fields: Any) -> Statement:
    given = {
        "effect": Effect.ALLOW,
        "principals": (APPS,),
        "operations": frozenset({"encrypt", "decrypt"}),
    }
    return Statement(sid, **(given | fields))


def compiled(*statements: Statement, provider: str = "hsm", **fields: Any) -> Any:
    declared = Policy(Address("policy.p"), (ADMINS,), statements, **fields)
    target = DesiredKey(Address("key.k"), provider, Tier.SERVICE, Usage.ENCRYPT, "aes-256")
    return PLUGIN.compile_policy(merge([declared], PRINCIPALS), target)


# -- compiling ---------------------------------------------------------------------------


def test_a_policy_compiles_to_identities_and_single_operations() -> None:
    until = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
    document = compiled(
        statement(operations=frozenset({"use"}), when={"context": {"t": "a"}}, expires_at=until),
        statement("Deny", effect=Effect.DENY, principals=None, operations=frozenset({"decrypt"})),
    )
    assert document == {
        "version": 1,
        "administrators": [ADMIN],
        "statements": [
            {
                "sid": "Deny",
                "effect": "deny",
                "principals": "*",
                "operations": ["decrypt"],
            },
            {
                "sid": "Use",
                "effect": "allow",
                "principals": ["app-2", APP],
                "operations": ["decrypt", "encrypt", "generate_data_key", "reencrypt"],
                "when": {"context": {"t": "a"}},
                "expires_at": "2027-06-30T23:59:59Z",
            },
        ],
    }
    assert validate(document) == document


def test_the_order_and_names_of_policies_do_not_matter() -> None:
    one, two = statement("A"), statement("B", operations=frozenset({"decrypt"}))
    split = merge(
        [
            Policy(Address("policy.z"), (ADMINS,), (one,)),
            Policy(Address("policy.a"), (ADMINS,), (two,)),
        ],
        PRINCIPALS,
    )
    target = DesiredKey(Address("key.k"), "hsm", Tier.SERVICE, Usage.ENCRYPT, "aes-256")
    assert PLUGIN.compile_policy(split, target) == compiled(two, one) == compiled(one, two)


def test_an_instance_of_the_provider_may_have_identities_of_its_own() -> None:
    assert compiled(statement(), provider="hsm.b")["statements"][0]["principals"] == ["app-b"]


def test_a_principal_without_an_identity_here_is_refused_by_name() -> None:
    with pytest.raises(RejectedError, match=r"principal\.without_identity has no identity on hsm"):
        compiled(statement(principals=(ABROAD,)))


@pytest.mark.parametrize("where", ["when", "unless"])
@pytest.mark.parametrize(
    "condition", ["source_ip", "source_vpc", "services", "mfa", "org", "account", "tags"]
)
def test_a_condition_that_cannot_be_checked_is_refused_by_name(where: str, condition: str) -> None:
    with pytest.raises(RejectedError) as refused:
        compiled(statement("Sid1", **{where: {condition: "x"}}))
    assert condition in refused.value.what
    assert "Sid1" in refused.value.what


def accepted(then: str, provider: str = "hsm") -> tuple[Unenforced, ...]:
    return (Unenforced(provider, ("mfa",), then, "CHG-9", datetime(2027, 1, 1, tzinfo=UTC)),)


def test_an_accepted_gap_skips_the_statement_or_drops_the_condition() -> None:
    conditions = {"mfa": True, "context": {"t": "a"}}
    skipped = compiled(statement(when=conditions, unenforced=accepted("skip")))
    assert skipped["statements"] == []
    dropped = compiled(statement(when=conditions, unenforced=accepted("drop")))
    assert dropped["statements"][0]["when"] == {"context": {"t": "a"}}
    with pytest.raises(RejectedError):
        compiled(statement(when=conditions, unenforced=accepted("drop", provider="openbao")))


def test_a_native_part_is_taken_as_it_is_and_checked() -> None:
    native = {"principals": ["x"], "operations": ["decrypt"]}
    own = compiled(statement("Own", operations=frozenset(), native={"hsm": native}))
    assert own["statements"] == [{"sid": "Own", "effect": "allow", **native}]
    elsewhere = compiled(statement("Aws", operations=frozenset(), native={"aws": {}}))
    assert elsewhere["statements"] == []
    whole = compiled(native={"hsm": {"administrators": ["y"], "statements": []}})
    assert whole["administrators"] == [ADMIN, "y"]
    with pytest.raises(RejectedError):
        compiled(statement("Own", native={"hsm": {"principals": ["x"], "operations": ["fly"]}}))


@pytest.mark.parametrize(
    "document",
    [
        "text",
        {"version": 2},
        {"more": 1},
        {"administrators": [3]},
        {"statements": [{"sid": "A", "principals": ["x"]}]},
        {"statements": [{"principals": ["x"], "operations": ["decrypt"]}]},
        {"statements": [{"sid": "A", "principals": [], "operations": ["decrypt"]}]},
        {"statements": [{"sid": "A", "principals": "*", "operations": ["use"]}]},
        {"statements": [{"sid": "A", "principals": "*", "operations": []}]},
        {"statements": [{"sid": "A", "principals": "*", "operations": ["decrypt"], "if": {}}]},
        {
            "statements": [
                {"sid": "A", "effect": "maybe", "principals": "*", "operations": ["sign"]}
            ]
        },
        {
            "statements": [
                {"sid": "A", "principals": "*", "operations": ["sign"], "when": {"mfa": 1}}
            ]
        },
        {
            "statements": [
                {
                    "sid": "A",
                    "principals": "*",
                    "operations": ["sign"],
                    "when": {"hours": {"days": ["someday"], "from": "09:00", "to": "10:00"}},
                }
            ]
        },
        {
            "statements": [
                {
                    "sid": "A",
                    "principals": "*",
                    "operations": ["sign"],
                    "when": {"hours": {"from": "09:00", "to": "10:00", "timezone": "Mars/Base"}},
                }
            ]
        },
        {
            "statements": [
                {"sid": "A", "principals": "*", "operations": ["sign"], "when": {"not_after": "?"}}
            ]
        },
    ],
)
def test_a_document_that_means_nothing_is_refused(document: Any) -> None:
    with pytest.raises(RejectedError, match="not a policy document"):
        validate(document)


def test_the_canonical_document_is_a_fixed_point() -> None:
    untidy = policy(
        {"operations": ["decrypt", "encrypt", "decrypt"], "principals": ["b", "a"], "when": {}},
        administrators=("z", "a", "z"),
    )
    tidy = canonical(untidy)
    assert tidy == canonical(tidy)
    assert tidy["administrators"] == ["a", "z"]
    assert tidy["statements"][0]["principals"] == ["a", "b"]


# -- atoms -------------------------------------------------------------------------------


def verdict(atoms: Any, principal: str, operation: str, **context: str) -> Verdict:
    return evaluate(atoms, Request(principal, operation, NOW, context)).verdict


def test_without_a_policy_the_key_is_the_security_officers() -> None:
    atoms = PLUGIN.access(None, {})
    assert {atom.principal for atom in atoms} == {OFFICER}
    for operation in (*ADMINISTER, "decrypt", "sign", "export"):
        assert verdict(atoms, OFFICER, operation) is Verdict.ALLOWED


def test_administrators_change_a_key_and_do_not_use_it() -> None:
    atoms = PLUGIN.access(policy({"operations": ["decrypt"]}), {})
    for operation in ADMINISTER:
        assert verdict(atoms, ADMIN, operation) is Verdict.ALLOWED
    assert verdict(atoms, ADMIN, "decrypt") is Verdict.DENIED
    assert verdict(atoms, OFFICER, "decrypt") is Verdict.DENIED


def test_grants_add_to_a_policy_and_groups_in_them_mean_what_they_can() -> None:
    grants = {
        "batch": {
            "principal": ["batch"],
            "operations": ["use"],
            "context": {"t": "a"},
            "expires_at": "2026-12-01T00:00:00Z",
        }
    }
    atoms = PLUGIN.access(policy({"operations": ["decrypt"]}), grants)
    assert verdict(atoms, "batch", "decrypt", t="a") is Verdict.ALLOWED
    assert verdict(atoms, "batch", "decrypt", t="b") is Verdict.DENIED
    assert verdict(atoms, "batch", "rotate", t="a") is Verdict.DENIED
    assert {atom.source for atom in atoms if atom.principal == "batch"} == {"grant batch"}
    late = Request("batch", "decrypt", NOW + timedelta(days=9), {"t": "a"})
    assert evaluate(atoms, late).verdict is Verdict.DENIED


# -- enforcing ---------------------------------------------------------------------------


def test_the_data_plane_lets_in_whom_the_policy_names(hsm: Bench) -> None:
    data = hsm.create(
        "data",
        policy=policy({"operations": ["encrypt", "decrypt"], "when": {"context": {"t": "a"}}}),
    )
    sealed = hsm.plane(APP).encrypt(data, b"x", {"t": "a"})
    assert hsm.plane(APP).decrypt(data, sealed, {"t": "a"}) == b"x"
    for identity, context in (
        (APP, {"t": "b"}),
        (APP, {}),
        (ADMIN, {"t": "a"}),
        (OFFICER, {"t": "a"}),
    ):
        with pytest.raises(DeniedError) as refused:
            hsm.plane(identity).encrypt(data, b"x", context)
        assert refused.value.target == data


def test_a_deny_names_its_statement(hsm: Bench) -> None:
    document = policy(
        {"operations": ["encrypt"]},
        {
            "sid": "OnlyHere",
            "effect": "deny",
            "principals": ANYONE,
            "operations": ["encrypt"],
            "unless": {"context": {"t": "a"}},
        },
    )
    data = hsm.create("data", policy=document)
    assert hsm.plane(APP).encrypt(data, b"x", {"t": "a"})
    with pytest.raises(DeniedError) as refused:
        hsm.plane(APP).encrypt(data, b"x", {"t": "b"})
    assert "OnlyHere" in refused.value.why


@pytest.mark.parametrize(
    ("condition", "allowed_at", "denied_at"),
    [
        ({"hours": {"days": ["mon"], "from": "09:00", "to": "12:00"}}, 0, 3),
        ({"not_before": "2026-11-23T11:00:00Z"}, 2, 0),
        ({"not_after": "2026-11-23T11:00:00Z"}, 0, 2),
    ],
)
def test_conditions_of_time_follow_the_hsms_clock(
    hsm: Bench, condition: dict[str, Any], allowed_at: int, denied_at: int
) -> None:
    data = hsm.create("data", policy=policy({"operations": ["encrypt"], "when": condition}))
    hsm.later(hours=allowed_at)
    assert hsm.plane(APP).encrypt(data, b"x")
    hsm.later(hours=denied_at)
    with pytest.raises(DeniedError):
        hsm.plane(APP).encrypt(data, b"x")


def test_a_statement_ends_when_it_says(hsm: Bench) -> None:
    document = policy({"operations": ["encrypt"], "expires_at": "2026-11-24T00:00:00Z"})
    data = hsm.create("data", policy=document)
    assert hsm.plane(APP).encrypt(data, b"x")
    hsm.later(days=1)
    with pytest.raises(DeniedError):
        hsm.plane(APP).encrypt(data, b"x")


def test_a_grant_lets_in_until_it_ends_and_a_new_policy_shuts_out_at_once(hsm: Bench) -> None:
    data = hsm.create("data", policy=policy({"operations": ["encrypt"]}))
    terms = {"principal": ["batch"], "operations": ["encrypt"], "expires_at": "2026-11-24"}
    hsm.do(CreateGrant(key("data"), "batch", terms))
    assert hsm.plane("batch").encrypt(data, b"x")
    hsm.do(PutPolicy(key("data"), None, policy({"operations": ["decrypt"]})))
    with pytest.raises(DeniedError):
        hsm.plane(APP).encrypt(data, b"x")
    hsm.later(days=2)
    with pytest.raises(DeniedError):
        hsm.plane("batch").encrypt(data, b"x")
