"""What AWS does and emulators do not, one test for each: the double must."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws_double import KmsDouble, ManualClock
from tests.aws_double.conftest import Refused
from tests.aws_double.keys_in_states import import_material
from tests.aws_double.specs import SPECS, usages

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(principal: Any, action: Any = "kms:*", effect: str = "Allow") -> dict[str, Any]:
    named = {"AWS": principal}
    return {"Effect": effect, "Principal": named, "Action": action, "Resource": "*"}


def metadata(kms: Any, key: str) -> dict[str, Any]:
    return dict(kms.describe_key(KeyId=key)["KeyMetadata"])


def test_an_asymmetric_key_needs_a_usage(kms: Any, refused: Refused) -> None:
    with refused("ValidationException"):
        kms.create_key(KeySpec="RSA_2048")


def test_a_curve_does_not_encrypt(kms: Any, refused: Refused) -> None:
    with refused("ValidationException"):
        kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="ENCRYPT_DECRYPT")


@pytest.mark.parametrize(
    ("spec", "usage", "field", "algorithms"),
    [
        ("ECC_NIST_P384", "KEY_AGREEMENT", "KeyAgreementAlgorithms", ["ECDH"]),
        ("ML_DSA_44", "SIGN_VERIFY", "SigningAlgorithms", ["ML_DSA_SHAKE_256"]),
        ("ML_DSA_87", "SIGN_VERIFY", "SigningAlgorithms", ["ML_DSA_SHAKE_256"]),
        ("HMAC_384", "GENERATE_VERIFY_MAC", "MacAlgorithms", ["HMAC_SHA_384"]),
        ("ECC_NIST_P521", "SIGN_VERIFY", "SigningAlgorithms", ["ECDSA_SHA_512"]),
    ],
)
def test_a_key_shows_the_algorithms_of_its_usage(
    kms: Any, spec: str, usage: str, field: str, algorithms: list[str]
) -> None:
    made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]

    shown = {name: value for name, value in made.items() if name.endswith("Algorithms")}
    assert shown == {field: algorithms}


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec != "SM2"])
def test_every_spec_that_botocore_knows_can_be_made(kms: Any, spec: str) -> None:
    for usage in usages(spec):
        made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        assert (made["KeySpec"], made["KeyUsage"], made["KeyState"]) == (spec, usage, "Enabled")


def test_a_description_has_a_greatest_length(kms: Any, key: str, refused: Refused) -> None:
    kms.update_key_description(KeyId=key, Description="d" * 8192)
    with refused("ValidationException"):
        kms.create_key(Description="d" * 8193)
    with refused("ValidationException"):
        kms.update_key_description(KeyId=key, Description="d" * 8193)


@pytest.mark.parametrize(
    "text",
    [
        "{not json",
        policy({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
        policy(statement("arn:aws:iam::111122223333:group/g")),
        policy(statement(ROOT) | {"Condition": {"StringSame": {"a": "b"}}}),
        policy(),
        json.dumps({"Version": "2020-01-01", "Statement": [statement(ROOT)]}),
    ],
    ids=["json", "principal", "group", "operator", "empty", "version"],
)
def test_a_policy_is_checked(kms: Any, key: str, refused: Refused, text: str) -> None:
    before = kms.get_key_policy(KeyId=key)["Policy"]
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=key, Policy=text)
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy=text)
    assert kms.get_key_policy(KeyId=key)["Policy"] == before


def test_a_policy_that_locks_the_caller_out_is_refused(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    text = policy(statement(f"arn:aws:iam::{ACCOUNT}:role/other"))

    with refused("MalformedPolicyDocumentException") as caught:
        kms.put_key_policy(KeyId=key, Policy=text)
    assert "will not allow you to update the key policy" in str(caught.value)
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy=text)

    kms.put_key_policy(KeyId=key, Policy=text, BypassPolicyLockoutSafetyCheck=True)
    with refused("AccessDeniedException"):
        kms.put_key_policy(KeyId=key, Policy=text)


def test_an_account_statement_is_no_use_to_a_caller_without_iam(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    double.caller.denied.append("kms:PutKeyPolicy")
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy=policy(statement(ROOT)))


def test_a_policy_has_a_greatest_size(kms: Any, key: str, refused: Refused) -> None:
    with refused("LimitExceededException"):
        kms.put_key_policy(KeyId=key, Policy=policy(statement(ROOT)) + " " * 32_768)


def test_a_denial_in_the_policy_is_enforced(kms: Any, key: str, refused: Refused) -> None:
    deny = statement("*", "kms:Encrypt", "Deny")
    kms.put_key_policy(KeyId=key, Policy=policy(statement(ROOT), deny))

    with refused("AccessDeniedException") as caught:
        kms.encrypt(KeyId=key, Plaintext=b"text")
    assert "explicit deny in a resource-based policy" in str(caught.value)


def test_scheduling_answers_with_arn_state_and_window(
    kms: Any, key: str, clock: ManualClock
) -> None:
    out = kms.schedule_key_deletion(KeyId=key.rpartition("/")[2], PendingWindowInDays=7)

    assert (out["KeyId"], out["KeyState"], out["PendingWindowInDays"]) == (
        key,
        "PendingDeletion",
        7,
    )
    assert (out["DeletionDate"] - clock()).days == 7


@pytest.mark.parametrize("days", [6, 31])
def test_a_window_is_7_to_30_days(kms: Any, key: str, refused: Refused, days: int) -> None:
    with refused("ValidationException"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)
    assert metadata(kms, key)["KeyState"] == "Enabled"


def test_rotation_pauses_while_a_key_waits_for_deletion(kms: Any, key: str) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=120)
    kms.schedule_key_deletion(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False

    kms.cancel_key_deletion(KeyId=key)

    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 120)
    assert metadata(kms, key)["KeyState"] == "Disabled"


def test_aliases_of_aws_are_reserved(kms: Any, key: str, refused: Refused) -> None:
    with refused("NotAuthorizedException"):
        kms.create_alias(AliasName="alias/aws/x", TargetKeyId=key)
    with refused("ValidationException"):
        kms.create_alias(AliasName="x", TargetKeyId=key)


@pytest.mark.parametrize(
    "other",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    ],
    ids=["asymmetric", "hmac"],
)
def test_an_alias_does_not_move_to_another_type(
    kms: Any, key: str, refused: Refused, other: dict[str, str]
) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    target = kms.create_key(**other)["KeyMetadata"]["KeyId"]

    with refused("ValidationException"):
        kms.update_alias(AliasName="alias/a", TargetKeyId=target)
    assert metadata(kms, "alias/a")["Arn"] == key


def test_a_key_has_at_most_50_aliases(kms: Any, key: str, refused: Refused) -> None:
    for number in range(50):
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
    with refused("LimitExceededException"):
        kms.create_alias(AliasName="alias/50", TargetKeyId=key)


@pytest.mark.parametrize("days", [89, 2561])
def test_a_period_is_90_to_2560_days(kms: Any, key: str, refused: Refused, days: int) -> None:
    with refused("ValidationException"):
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)


@pytest.mark.parametrize(
    "kind",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"Origin": "EXTERNAL"},
    ],
    ids=["rsa", "hmac", "external"],
)
def test_only_symmetric_keys_of_aws_rotate(
    kms: Any, refused: Refused, kind: dict[str, str]
) -> None:
    key = kms.create_key(**kind)["KeyMetadata"]["KeyId"]
    with refused("UnsupportedOperationException"):
        kms.enable_key_rotation(KeyId=key)


def test_keys_in_a_custom_store_do_not_rotate(
    double: KmsDouble, kms: Any, refused: Refused
) -> None:
    double.world.stores["cks-1"] = "AWS_CLOUDHSM"
    key = kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId="cks-1")["KeyMetadata"]["KeyId"]
    with refused("UnsupportedOperationException"):
        kms.enable_key_rotation(KeyId=key)


def test_rotation_on_demand_changes_the_material_and_keeps_the_old(kms: Any, key: str) -> None:
    first = metadata(kms, key)["CurrentKeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]

    kms.rotate_key_on_demand(KeyId=key)

    rotated = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [row["RotationType"] for row in rotated] == ["ON_DEMAND"]
    assert metadata(kms, key)["CurrentKeyMaterialId"] == rotated[0]["KeyMaterialId"] != first
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"


def multi_region(kms: Any) -> str:
    key = str(kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"])
    kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    return key


def test_a_primary_waits_for_its_replicas(double: KmsDouble, kms: Any, clock: ManualClock) -> None:
    key = multi_region(kms)
    out = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert out["KeyState"] == "PendingReplicaDeletion"
    assert "DeletionDate" not in out
    assert metadata(kms, key)["PendingDeletionWindowInDays"] == 7

    double.client("kms", "eu-west-1").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    clock.advance(days=7)

    shown = metadata(kms, key)
    assert (shown["KeyState"], (shown["DeletionDate"] - clock()).days) == ("PendingDeletion", 7)


def test_rotation_is_the_primarys(double: KmsDouble, kms: Any, refused: Refused) -> None:
    key, replica = multi_region(kms), double.client("kms", "eu-west-1")
    kms.enable_key_rotation(KeyId=key)
    assert replica.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    for change in (replica.disable_key_rotation, replica.rotate_key_on_demand):
        with refused("UnsupportedOperationException"):
            change(KeyId=key)


def test_the_primary_region_moves(double: KmsDouble, kms: Any, refused: Refused) -> None:
    key, there = multi_region(kms), double.client("kms", "eu-west-1")

    kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")

    kinds = [
        metadata(c, key)["MultiRegionConfiguration"]["MultiRegionKeyType"] for c in (kms, there)
    ]
    assert kinds == ["REPLICA", "PRIMARY"]
    with refused("UnsupportedOperationException"):
        kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
    with refused("UnsupportedOperationException"):
        kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")


def test_other_material_is_not_reimported(kms: Any, refused: Refused) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    assert metadata(kms, key)["KeyState"] == "PendingImport"
    import_material(kms, key)
    kms.delete_imported_key_material(KeyId=key)
    assert metadata(kms, key)["KeyState"] == "PendingImport"

    with refused("IncorrectKeyMaterialException"):
        import_material(kms, key, b"o" * 32)
    import_material(kms, key)
    assert metadata(kms, key)["KeyState"] == "Enabled"


def test_new_material_waits_for_a_rotation(kms: Any) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    first = import_material(kms, key)["KeyMaterialId"]
    second = import_material(kms, key, b"o" * 32, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]

    def states() -> dict[str, str]:
        out = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        return {row["KeyMaterialId"]: row["KeyMaterialState"] for row in out["Rotations"]}

    assert states() == {first: "CURRENT", second: "PENDING_ROTATION"}
    kms.rotate_key_on_demand(KeyId=key)
    assert states() == {first: "NON_CURRENT", second: "CURRENT"}


def test_a_dry_run_is_an_error(kms: Any, key: str, refused: Refused) -> None:
    with refused("DryRunOperationException"):
        kms.generate_data_key(KeyId=key, KeySpec="AES_256", DryRun=True)
