"""What time does by itself, when the clock of the double moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.aws_double import KmsDouble, ManualClock
from tests.aws_double.conftest import Refused
from tests.aws_double.keys_in_states import import_material


def test_a_key_vanishes_with_its_aliases_after_the_window(
    kms: Any, key: str, clock: ManualClock, refused: Refused
) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    clock.advance(days=6.99)
    assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyState"] == "PendingDeletion"

    clock.advance(days=0.02)

    with refused("NotFoundException"):
        kms.describe_key(KeyId=key)
    assert kms.list_aliases()["Aliases"] == kms.list_keys()["Keys"] == []


def test_cancelling_stops_the_window(kms: Any, key: str, clock: ManualClock) -> None:
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key)
    clock.advance(days=60)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_keys_rotate_by_themselves(kms: Any, key: str, clock: ManualClock) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["NextRotationDate"] - clock()).days == 90

    clock.advance(days=181)

    rotated = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [row["RotationType"] for row in rotated] == ["AUTOMATIC", "AUTOMATIC"]
    assert kms.get_key_rotation_status(KeyId=key)["NextRotationDate"] > clock()


def test_a_rotation_on_demand_takes_its_time(
    double: KmsDouble, kms: Any, key: str, clock: ManualClock, refused: Refused
) -> None:
    double.world.rotation_takes = timedelta(minutes=5)
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert kms.get_key_rotation_status(KeyId=key)["OnDemandRotationStartDate"] == clock()
    with refused("ConflictException"):
        kms.rotate_key_on_demand(KeyId=key)

    clock.advance(seconds=300)

    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 1
    assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)


def test_a_key_rotates_on_demand_25_times(kms: Any, key: str, refused: Refused) -> None:
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    with refused("LimitExceededException"):
        kms.rotate_key_on_demand(KeyId=key)


def test_a_replica_is_creating_for_a_while(
    double: KmsDouble, kms: Any, clock: ManualClock, refused: Refused
) -> None:
    double.world.transition = timedelta(seconds=10)
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    out = kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1", Description="replica")
    assert out["ReplicaKeyMetadata"]["KeyState"] == "Creating"
    there = double.client("kms", "eu-west-1")
    with refused("KMSInvalidStateException"):
        there.disable_key(KeyId=key)

    clock.advance(seconds=10)

    shown = there.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["Description"]) == ("Enabled", "replica")


def test_both_keys_are_updating_while_the_primary_moves(
    double: KmsDouble, kms: Any, clock: ManualClock
) -> None:
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    double.world.transition = timedelta(seconds=10)
    both = [kms, double.client("kms", "eu-west-1")]
    kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")

    def shown() -> list[tuple[str, str]]:
        found = [client.describe_key(KeyId=key)["KeyMetadata"] for client in both]
        return [
            (each["KeyState"], each["MultiRegionConfiguration"]["MultiRegionKeyType"])
            for each in found
        ]

    assert shown() == [("Updating", "PRIMARY"), ("Updating", "REPLICA")]
    clock.advance(seconds=10)
    assert shown() == [("Enabled", "REPLICA"), ("Enabled", "PRIMARY")]


def test_imported_material_expires(kms: Any, clock: ManualClock, refused: Refused) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    until = clock() + timedelta(days=30)
    import_material(kms, key, ValidTo=until, ExpirationModel="KEY_MATERIAL_EXPIRES")
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["ExpirationModel"], shown["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", until)

    clock.advance(days=31)

    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["Enabled"]) == ("PendingImport", False)


def test_a_token_for_an_import_is_good_for_a_day(
    kms: Any, clock: ManualClock, refused: Refused
) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    parameters = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    clock.advance(days=2)
    with refused("ExpiredImportTokenException"):
        kms.import_key_material(
            KeyId=key,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=b"x",
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )
