"""What S3 answers when it does not do something, said so that somebody can act on it.

Rules: the code, the request id and, where access was denied, the permission that is
missing. No text of a response is repeated, except the name of that permission: others may
carry a key id, a signature or the password of a proxy.
"""

from __future__ import annotations

import re
from enum import Enum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from keyplan.errors import StoreError

_PERMISSION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_NEEDED = {
    "GetObject": "s3:GetObject and, for objects that are not there yet, s3:ListBucket",
    "PutObject": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}
_ADVICE = {
    "NoSuchBucket": "Create the bucket, with versioning and without public access, or correct"
    " `keyplan.state.s3.bucket`.",
    "RequestTimeTooSkewed": "The clock of this machine is wrong: set it, then run again.",
    "ExpiredToken": "The credentials have expired: get new ones, then run again.",
    "InvalidAccessKeyId": "The credentials are not known there: check which ones the SDK finds.",
    "SignatureDoesNotMatch": "The credentials are wrong: check which ones the SDK finds.",
    "PermanentRedirect": "The bucket is in another region: set `keyplan.state.s3.region`.",
    "AuthorizationHeaderMalformed": "Set `keyplan.state.s3.region` to the bucket's region.",
    "SlowDown": "S3 asks for fewer requests: run again in a minute.",
}
_CONDITION = {"PreconditionFailed", "ConditionalRequestConflict"}
_UNDECIDED = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "OperationAborted"}


class Failure(Enum):
    """What a failure of a conditional write means."""

    CONDITION = "the object is not as expected, or was being written by another"
    UNDECIDED = "it may have been written or not"
    REFUSED = "it was not written, and will not be by asking again"


def failure_of(error: Exception) -> Failure:
    """Sort an SDK's exception. Whatever is not an answer of the service is undecided."""
    if not isinstance(error, ClientError):
        lost = isinstance(error, HTTPClientError | EndpointConnectionError)
        return Failure.UNDECIDED if lost else Failure.REFUSED
    code, status = _code(error), _status(error)
    if code in _CONDITION or status in {409, 412} or code == "NoSuchKey":
        return Failure.CONDITION
    if code in _UNDECIDED or status >= 500 or status == 429:
        return Failure.UNDECIDED
    return Failure.REFUSED


def is_missing(error: ClientError) -> bool:
    """Whether a read says that there is no such object."""
    return _code(error) == "NoSuchKey"


def explained(error: Exception, *, action: str, target: str, why: str = "") -> StoreError:
    """The `StoreError` for an SDK's exception: `explained(error, action="write the state")`."""
    if isinstance(error, ClientError):
        return _answered(error, action, target, why)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        advice = "Log in, or set AWS_PROFILE or `keyplan.state.s3.profile`, then run again."
        return StoreError(
            f"cannot {action}: no credentials for S3", target=target, why=why, advice=advice
        )
    known = isinstance(error, BotoCoreError)
    return StoreError(
        f"cannot {action}: S3 cannot be reached ({type(error).__name__})",
        target=target,
        why=why,
        advice="Check the store's region and endpoint_url, network and proxy, then run again."
        if known
        else "Check the installation of boto3, then run again.",
    )


def _answered(error: ClientError, action: str, target: str, why: str) -> StoreError:
    code, status = _code(error), _status(error)
    metadata = error.response.get("ResponseMetadata", {})
    request = f"S3 answered {code} ({status}), request {metadata.get('RequestId') or 'unknown'}."
    if status == 403 and code in {"AccessDenied", "403", "Forbidden"}:
        found = _PERMISSION.search(error.response.get("Error", {}).get("Message", ""))
        missing = found[1] if found else _NEEDED.get(error.operation_name, error.operation_name)
        what = f"cannot {action}: access denied"
        advice = f"Allow {missing}, for the objects below the key of the state and its bucket."
    else:
        what = f"cannot {action}"
        advice = _ADVICE.get(code, "Run again; if it stays, ask support with the request id.")
    return StoreError(what, target=target, why=f"{request} {why}".strip(), advice=advice)


def _code(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else "an unknown error"


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
