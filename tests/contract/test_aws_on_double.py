"""AWS KMS keeps the contract, whole, against a double that is as strict as AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from keyplan.sdk.provider import Identity, OpenContext, Provider
from keyplan.testing.clock import DAWN
from keyplan.testing.provider_contract import ProviderContract, Samples
from keyplan_aws.plugin import PLUGIN, AwsPlugin
from keyplan_aws.quotas import QUOTAS
from keyplan_aws.settings import AwsSettings
from tests.aws_double import KmsDouble

FAST = dict.fromkeys(QUOTAS, 10_000.0)
"""The double's quotas are off, so the tests need not keep to AWS's."""


class TestOnTheDouble(ProviderContract):
    @pytest.fixture
    def double(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsDouble]:
        with KmsDouble(regions=("eu-west-1", "eu-central-1")) as double:
            for name, value in double.environment().items():
                monkeypatch.setenv(name, value)
            yield double

    @pytest.fixture
    def settings(self, double: KmsDouble) -> BaseModel:
        return AwsSettings(region="eu-west-1", endpoint_url=double.endpoint_url, quotas=FAST)

    @pytest.fixture
    def context(self, tmp_path: Path) -> OpenContext:
        return OpenContext(stack=tmp_path, now=DAWN)

    @pytest.fixture
    def plugin(self, settings: BaseModel, double: KmsDouble) -> AwsPlugin:
        place = f"{double.caller.account} eu-west-1"
        return PLUGIN.located(Identity(place, double.caller.arn, ""), settings)

    @pytest.fixture
    def elsewhere(self, double: KmsDouble, context: OpenContext) -> Iterator[Provider]:
        there = AwsSettings(region="eu-central-1", endpoint_url=double.endpoint_url, quotas=FAST)
        provider = PLUGIN.open(there, context)
        yield provider
        provider.close()

    @pytest.fixture
    def settle(self) -> Callable[[], None]:
        return lambda: None

    @pytest.fixture
    def samples(self, double: KmsDouble, context: OpenContext) -> Samples:
        usual = Samples.usual(context.now)
        account = double.caller.account
        return replace(
            usual,
            attributes={name: usual.attributes[name] for name in ("description", "rotation")},
            administrator=double.caller.arn,
            user=f"arn:aws:iam::{account}:role/payments-api",
        )
