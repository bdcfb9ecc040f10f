"""Clients of AWS that answer what a test tells them, and a key there."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.stub import Stubber

from keyplan.model.observations import OwnerMark
from keyplan_aws.places import Place

HERE = Place("111122223333", "eu-west-1")
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = HERE.key_arn(KEY)
OWNER = OwnerMark("stack-1", "token-1")


class Wire:
    """Stands where `Clients` does, with stubbed clients."""

    def __init__(self) -> None:
        self._stubs: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def stub(self, service: str = "kms", region: str = "eu-west-1") -> Stubber:
        """The stubber of a service's client in a Region."""
        if (service, region) not in self._stubs:
            client = boto3.client(
                service,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            stubber = Stubber(client)
            stubber.activate()
            self._stubs[service, region] = (client, stubber)
        return self._stubs[service, region][1]

    def get(self, service: str, *, region: str = "", within: float = 0) -> Any:
        """What `Clients.get` gives."""
        del within
        self.stub(service, region or "eu-west-1")
        return self._stubs[service, region or "eu-west-1"][0]

    def settled(self) -> None:
        """Everything that was expected has been asked."""
        for _, stubber in self._stubs.values():
            stubber.assert_no_pending_responses()


def metadata(**more: Any) -> dict[str, Any]:
    return {"KeyMetadata": {"KeyId": KEY, "Arn": ARN, "KeyState": "Enabled", **more}}
