"""What can be written in `keyplan.state.s3`, and what it is refused for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from keyplan.errors import StoreError
from keyplan_state.s3 import STORE, S3Settings
from keyplan_state.s3_client import connect


def settings(**given) -> S3Settings:
    return S3Settings.model_validate({"bucket": "acme-keyplan", "key": "keyplan/payments", **given})


def test_bucket_and_key_are_enough() -> None:
    assert STORE.name == "s3"
    found = settings()
    assert (found.region, found.profile, found.endpoint_url, found.lease_seconds) == (
        None, None, None, 60.0,
    )  # fmt: skip
    with pytest.raises(ValidationError, match="Field required"):
        S3Settings.model_validate({"bucket": "acme-keyplan"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        settings(secret_access_key="x")


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("15s", 15), ("5m", 300), ("1h", 3600)])
def test_time_to_live_is_a_duration(text, seconds: float) -> None:
    assert settings(lease_ttl=text).lease_seconds == seconds


@pytest.mark.parametrize("text", ["14s", "61m", "0s", "soon", "-5s", 60, None])
def test_time_to_live_has_bounds(text) -> None:
    with pytest.raises(ValidationError):
        settings(lease_ttl=text)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a b", "a\nb", "é", "x" * 513, "a?b"]
)
def test_key_is_a_folder(key: str) -> None:
    with pytest.raises(ValidationError):
        settings(key=key)


@pytest.mark.parametrize("bucket", ["", "ab", "Upper", "a_b", "-ab", "a/b", "x" * 64])
def test_bucket_has_the_name_of_one(bucket: str) -> None:
    with pytest.raises(ValidationError):
        settings(bucket=bucket)


@pytest.mark.parametrize(
    "url",
    ["https://minio.acme.example", "https://minio.acme.example:9000", "http://127.0.0.1:9000",
     "http://localhost:1", "http://[::1]:9000"],
)  # fmt: skip
def test_endpoint_is_safe(url: str) -> None:
    assert settings(endpoint_url=url).endpoint_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://minio.acme.example", "needs https"),
        ("http://127.0.0.1.acme.example", "needs https"),
        ("http://10.0.0.1:9000", "needs https"),
        ("ftp://localhost", "is https://HOST"),
        ("https://", "is https://HOST"),
        ("minio", "is https://HOST"),
        ("https://host:port", "not a URL"),
        ("https://host/?x=1", "is https://HOST"),
        ("https://user:hunter2@host", "no user and no password"),
    ],
)
def test_endpoint_that_is_not_safe_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as raised:
        settings(endpoint_url=url)
    for error in raised.value.errors(include_input=False):
        assert "hunter2" not in str(error)


def test_account_is_a_number() -> None:
    assert settings(account="111122223333").account == "111122223333"
    with pytest.raises(ValidationError):
        settings(account="acme")


def test_opening_asks_nobody(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    given = settings(region="us-east-1", endpoint_url="http://127.0.0.1:1")
    store = STORE.open(given, stack=tmp_path, environment={})
    assert store.describe() == "s3 s3://acme-keyplan/keyplan/payments"
    assert list(tmp_path.iterdir()) == []


def test_environment_cannot_lead_elsewhere(monkeypatch) -> None:
    """An endpoint without TLS, or one whose conditional writes nobody has proven."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://elsewhere.example")
    for client in connect(settings(region="eu-central-1")):
        assert client.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"


def test_profile_that_is_not_there_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(StoreError, match="no credentials for S3"):
        STORE.open(settings(profile="nobody"), stack=tmp_path, environment={})


def test_sdk_is_loaded_when_a_store_is_opened() -> None:
    code = "import sys, keyplan_state.s3; print([m for m in sys.modules if 'boto' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_without_the_sdk_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith("keyplan_state.s3_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StoreError, match="keyplan\\[s3\\]"):
        STORE.open(settings(), stack=tmp_path, environment={})
