"""What goes wrong on order: lost answers, throttling, denial, lag; and what is written down."""

from __future__ import annotations

import threading
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.aws_double import KmsDouble
from tests.aws_double.conftest import Refused


def test_a_lost_answer_has_its_effect(double: KmsDouble, kms: Any) -> None:
    double.faults.lose_answer("CreateKey", on=2)
    kms.create_key()
    with pytest.raises(ConnectionClosedError):
        kms.create_key()
    assert len(kms.list_keys()["Keys"]) == 2
    assert [call.outcome for call in double.calls.all("CreateKey")] == ["ok", "lost"]


def test_a_dropped_request_has_none(double: KmsDouble, kms: Any) -> None:
    double.faults.drop_request("CreateKey")
    with pytest.raises(ConnectionClosedError):
        kms.create_key()
    assert kms.list_keys()["Keys"] == []
    assert [call.outcome for call in double.calls.all("CreateKey")] == ["dropped"]


def test_errors_on_order(double: KmsDouble, kms: Any, refused: Refused) -> None:
    double.faults.throttle("CreateKey")
    double.faults.internal("CreateKey", on=2)
    double.faults.expire_token("CreateKey", on=3)
    double.faults.error("CreateKey", "DependencyTimeoutException", on=4)
    for code in (
        "ThrottlingException",
        "KMSInternalException",
        "ExpiredTokenException",
        "DependencyTimeoutException",
    ):
        with refused(code):
            kms.create_key()
    kms.create_key()
    assert len(kms.list_keys()["Keys"]) == 1


def test_of_two_faults_the_first_that_was_planned_strikes(
    double: KmsDouble, kms: Any, refused: Refused
) -> None:
    double.faults.throttle("CreateKey")
    double.faults.internal("*", times=2)
    with refused("ThrottlingException"):
        kms.create_key()
    with refused("KMSInternalException"):
        kms.create_key()
    kms.create_key()


def test_a_failure_after_the_effect(double: KmsDouble, kms: Any, refused: Refused) -> None:
    double.faults.internal("CreateKey", done=True)
    with refused("KMSInternalException"):
        kms.create_key()
    assert len(kms.list_keys()["Keys"]) == 1


def test_a_denial_names_the_action(double: KmsDouble, kms: Any, refused: Refused) -> None:
    double.faults.deny("CreateKey")
    for _ in range(2):
        with refused("AccessDeniedException") as caught:
            kms.create_key()
    assert (
        "User: arn:aws:iam::111122223333:user/operator is not authorized to perform: "
        "kms:CreateKey on resource: * because no identity-based policy allows the "
        "kms:CreateKey action" in str(caught.value)
    )
    double.faults.clear()
    kms.create_key()


def test_identity_policies_deny_too(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    double.caller.denied.append("kms:Tag*")
    with refused("AccessDeniedException") as caught:
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert f"kms:TagResource on resource: {key} with an explicit deny" in str(caught.value)
    with refused("AccessDeniedException"):
        kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])


def test_a_session_that_is_over_can_do_nothing(
    double: KmsDouble, kms: Any, refused: Refused
) -> None:
    double.caller.expired = True
    with refused("ExpiredTokenException"):
        kms.list_keys()


def test_any_call_can_be_the_one_that_fails(double: KmsDouble, kms: Any, refused: Refused) -> None:
    double.faults.throttle("*", on=3)
    kms.list_keys()
    kms.list_aliases()
    with refused("ThrottlingException"):
        kms.create_key()
    kms.create_key()


def test_a_hanging_call_ends_with_the_double() -> None:
    with KmsDouble() as double:
        double.faults.hang("ListKeys", seconds=600)
        impatient = boto3.client(
            "kms",
            region_name="us-east-1",
            endpoint_url=double.endpoint_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=0.2),
        )
        with pytest.raises(ReadTimeoutError):
            impatient.list_keys()
        impatient.close()


def test_quotas_throttle_by_operation(double: KmsDouble, kms: Any, refused: Refused) -> None:
    now = [0.0]
    double.quotas._clock = lambda: now[0]
    double.quotas.scale = 1
    for _ in range(5):
        kms.create_key()
    with refused("ThrottlingException"):
        kms.create_key()
    kms.list_keys()
    double.client("kms", "eu-west-1").create_key()

    now[0] += 0.2
    kms.create_key()
    with refused("ThrottlingException"):
        kms.create_key()


def test_a_replica_costs_two_keys_in_its_region(
    double: KmsDouble, kms: Any, refused: Refused
) -> None:
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    double.quotas._clock = lambda: 0.0
    double.quotas.scale = 1
    there = double.client("kms", "eu-west-1")
    for _ in range(4):
        there.create_key()
    with refused("ThrottlingException"):
        kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")


def test_what_is_new_is_not_found_at_first(double: KmsDouble, kms: Any, refused: Refused) -> None:
    double.world.lag = 2
    key = kms.create_key(Tags=[{"TagKey": "own", "TagValue": "x"}])["KeyMetadata"]["KeyId"]
    tagging = double.client("resourcegroupstaggingapi")
    for _ in range(2):
        with refused("NotFoundException"):
            kms.describe_key(KeyId=key)
        with refused("NotFoundException"):
            kms.disable_key(KeyId=key)
        assert kms.list_keys()["Keys"] == []
        assert tagging.get_resources()["ResourceTagMappingList"] == []
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
    assert len(kms.list_keys()["Keys"]) == 1
    assert len(tagging.get_resources()["ResourceTagMappingList"]) == 1


def test_a_lag_begins_with_what_changes_later(double: KmsDouble, kms: Any, key: str) -> None:
    double.world.lag = 2
    kms.update_key_description(KeyId=key, Description="new")
    double.world.catch_up()
    double.world.lag = 2
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "new"


def test_reads_are_stale_at_first(double: KmsDouble, kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    double.world.lag = 1
    kms.update_key_description(KeyId=key, Description="new")
    other = double.world.key(key)
    shown = [kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] for _ in range(2)]
    assert shown == ["", "new"]
    assert other.description == "new"
    kms.create_alias(AliasName="alias/b", TargetKeyId=key)
    counts = [len(kms.list_aliases()["Aliases"]) for _ in range(2)]
    assert counts == [1, 2]


def test_calls_are_written_down(double: KmsDouble, kms: Any, key: str) -> None:
    kms.describe_key(KeyId=key)
    double.client("sts").get_caller_identity()

    assert double.calls.names() == ["CreateKey", "DescribeKey", "GetCallerIdentity"]
    call = double.calls.all("DescribeKey")[0]
    assert (call.key, call.region, call.service, call.outcome) == (key, "us-east-1", "kms", "ok")
    double.calls.clear()
    assert double.calls.count() == 0


def test_threads_do_not_lose_each_others_keys(double: KmsDouble, kms: Any) -> None:
    def work() -> None:
        for _ in range(20):
            kms.create_key()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kms.list_keys(Limit=1000)["Keys"]) == 160
    assert len({call.thread for call in double.calls.all()}) > 1


def test_latency_is_waited_for(double: KmsDouble, kms: Any) -> None:
    double.latency = 0.05
    before = time.monotonic()
    kms.list_keys()
    assert time.monotonic() - before >= 0.05


def test_an_assumed_role_calls_with_its_own_key(double: KmsDouble) -> None:
    out = double.client("sts").assume_role(
        RoleArn="arn:aws:iam::444455556666:role/keys", RoleSessionName="s"
    )
    credentials = out["Credentials"]
    kms = boto3.client(
        "kms",
        region_name="us-east-1",
        endpoint_url=double.endpoint_url,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.close()
    assert arn.split(":")[4] == "444455556666"
    caller = double.calls.all("CreateKey")[0].caller
    assert caller == "arn:aws:sts::444455556666:assumed-role/keys/s"
