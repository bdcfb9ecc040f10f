"""Grants of the double: immutable, idempotent by name, checked, ended by two ways."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws_double import Identity, KmsDouble
from tests.aws_double.conftest import Refused

ROLE = "arn:aws:iam::111122223333:role/app"
TERMS: dict[str, Any] = {"GranteePrincipal": ROLE, "Operations": ["Decrypt", "Encrypt"]}


def test_a_name_makes_creation_idempotent(kms: Any, key: str) -> None:
    first = kms.create_grant(KeyId=key, Name="n", **TERMS)
    again = kms.create_grant(KeyId=key, Name="n", **TERMS)
    other = kms.create_grant(KeyId=key, Name="n", **TERMS | {"Operations": ["Decrypt"]})

    assert first["GrantId"] == again["GrantId"] != other["GrantId"]
    assert first["GrantToken"] != again["GrantToken"]
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 2


def test_without_a_name_every_grant_is_new(kms: Any, key: str) -> None:
    ids = {kms.create_grant(KeyId=key, **TERMS)["GrantId"] for _ in range(2)}
    assert len(ids) == 2


def test_a_grant_is_listed_with_all_its_terms(kms: Any, key: str) -> None:
    constraints = {"EncryptionContextSubset": {"team": "a"}}
    made = kms.create_grant(KeyId=key, Constraints=constraints, RetiringPrincipal=ROLE, **TERMS)

    (row,) = kms.list_grants(KeyId=key, GrantId=made["GrantId"])["Grants"]

    assert (row["KeyId"], row["Name"]) == (key, "")
    assert (row["Constraints"], row["RetiringPrincipal"]) == (constraints, ROLE)
    assert row["IssuingAccount"] == "arn:aws:iam::111122223333:root"
    assert "GrantToken" not in row


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"Operations": ["PutKeyPolicy"]}, "ValidationException"),
        ({"GranteePrincipal": "someone"}, "InvalidArnException"),
        ({"GranteePrincipal": None}, "ValidationException"),
        ({"Constraints": {"EncryptionContextEquals": {"k": "v" * 400}}}, "ValidationException"),
    ],
    ids=["operation", "never", "arn", "nobody", "size"],
)
def test_terms_are_checked(
    kms: Any, key: str, refused: Refused, terms: dict[str, Any], code: str
) -> None:
    given = {name: value for name, value in (TERMS | terms).items() if value is not None}
    with refused(code):
        kms.create_grant(KeyId=key, **given)
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_contexts_are_for_symmetric_keys(kms: Any, refused: Refused) -> None:
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    terms = {"GranteePrincipal": ROLE, "Operations": ["Sign"]}
    kms.create_grant(KeyId=key, **terms)
    with refused("ValidationException"):
        constraints = {"EncryptionContextEquals": {"a": "b"}}
        kms.create_grant(KeyId=key, Constraints=constraints, **terms)


def test_a_dry_run_creates_and_ends_nothing(kms: Any, key: str, refused: Refused) -> None:
    with refused("DryRunOperationException"):
        kms.create_grant(KeyId=key, DryRun=True, **TERMS)
    grant = kms.create_grant(KeyId=key, **TERMS)["GrantId"]
    for end in (kms.revoke_grant, kms.retire_grant):
        with refused("DryRunOperationException"):
            end(KeyId=key, GrantId=grant, DryRun=True)
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1


def test_a_grant_ends_by_revoking_and_by_retiring(kms: Any, key: str, refused: Refused) -> None:
    made = [kms.create_grant(KeyId=key, **TERMS) for _ in range(3)]
    kms.revoke_grant(KeyId=key, GrantId=made[0]["GrantId"])
    kms.retire_grant(GrantToken=made[1]["GrantToken"])
    kms.retire_grant(KeyId=key, GrantId=made[2]["GrantId"])

    assert kms.list_grants(KeyId=key)["Grants"] == []
    with refused("NotFoundException"):
        kms.revoke_grant(KeyId=key, GrantId=made[0]["GrantId"])
    with refused("InvalidGrantTokenException"):
        kms.retire_grant(GrantToken=made[1]["GrantToken"])


def test_a_grant_gives_access_and_takes_it(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    grant = kms.create_grant(
        KeyId=key, Constraints={"EncryptionContextSubset": {"team": "a"}}, **TERMS
    )["GrantId"]
    session = "arn:aws:sts::111122223333:assumed-role/app/session"
    double.identities.default = Identity(session, "AROAEXAMPLE:session", allowed=[])

    kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"team": "a", "more": "b"})
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"team": "b"})

    double.identities.default = Identity()
    kms.revoke_grant(KeyId=key, GrantId=grant)
    double.identities.default = Identity(session, "AROAEXAMPLE:session", allowed=[])
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"team": "a"})


def test_a_key_has_a_greatest_number_of_grants(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    double.world.limits.grants_per_key = 1
    kms.create_grant(KeyId=key, Name="n", **TERMS)
    kms.create_grant(KeyId=key, Name="n", **TERMS)
    with refused("LimitExceededException"):
        kms.create_grant(KeyId=key, **TERMS)
