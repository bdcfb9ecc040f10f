"""The provider block of AWS KMS, validated.

Credentials are never in it: they come by boto3's own chain (environment, profile, web
identity, container, instance), and a role may be assumed with them.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from keyplan_aws.places import is_region
from keyplan_aws.quotas import QUOTAS

_TAG = re.compile(r"(?:[\w.:/=+\-@]|[^\S\t\n\v\f\r\x1c-\x1f\x85])*")
"""Letters, digits, some signs, and what Unicode calls a separator: no tab and no line end."""


def allowed_endpoint(url: str) -> str:
    """The URL, if it may be used. Raises `ValueError`: http goes to this machine only."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a URL such as https://kms.eu-west-1.amazonaws.com")
    if parts.username or parts.password:
        raise ValueError("a URL must not hold credentials")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http is for this machine only (127.0.0.1, localhost): use https")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _region(name: str) -> str:
    if not is_region(name):
        raise ValueError("write a Region such as eu-west-1")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AssumeRole(_Strict):
    """The role to act as. `duration` is in seconds, as STS counts it."""

    role_arn: str = Field(pattern=r"^arn:[a-z-]+:iam::\d{12}:role/.+$", max_length=2048)
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    session_name: str = Field(default="keyplan", pattern=r"^[\w+=,.@-]{2,64}$")
    duration: int = Field(default=3600, ge=900, le=43200)


class AwsSettings(_Strict):
    """`provider: {aws: {...}}`: one block per account and Region.

    `default_tags` are put on every key beside its own labels, which win.
    `allowed_account_ids` refuses any other account before anything is read. `quotas` are
    requests a second by the API's own names, where the account has other than the default.
    """

    region: Annotated[str, AfterValidator(_region)] | None = None
    profile: str | None = Field(default=None, min_length=1)
    assume_role: AssumeRole | None = None
    endpoint_url: Annotated[str, AfterValidator(allowed_endpoint)] | None = None
    default_tags: dict[str, str] = Field(default_factory=dict)
    allowed_account_ids: tuple[Annotated[str, Field(pattern=r"^\d{12}$")], ...] = ()
    quotas: dict[str, Annotated[float, Field(gt=0, le=100_000)]] = Field(default_factory=dict)

    @field_validator("default_tags")
    @classmethod
    def _tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for key, value in tags.items():
            if problem := tag_problem(key, value):
                raise ValueError(problem)
        return tags

    @field_validator("quotas")
    @classmethod
    def _quotas(cls, quotas: dict[str, float]) -> dict[str, float]:
        for name in quotas.keys() - QUOTAS.keys():
            raise ValueError(f"{name} is no call that keyplan makes: {', '.join(sorted(QUOTAS))}")
        return quotas


def tag_problem(key: str, value: str) -> str:
    """Why AWS would refuse a tag; empty if it would not."""
    if key.lower().startswith("aws:"):
        return f"the tag {key} begins with aws:, which is AWS's own"
    if key.startswith("keyplan:"):
        return f"the tag {key} begins with keyplan:, which are keyplan's own marks"
    if not 1 <= len(key) <= 128:
        return f"the tag {key[:40]} must have 1 to 128 characters"
    if len(value) > 256:
        return f"the value of the tag {key} has more than 256 characters"
    for what, text in ((f"the tag {key}", key), (f"the value of the tag {key}", value)):
        if not _TAG.fullmatch(text):
            return f"{what} may hold letters, digits, spaces and _ . : / = + - @ only"
    return ""
