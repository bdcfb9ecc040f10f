"""boto3 clients: by boto3's own chain, without retries, one set per Region and patience.

Rules: the SDK never tries again by itself, because a create that is repeated makes a
second key; keyplan's core does, where it is safe. A client's patience is its read
timeout, chosen by what is left of the deadline. Clients are made under a lock (boto3
sessions are not safe for threads) and shared afterwards (clients are). http goes to this
machine only, also where the environment names the endpoint. A Region that gives an endpoint its
name must be one that botocore knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.loaders import create_loader

import keyplan
from keyplan.errors import RejectedError, UnauthenticatedError
from keyplan_aws.failures import Attempt, converted
from keyplan_aws.genuine import check_answer
from keyplan_aws.settings import AssumeRole, AwsSettings, allowed_endpoint

CONNECT_TIMEOUT = 5.0
PATIENCE = (5.0, 15.0, 60.0)
"""Read timeouts in seconds; the longest that fits the deadline is used."""

TAGGING = "resourcegroupstaggingapi"


class Clients:
    """The clients of one provider block."""

    def __init__(self, settings: AwsSettings, threads: int) -> None:
        self._settings = settings
        self._threads = threads
        self._lock = Lock()
        self._made: dict[tuple[str, str, float], Any] = {}
        self._session = _session(settings)
        region = self._session.region_name
        if not region:
            raise RejectedError(
                "no AWS Region is known",
                why="The provider block names none, nor do AWS_DEFAULT_REGION (boto3 does not"
                " read AWS_REGION) or the profile.",
                advice="Write `aws: {region: eu-west-1}` in the provider block.",
            )
        self.region: str = region

    def get(self, service: str, *, region: str = "", within: float = PATIENCE[-1]) -> Any:
        """The client of a service, patient for at most `within` seconds where that is possible."""
        patience = max((item for item in PATIENCE if item <= within), default=PATIENCE[0])
        key = (service, region or self.region, patience)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(*key)
            return self._made[key]

    def _make(self, service: str, region: str, patience: float) -> Any:
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=patience,
            max_pool_connections=2 * self._threads,
            parameter_validation=False,  # AWS checks it too, and it costs a tenth of each call
            user_agent_extra=f"keyplan/{keyplan.__version__}",
        )
        try:
            client = self._session.client(
                service,
                region_name=region,
                endpoint_url=self._settings.endpoint_url,
                config=config,
            )
            allowed_endpoint(str(client.meta.endpoint_url))
        except BotoCoreError as error:
            raise converted(error, Attempt(service, sends=False)) from error
        except ValueError as error:
            raise RejectedError(
                f"the endpoint of {service} cannot be used",
                why=f"{error}.",
                advice="Correct endpoint_url, AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_KMS: a URL"
                " begins with https://, or with http:// on this machine.",
            ) from error
        _check_region(region, str(client.meta.endpoint_url))
        client.meta.events.register("before-parse", check_answer)
        return client

    def close(self) -> None:
        """Close every connection. Idempotent."""
        with self._lock:
            made, self._made = self._made, {}
        for client in made.values():
            client.close()

    def __repr__(self) -> str:
        return f"Clients(region={self.region!r})"


@cache
def _regions() -> tuple[str, ...]:
    """Every Region that the installed botocore knows."""
    partitions = create_loader().load_data("partitions")["partitions"]
    return tuple(sorted(name for partition in partitions for name in partition["regions"]))


def _check_region(region: str, endpoint: str) -> None:
    """Refuse a name that is no Region, where it makes the endpoint: others' names are theirs."""
    if f".{region}." not in endpoint or region in _regions():
        return
    near = ", ".join(get_close_matches(region, _regions()))
    raise RejectedError(
        f"there is no Region {region}",
        target=endpoint,
        why=f"botocore {botocore.__version__} knows none of that name."
        + (f" Alike are {near}." if near else ""),
        advice="Correct it; for a Region that is newer than botocore, update boto3.",
    )


def _session(settings: AwsSettings) -> Any:
    """A boto3 session; with `assume_role`, one that acts as that role and renews it."""
    try:
        base = boto3.Session(profile_name=settings.profile, region_name=settings.region)
        if settings.assume_role is None:
            return base
        return _acting_as(settings.assume_role, base, settings.endpoint_url)
    except BotoCoreError as error:
        raise converted(error, Attempt("credentials", sends=False)) from error


def _acting_as(role: AssumeRole, base: Any, endpoint: str | None) -> Any:
    source = base.get_credentials()
    if source is None:
        raise UnauthenticatedError(
            "there are no AWS credentials to assume a role with",
            target=role.role_arn,
            advice="Give them as for the AWS CLI: environment, profile or web identity.",
        )

    def client(service: str, **options: Any) -> Any:
        made = base._session.create_client(  # noqa: SLF001  (what boto3's own session calls)
            service, region_name=base.region_name, endpoint_url=endpoint, **_keys(options)
        )
        made.meta.events.register("before-parse", check_answer)
        return made

    extra: dict[str, Any] = {
        "RoleSessionName": role.session_name,
        "DurationSeconds": role.duration,
    }
    if role.external_id is not None:
        extra["ExternalId"] = role.external_id
    fetcher = AssumeRoleCredentialFetcher(client, source, role.role_arn, extra_args=extra)
    session = botocore.session.Session(
        profile=base.profile_name if base.profile_name != "default" else None
    )
    session._credentials = DeferredRefreshableCredentials(  # noqa: SLF001  (botocore has no setter)
        fetcher.fetch_credentials, "assume-role"
    )
    return boto3.Session(botocore_session=session, region_name=base.region_name)


def _keys(options: Mapping[str, Any]) -> dict[str, Any]:
    """What botocore's credential fetcher passes, without a Region of its own."""
    return {name: value for name, value in options.items() if name != "region_name"}
