"""The `s3` store: a state, its journals and its lease in a bucket, for teams and pipelines.

    keyplan:
      state:
        s3: {bucket: acme-keyplan, key: keyplan/payments, region: eu-central-1}

Rules: credentials come from where the SDK finds them, never from the configuration. TLS is
verified; plain HTTP is for loopback addresses only. The SDK is imported when a store is
opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from keyplan.errors import StoreError
from keyplan.sdk.store import Store
from keyplan_state.lease_settings import LeaseSettings

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"[A-Za-z0-9_.+=@-]+(/[A-Za-z0-9_.+=@-]+)*")


class S3Settings(LeaseSettings):
    """`state: {s3: {bucket: ..., key: ...}}`. `key` is the folder of this one stack."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bucket: str
    key: Annotated[str, Field(max_length=512)]
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    account: Annotated[str | None, Field(pattern=r"^[0-9]{12}$")] = None

    @field_validator("bucket")
    @classmethod
    def _bucket_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is not the name of a bucket")
        return bucket

    @field_validator("key")
    @classmethod
    def _relative(cls, key: str) -> str:
        if not _KEY.fullmatch(key) or {".", ".."} & set(key.split("/")):
            raise ValueError(
                f"{key!r} cannot be the folder of a state: write letters, digits and `_.+=@-`"
                " between single slashes, such as keyplan/payments"
            )
        return key

    @field_validator("endpoint_url")
    @classmethod
    def _safe(cls, url: str | None) -> str | None:
        if url is not None and (problem := _problem_of(url)):
            raise ValueError(problem)
        return url


def _problem_of(url: str) -> str:
    """Why a URL cannot be an endpoint, or the empty string. Never repeats the URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "the endpoint is not a URL"
    if parts.username is not None or parts.password is not None:
        return "an endpoint has no user and no password: the SDK finds credentials by itself"
    if parts.query or parts.fragment or parts.scheme not in {"https", "http"} or not host:
        return "an endpoint is https://HOST or https://HOST:PORT"
    if parts.scheme == "http" and not _is_loopback(host):
        return "an endpoint that is not on this machine needs https"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class S3StorePlugin:
    """A `keyplan.sdk.store.StorePlugin`."""

    @property
    def name(self) -> str:
        """As `keyplan.state` names it."""
        return "s3"

    @property
    def settings_model(self) -> type[BaseModel]:
        """`{bucket: ..., key: ...}`."""
        return S3Settings

    def open(
        self,
        settings: BaseModel,
        *,
        stack: Path,  # noqa: ARG002  (nothing is kept beside the stack)
        environment: Mapping[str, str],  # noqa: ARG002  (the SDK reads its own)
    ) -> Store:
        """The store of a stack. Asks nobody and creates nothing."""
        try:
            from keyplan_state.s3_store import open_store  # noqa: PLC0415  (boto3: 300 ms)
        except ModuleNotFoundError as error:
            raise StoreError(
                "the s3 store needs boto3, which is not installed",
                target=error.name or "",
                advice="pip install 'keyplan[s3]'",
            ) from None
        return open_store(S3Settings.model_validate(settings.model_dump()))


STORE = S3StorePlugin()
"""The entry point `keyplan.stores: s3`."""
