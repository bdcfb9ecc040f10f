"""Objects below one prefix of a bucket: read, listed, and written only on a condition.

Rules: every write is conditional and carries a token of its own. A write whose answer was
lost is decided by reading back: if the token is there, it was ours. So it may be asked for
again, and nothing is written twice or over somebody else's. Nothing is ever deleted.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from keyplan.errors import StoreError
from keyplan_state.s3_errors import Failure, explained, failure_of, is_missing

_TRIES = 4
_PAUSE = 0.2
_TOKEN = "keyplan-write"  # noqa: S105  (the name of a field)
_DIGEST = "keyplan-sha256"


@dataclass(frozen=True, slots=True)
class Object:
    """An object as it was read. `age` is by the clock of the service."""

    body: bytes
    etag: str
    fields: Mapping[str, str]
    age: float | None

    @property
    def token(self) -> str:
        """Tells which write made it."""
        return self.fields.get(_TOKEN, "")


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write: over the object with that `etag`, or where there is none."""

    name: str
    body: bytes
    etag: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(8))


class Objects:
    """`reader` retries by itself, `writer` must not."""

    def __init__(
        self,
        reader: Any,
        writer: Any,
        *,
        bucket: str,
        prefix: str,
        account: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._prefix = prefix
        self._where = {"Bucket": bucket}
        if account is not None:
            self._where["ExpectedBucketOwner"] = account
        self._sleep = sleep
        self.place = f"s3://{bucket}/{prefix}"

    def target(self, name: str) -> str:
        """What people know an object by."""
        return f"{self.place}/{name}"

    def get(self, name: str) -> Object | None:
        """An object, or `None`. Raises `StoreError`, also if it is not what was written."""
        try:
            answer = self._reader.get_object(**self._where, Key=f"{self._prefix}/{name}")
            body = answer["Body"].read()
        except ClientError as error:
            if is_missing(error):
                return None
            raise explained(error, action="read", target=self.target(name)) from error
        except BotoCoreError as error:
            raise explained(error, action="read", target=self.target(name)) from error
        found = Object(body, answer["ETag"], answer.get("Metadata", {}), _age(answer))
        digest = found.fields.get(_DIGEST)
        if digest is not None and digest != sha256(body).hexdigest():
            raise StoreError(
                "the object is not what was written",
                target=self.target(name),
                why="Its SHA-256 differs from the one that was written with it.",
                advice="Restore an earlier version of it from the bucket's versions.",
            )
        return found

    def names(self, folder: str, *, delimiter: str = "") -> Iterator[str]:
        """Names below a folder, sorted by their bytes; with a delimiter, those of its folders."""
        prefix = f"{self._prefix}/{folder}/"
        asked = {**self._where, "Prefix": prefix, **({"Delimiter": delimiter} if delimiter else {})}
        pages = self._reader.get_paginator("list_objects_v2").paginate(**asked)
        try:
            for page in pages:
                if delimiter:
                    for found in page.get("CommonPrefixes", ()):
                        yield found["Prefix"].removeprefix(prefix).removesuffix(delimiter)
                else:
                    for found in page.get("Contents", ()):
                        yield found["Key"].removeprefix(prefix)
        except (ClientError, BotoCoreError) as error:
            raise explained(error, action="list", target=self.target(folder)) from error

    def put(self, write: Write, *, guard: Callable[[], None], why: str = "") -> str | None:
        """Write, and return the new etag; `None` if the condition does not hold.

        `guard` is asked before each try and raises if writing is not allowed any more.
        Raises `StoreError` if it stays undecided, or was refused.
        """
        last: Exception | None = None
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(_PAUSE * 2**attempt)
            guard()
            try:
                return self.put_once(write)
            except (ClientError, BotoCoreError) as error:
                last = error
                failure = failure_of(error)
            if failure is Failure.REFUSED:
                break
            there = self.get(write.name)
            if there is not None and there.token == write.token:
                return there.etag
            if (there.etag if there else None) != write.etag:
                return None
        assert last is not None  # noqa: S101  (at least one try was made)
        raise explained(last, action="write", target=self.target(write.name), why=why) from last

    def put_once(self, write: Write) -> str:
        """One request. Raises what the SDK raises."""
        digest = sha256(write.body)
        condition = {"IfNoneMatch": "*"} if write.etag is None else {"IfMatch": write.etag}
        answer = self._writer.put_object(
            **self._where,
            **condition,
            Key=f"{self._prefix}/{write.name}",
            Body=write.body,
            ContentType="application/json",
            ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
            Metadata={**write.fields, _TOKEN: write.token, _DIGEST: digest.hexdigest()},
        )
        etag: str = answer["ETag"]
        return etag


def _age(answer: Any) -> float | None:
    """Seconds since the object was written, as the service itself dates both."""
    try:
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        written: datetime = answer["LastModified"]
        return (now - written).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
