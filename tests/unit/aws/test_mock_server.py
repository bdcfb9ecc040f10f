"""The mock server does for each request only what the request needs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import backends
from werkzeug.test import Client, TestResponse

from keyplan_aws.mock_fixes import mend_moto
from keyplan_aws.mock_server import _Moto

CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, Signature=x"


def _asked(client: Client, service: str, call: str = "ListKeys", data: str = "{}") -> TestResponse:
    headers = {
        "Authorization": CREDENTIAL.format(service),
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"TrentService.{call}",
    }
    return client.post("/", headers=headers, data=data)


def test_the_refusal_of_a_kind_of_key_says_that_it_is_motos() -> None:
    mend_moto()
    refused = _asked(Client(_Moto()), "kms", "CreateKey", '{"KeySpec": "ML_DSA_65"}')
    assert refused.status_code == 400
    said = json.loads(refused.text)["message"]
    assert "'ML_DSA_65' at 'KeySpec'" in said
    assert "This is moto, behind keyplan mock aws" in said


def test_the_service_of_a_host_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, listed = [], backends.list_of_moto_modules

    def counted() -> Iterator[str]:
        looked.append(1)
        return iter(listed())

    monkeypatch.setattr(backends, "list_of_moto_modules", counted)
    client = Client(_Moto())
    assert _asked(client, "kms").status_code == 200
    first = len(looked)
    assert first > 0
    assert [_asked(client, "kms").status_code for _ in range(3)] == [200] * 3
    assert len(looked) == first
    assert _asked(client, "sqs").status_code == 501
    assert _asked(client, "kms").status_code == 200
