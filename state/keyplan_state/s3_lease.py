"""The lease of a state in S3: one object, written on condition of its etag."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from keyplan_state.lease_record import LeaseRecord, Seen
from keyplan_state.s3_errors import Failure, explained, failure_of
from keyplan_state.s3_objects import Objects, Write

_NAME = "lease"
_MARGIN = 900.0
"""Seconds by which two servers of one service may differ: S3 accepts no more of its clients."""


class S3LeaseTable:
    """A `keyplan_state.lease_record.LeaseTable`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def place(self) -> str:
        """`s3://bucket/key`."""
        return self._objects.place

    def read(self) -> Seen | None:
        """The record, by one request."""
        found = self._objects.get(_NAME)
        if found is None:
            return None
        record = LeaseRecord.decode(found.body, self._objects.target(_NAME))
        age = None if found.age is None else found.age - _MARGIN
        return Seen(record, found.etag, age)

    def swap(self, record: LeaseRecord, *, expected: str | None) -> str | None:
        """One request; `None` also where the answer was lost."""
        try:
            return self._objects.put_once(Write(_NAME, record.encode(), expected))
        except (ClientError, BotoCoreError) as error:
            if failure_of(error) is Failure.REFUSED:
                target = self._objects.target(_NAME)
                raise explained(error, action="write the lease", target=target) from error
            return None
