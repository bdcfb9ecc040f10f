"""The setting that every store with a lease in a service has: how long one lives unrenewed."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, field_validator

from keyplan.model.timing import parse_duration

_SHORTEST, _LONGEST = timedelta(seconds=15), timedelta(hours=1)


class LeaseSettings(BaseModel):
    """`{lease_ttl: 60s}`."""

    lease_ttl: str = "60s"

    @property
    def lease_seconds(self) -> float:
        """The time to live of a lease."""
        return parse_duration(self.lease_ttl).total_seconds()

    @field_validator("lease_ttl")
    @classmethod
    def _bounded(cls, text: str) -> str:
        if not _SHORTEST <= parse_duration(text) <= _LONGEST:
            raise ValueError("a lease lives from 15s to 1h")
        return text
