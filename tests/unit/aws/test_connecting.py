"""Credentials, Regions, accounts and endpoints."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import BaseModel, ValidationError

from keyplan.errors import (
    DeniedError,
    ProviderDefectError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)
from keyplan.model.address import Address
from keyplan.sdk.provider import OpenContext
from keyplan.testing.clock import DAWN
from keyplan_aws.opening import open_provider
from keyplan_aws.places import Place, partition_of, stable_principal
from keyplan_aws.plugin import PLUGIN
from keyplan_aws.provider import AwsProvider
from keyplan_aws.settings import AwsSettings
from tests.aws_double import KmsDouble
from tests.unit.aws.conftest import Bench

Connect = Callable[..., AwsProvider]


def test_the_place_is_account_and_region(bench: Bench) -> None:
    identity = bench.provider.identify()
    assert identity.place == f"{bench.double.caller.account} eu-west-1"
    assert identity.principal == bench.double.caller.arn


def test_an_account_too_many_is_refused_before_anything_is_read(
    double: KmsDouble, connect: Connect
) -> None:
    provider = connect(allowed_account_ids=["999988887777"])
    for use in (
        provider.identify,
        lambda: provider.read(["x"]),
        provider.scan,
        lambda: provider.find("x"),
        lambda: provider.find_alias("x"),
        lambda: provider.execute(Bench.creation(), {}),
    ):
        with pytest.raises(DeniedError, match="not allowed here"):
            use()
    assert set(double.calls.names()) == {"GetCallerIdentity"}


def test_a_role_is_assumed_and_named_without_its_session(
    double: KmsDouble, connect: Connect
) -> None:
    account = double.caller.account
    role = f"arn:aws:iam::{account}:role/keyplan-apply"
    provider = connect(assume_role={"role_arn": role, "session_name": "pipeline-4711"})
    assert provider.identify().principal == role
    assert double.calls.count("AssumeRole") == 1


def test_the_endpoint_comes_from_the_environment_as_for_the_aws_cli(
    double: KmsDouble, tmp_path: Path
) -> None:
    provider = open_provider(AwsSettings(region="eu-west-1"), OpenContext(tmp_path, DAWN))
    try:
        assert provider.identify().place.startswith(double.caller.account)
    finally:
        provider.close()


def test_http_to_another_machine_is_refused_also_from_the_environment(
    double: KmsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del double
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://kms.example:4566")
    provider = open_provider(AwsSettings(region="eu-west-1"), OpenContext(tmp_path, DAWN))
    try:
        with pytest.raises(RejectedError, match="endpoint"):
            provider.identify()
    finally:
        provider.close()


def test_without_a_region_it_says_where_to_write_one(
    double: KmsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del double
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(RejectedError) as refusal:
        open_provider(AwsSettings(), OpenContext(tmp_path, DAWN))
    assert "region: eu-west-1" in refusal.value.advice


def test_without_credentials_it_says_so(
    double: KmsDouble, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UnauthenticatedError, match="no AWS credentials"):
        connect().identify()
    assert double.calls.count() == 0


def test_a_profile_that_is_not_there_is_said(connect: Connect) -> None:
    with pytest.raises(UnauthenticatedError, match="nobody-has-this"):
        connect(profile="nobody-has-this")


def test_an_ended_session_is_no_identity(double: KmsDouble, connect: Connect) -> None:
    double.faults.expire_token()
    with pytest.raises(UnauthenticatedError, match="ExpiredToken"):
        connect().identify()


def test_a_service_that_is_not_there_is_transient(connect: Connect) -> None:
    with pytest.raises(TransientError, match="cannot be reached") as caught:
        connect(endpoint_url="http://127.0.0.1:1").identify()
    assert "keyplan mock aws" in caught.value.advice


def test_a_profile_that_is_not_there_is_said_with_where_it_is_named(connect: Connect) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        connect(profile="prodd").identify()
    assert "prodd" in caught.value.why
    assert "AWS_PROFILE" in caught.value.advice


def test_what_answers_and_is_not_aws_is_said_with_what_to_look_at(connect: Connect) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>It works!")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            with pytest.raises(TransientError, match="not answer as AWS") as caught:
                connect(endpoint_url=f"http://127.0.0.1:{server.server_port}").identify()
        finally:
            server.shutdown()
            serving.join()
    assert "endpoint_url" in caught.value.advice


def _opened(tmp_path: Path, region: str) -> AwsProvider:
    return open_provider(AwsSettings(region=region), OpenContext(tmp_path, DAWN))


@pytest.mark.parametrize(
    ("region", "near"), [("eu-wset-1", "eu-west-1"), ("us-east-9", "us-east-1"), ("zz-top-7", "")]
)
def test_a_region_that_does_not_exist_is_refused_before_any_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str, near: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    provider = _opened(tmp_path, region)
    with pytest.raises(RejectedError, match=f"no Region {region}") as caught:
        provider.identify()
    provider.close()
    assert near in caught.value.why
    assert "update boto3" in caught.value.advice


def test_a_name_that_makes_no_endpoint_is_not_judged(double: KmsDouble, connect: Connect) -> None:
    assert connect(region="eu-moon-1").identify().place == f"{double.caller.account} eu-moon-1"


def test_a_region_that_is_not_enabled_is_thought_of(double: KmsDouble, connect: Connect) -> None:
    message = "The security token included in the request is invalid."
    double.faults.error("GetCallerIdentity", "InvalidClientTokenId", message)
    with pytest.raises(UnauthenticatedError) as caught:
        connect(region="eu-central-1").identify()
    assert "not enabled answers so too: see eu-central-1" in caught.value.advice


def test_other_settings_than_its_own_are_a_defect(tmp_path: Path) -> None:
    class Others(BaseModel):
        pass

    with pytest.raises(ProviderDefectError):
        PLUGIN.open(Others(), OpenContext(tmp_path, DAWN))


def test_nothing_is_shown_of_credentials(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-secret")
    provider = connect()
    provider.identify()
    bench.create(Address("key.a"))
    shown = repr(provider) + repr(vars(provider)) + repr(vars(provider._api.clients))
    assert "wJalrXUtnFEMI" not in shown


@pytest.mark.parametrize(
    "block",
    [
        {"regoin": "eu-west-1"},
        {"region": "Ireland"},
        {"endpoint_url": "http://kms.example"},
        {"endpoint_url": "https://user:pw@kms.example"},
        {"endpoint_url": "ftp://127.0.0.1"},
        {"default_tags": {"aws:x": "1"}},
        {"default_tags": {"keyplan:token": "1"}},
        {"default_tags": {"team": "a<b"}},
        {"allowed_account_ids": ["1234"]},
        {"quotas": {"CreateKeys": 10}},
        {"quotas": {"CreateKey": 0}},
        {"assume_role": {"role_arn": "keyplan"}},
        {"assume_role": {"role_arn": "arn:aws:iam::111122223333:role/a", "duration": 60}},
    ],
)
def test_blocks_that_cannot_be_meant_are_refused(block: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AwsSettings.model_validate(block)


def test_places_know_their_partition_and_their_arns() -> None:
    place = Place.parse("111122223333 cn-north-1")
    assert place is not None
    assert place.key_arn("k") == "arn:aws-cn:kms:cn-north-1:111122223333:key/k"
    assert place.key_id(place.key_arn("k")) == "k"
    elsewhere = "arn:aws-cn:kms:cn-northwest-1:111122223333:key/mrk-1"
    assert place.key_id(elsewhere) == elsewhere, "a replica is not its primary"
    assert Place.parse("hsm-serial-1") is None
    assert [partition_of(name) for name in ("eu-west-1", "us-gov-west-1")] == ["aws", "aws-us-gov"]


def test_a_principal_is_the_same_in_every_run() -> None:
    session = "arn:aws:sts::111122223333:assumed-role/deploy/run-4711"
    assert stable_principal(session) == "arn:aws:iam::111122223333:role/deploy"
    user = "arn:aws:iam::111122223333:user/ops/ann"
    assert stable_principal(user) == user
