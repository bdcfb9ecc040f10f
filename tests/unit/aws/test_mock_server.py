"""The mock server does for each request only what the request needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import backends
from werkzeug.test import Client

from keyplan_aws.mock_server import _Moto

CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, Signature=x"


def _asked(client: Client, service: str) -> int:
    headers = {
        "Authorization": CREDENTIAL.format(service),
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "TrentService.ListKeys",
    }
    return client.post("/", headers=headers, data="{}").status_code


def test_the_service_of_a_host_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, listed = [], backends.list_of_moto_modules

    def counted() -> Iterator[str]:
        looked.append(1)
        return iter(listed())

    monkeypatch.setattr(backends, "list_of_moto_modules", counted)
    client = Client(_Moto())
    assert _asked(client, "kms") == 200
    first = len(looked)
    assert first > 0
    assert [_asked(client, "kms") for _ in range(3)] == [200] * 3
    assert len(looked) == first
    assert _asked(client, "sqs") == 501
    assert _asked(client, "kms") == 200
