"""From settings to an open connection. Nothing is asked of AWS before the first use."""

from __future__ import annotations

from pydantic import BaseModel

from keyplan.errors import ProviderDefectError
from keyplan.sdk.provider import OpenContext
from keyplan_aws.pacing import Clock, SystemClock
from keyplan_aws.provider import AwsProvider
from keyplan_aws.settings import AwsSettings


def open_provider(
    settings: BaseModel, context: OpenContext, *, clock: Clock | None = None
) -> AwsProvider:
    """A connection. Raises `UnauthenticatedError` or `RejectedError` for what cannot be used."""
    if not isinstance(settings, AwsSettings):
        raise ProviderDefectError("AWS KMS was opened with another provider's settings")
    return AwsProvider(settings, context, clock or SystemClock())
