"""AWS KMS keeps the contract against moto, but for what moto is known to do otherwise."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pydantic import BaseModel

from keyplan.sdk.provider import Identity, OpenContext, Provider
from keyplan.testing.clock import DAWN
from keyplan.testing.provider_contract import ProviderContract, Samples
from keyplan_aws.plugin import PLUGIN, AwsPlugin
from keyplan_aws.quotas import QUOTAS
from keyplan_aws.settings import AwsSettings

ACCOUNT = "123456789012"
FAST = dict.fromkeys(QUOTAS, 10_000.0)
"""moto has no quotas, so the tests need not keep to AWS's."""


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestOnMoto(ProviderContract):
    @pytest.fixture(autouse=True)
    def _empty(self, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
        url = f"{moto}/moto-api/reset"
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    @pytest.fixture
    def settings(self, moto: str) -> BaseModel:
        return AwsSettings(region="eu-west-1", endpoint_url=moto, quotas=FAST)

    @pytest.fixture
    def context(self, tmp_path: Path) -> OpenContext:
        return OpenContext(stack=tmp_path, now=DAWN)

    @pytest.fixture
    def plugin(self, settings: BaseModel) -> AwsPlugin:
        here = Identity(f"{ACCOUNT} eu-west-1", "arn:aws:iam::123456789012:root", "")
        return PLUGIN.located(here, settings)

    @pytest.fixture
    def elsewhere(self, moto: str, context: OpenContext) -> Iterator[Provider]:
        provider = PLUGIN.open(AwsSettings(region="eu-central-1", endpoint_url=moto), context)
        yield provider
        provider.close()

    @pytest.fixture
    def settle(self) -> Callable[[], None]:
        return lambda: None

    @pytest.fixture
    def samples(self, context: OpenContext) -> Samples:
        usual = Samples.usual(context.now)
        settable = ("description", "rotation")
        return replace(
            usual,
            attributes={name: usual.attributes[name] for name in settable},
            administrator=f"arn:aws:iam::{ACCOUNT}:role/key-admins",
            user=f"arn:aws:iam::{ACCOUNT}:role/payments-api",
        )

    @pytest.fixture
    def laxities(self) -> Mapping[str, str]:
        return {
            "test_operation[replicate_key]": "moto drops the tags of a replica, and so the mark",
            "test_operation[change_primary]": "moto has no UpdatePrimaryRegion",
        }
