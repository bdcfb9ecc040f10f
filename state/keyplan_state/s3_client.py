"""Two clients of one bucket: one that asks again by itself, and one that never does.

A conditional write whose answer was lost must not be repeated blindly: the second try would
be refused because of the first. `s3_objects` reads back instead.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from keyplan_state.s3 import S3Settings
from keyplan_state.s3_errors import explained

_CONNECT_SECONDS = 5
_READ_SECONDS = 10
_CONNECTIONS = 10


def connect(settings: S3Settings) -> tuple[Any, Any]:
    """The client to read with and the one to write with. Asks nobody yet."""
    try:
        session = boto3.Session(profile_name=settings.profile, region_name=settings.region)
        return _client(session, settings, tries=4), _client(session, settings, tries=1)
    except (BotoCoreError, ValueError) as error:
        target = f"s3://{settings.bucket}/{settings.key}"
        raise explained(error, action="open the store", target=target) from error


def _client(session: Any, settings: S3Settings, *, tries: int) -> Any:
    """Checksums are ours (SHA-256), since some endpoints do not know the SDK's own.

    The endpoint is AWS's or the one of the settings, which was found safe; never one that the
    environment names.
    """
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": tries},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
        s3={"addressing_style": "path"} if settings.endpoint_url else {},
    )
    return session.client("s3", endpoint_url=settings.endpoint_url, config=config, verify=True)
