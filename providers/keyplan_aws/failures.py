"""Every failure of a call as one of keyplan's errors, by what the caller can do about it.

Rules: a write whose answer was lost, and a server error that KMS did not name, is
`OutcomeUnknownError`: nobody knows whether it was done. For a read both are transient.
An error carries AWS's own text, its request id, and, where AWS names it, the permission
that is missing. It never carries a credential: where AWS repeats the request that it does
not accept, session token included, only its first sentence is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from keyplan.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    OutcomeUnknownError,
    ProviderError,
    QuotaError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
)

_THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
        "PriorRequestNotComplete", "SlowDown", "BandwidthLimitExceeded",
    }
)  # fmt: skip
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "403"}
)
_UNAUTHENTICATED = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException",
        "UnrecognizedClient", "InvalidClientTokenId", "InvalidSignatureException",
        "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature",
        "MissingAuthenticationTokenException", "InvalidAccessKeyId", "InvalidToken",
        "IncompleteSignatureException", "ExpiredTokenExpiration", "OptInRequired",
    }
)  # fmt: skip
_STRANGE_KEY = frozenset(
    {
        "UnrecognizedClientException", "UnrecognizedClient", "InvalidClientTokenId",
        "OptInRequired", "InvalidToken", "InvalidAccessKeyId",
    }
)  # fmt: skip
"""What a Region says that knows nothing of the account."""
_ABSENT = frozenset(
    {
        "NotFoundException", "ResourceNotFoundException", "InvalidGrantIdException",
        "NoSuchEntity", "NoSuchEntityException",
    }
)  # fmt: skip
_TAKEN = frozenset({"AlreadyExistsException", "ConflictException"})
_TRANSIENT = frozenset(
    {
        "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException",
        "ServiceUnavailable", "ServiceUnavailableException", "InternalServiceException",
    }
)  # fmt: skip
_CLOCK = re.compile(r"Signature (expired|not yet current)", re.IGNORECASE)
_SETTLING = re.compile(r"is (creating|updating)", re.IGNORECASE)
_STRANGER = "invalid principal"
_MISSING = re.compile(r"not authorized to perform: (?P<action>[\w-]+:\w+)")
_BECAUSE = re.compile(r"because (?P<reason>.+?)\.?$", re.DOTALL)

_FIXED = {
    "TagResource": "Remove tags that are not needed: AWS raises this quota for nobody.",
    "PutKeyPolicy": "Make the policy shorter: AWS raises this quota for nobody.",
}
"""What helps where a quota cannot be raised."""

_NOT_SENT = (sdk.ConnectTimeoutError, sdk.EndpointConnectionError, sdk.ProxyConnectionError)
_HANDSHAKE = "CERTIFICATE_VERIFY_FAILED"
"""What TLS says only before anything is sent; the rest it may also say while it waits."""

_ELSEWHERE = "Check the Region, endpoint_url and AWS_ENDPOINT_URL, the network and the proxy."

_MOCK = (
    "That is this machine: start what shall answer there (`keyplan mock aws`), or take"
    " endpoint_url and AWS_ENDPOINT_URL away to reach AWS."
)
_NO_PROFILE = (
    "Correct `profile` in the provider block, or AWS_PROFILE; `aws configure list-profiles`"
    " lists them."
)

_NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.UnauthorizedSSOTokenError,
    sdk.SSOTokenLoadError,
    sdk.ProfileNotFound,
    sdk.InvalidConfigError,
)


_REFUSED_HERE = (
    sdk.ParamValidationError,
    sdk.EndpointProviderError,
    sdk.NoRegionError,
    sdk.InvalidRegionError,
    sdk.InvalidEndpointConfigurationError,
)
FAILURES = (sdk.ClientError, sdk.BotoCoreError, ResponseParserError, RuntimeError)
"""Everything that a call of the SDK raises when it fails; credentials that cannot be renewed
are a plain `RuntimeError`."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that failed.

    `creates`: it makes a key, which must never be made twice. `sends`: it may have reached AWS.
    `region` and `endpoint` are where it was sent; `number` counts from 1 where it is repeated.
    """

    call: str
    target: str = ""
    writes: bool = False
    creates: bool = False
    sends: bool = True
    region: str = ""
    endpoint: str = ""
    number: int = 1


def converted(error: Exception, attempt: Attempt) -> ProviderError:
    """The failure as one of ours. What nothing here knows may have happened after sending."""
    if isinstance(error, sdk.ClientError):
        return _answered(error, attempt)
    if isinstance(error, _NO_CREDENTIALS) or _still_expired(error):
        return _no_credentials(error, attempt)
    if isinstance(error, _NOT_SENT) or _before_sending(error):
        return TransientError(
            f"AWS cannot be reached for {attempt.call}",
            target=attempt.target,
            why=f"{_one_line(error)}.",
            advice=_MOCK if "//127.0.0.1:" in attempt.endpoint else _ELSEWHERE,
            operation=attempt.call,
        )
    if isinstance(error, _REFUSED_HERE) or not attempt.sends:
        return RejectedError(
            f"{attempt.call} cannot be asked for like this",
            target=attempt.target,
            why=_one_line(error),
            operation=attempt.call,
        )
    if isinstance(error, ResponseParserError):
        place = attempt.endpoint or "What answered"
        return _lost(attempt, f"{place} did not answer as AWS does: {_one_line(error)}.")
    return _lost(attempt, f"{type(error).__name__} at {attempt.endpoint or 'the endpoint'}.")


def outcome_of(error: Exception) -> tuple[str, dict[str, Any]]:
    """The code of a failure, and what AWS answered where it did."""
    if isinstance(error, sdk.ClientError):
        return str(error.response.get("Error", {}).get("Code", "")), {**error.response}
    return type(error).__name__, {}


def _before_sending(error: Exception) -> bool:
    """Whether TLS failed while connecting. Later, a request may have arrived."""
    return isinstance(error, sdk.SSLError) and _HANDSHAKE in str(error)


def _still_expired(error: Exception) -> bool:
    """botocore's plain `RuntimeError` about credentials that are old as soon as they are new."""
    return isinstance(error, RuntimeError) and "expired" in str(error)


def _lost(attempt: Attempt, why: str, request_id: str = "") -> ProviderError:
    kind = OutcomeUnknownError if attempt.writes else TransientError
    return kind(
        f"the answer to {attempt.call} was lost",
        target=attempt.target,
        why=why,
        advice=_ELSEWHERE,
        operation=attempt.call,
        request_id=request_id,
    )


def _answered(error: Any, attempt: Attempt) -> ProviderError:
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    text = str(answer.get("Error", {}).get("Message", "")).strip()
    metadata = answer.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode") or 0)
    request_id = str(metadata.get("RequestId", ""))
    facts: dict[str, str] = {
        "target": attempt.target,
        "why": text or code,
        "operation": attempt.call,
        "request_id": request_id,
    }
    if code in _THROTTLED or status == 429:
        return _throttled(attempt, metadata)
    if code in _UNAUTHENTICATED:
        return _unauthenticated(code, attempt, facts)
    if code in _DENIED:
        return _denied(attempt, text, facts)
    if status >= 500 and code == str(status):  # without a code of AWS: a page of something else
        place = attempt.endpoint or "What answered"
        return _lost(attempt, f"{place} did not answer as AWS does (status {status}).", request_id)
    if status >= 500 and (attempt.creates or code not in _TRANSIENT):
        return _lost(
            attempt, f"{code or 'server error'} ({status}): {text}".rstrip(": "), request_id
        )
    if code in _TRANSIENT or _SETTLING.search(text):
        return TransientError(f"{attempt.call} cannot be done just now ({code})", **facts)
    if code == "MalformedPolicyDocumentException" and _STRANGER in text:
        return TransientError(
            f"{attempt.call} names somebody whom KMS does not know, or not yet",
            advice="A role that was made just now may take a minute; any other must be corrected.",
            **facts,
        )
    if code in _ABSENT:
        return NotFoundError(f"{attempt.call} did not find it", **facts)
    if code in _TAKEN:
        return ConflictError(f"{attempt.call} finds it in use already ({code})", **facts)
    if code == "LimitExceededException":
        return QuotaError(
            f"{attempt.call} would exceed a quota of the account or the key",
            advice=_FIXED.get(
                attempt.call, "Ask AWS for a higher quota, or remove what is not needed."
            ),
            **facts,
        )
    return RejectedError(
        f"AWS refuses {attempt.call} ({code or status})", advice=_advice(code, text), **facts
    )


def _throttled(attempt: Attempt, metadata: dict[str, Any]) -> ThrottledError:
    wish = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
    return ThrottledError(
        f"AWS throttles {attempt.call}",
        retry_after=float(wish) if wish.isdigit() else None,
        target=attempt.target,
        operation=attempt.call,
        request_id=str(metadata.get("RequestId", "")),
    )


def _denied(attempt: Attempt, text: str, told: dict[str, str]) -> DeniedError:
    match = _MISSING.search(text)
    action = match["action"] if match else ""
    because = _BECAUSE.search(text)
    missing = f"The permission {action} is missing" if action else text or "AWS gives no reason"
    why = f"{missing}: {because['reason']}." if action and because else f"{missing.rstrip('.')}."
    return DeniedError(
        f"{attempt.call} is not allowed",
        advice="Allow it in the key policy or in IAM; all that keyplan needs is in"
        " `keyplan providers aws --permissions`.",
        **{**told, "why": why},
    )


def _unauthenticated(code: str, attempt: Attempt, told: dict[str, str]) -> UnauthenticatedError:
    """Of AWS's text the first line: what follows is the request, with its session token."""
    why = told["why"].partition("\n")[0]
    if _CLOCK.search(why):
        advice = "Set this machine's clock right: a signature is good for five minutes."
    else:
        advice = "Renew them (aws sso login, a new token) and run the same command again."
        if code in _STRANGE_KEY and attempt.region:
            advice += (
                f" A Region that the account has not enabled answers so too: see {attempt.region}."
            )
    return UnauthenticatedError(
        f"AWS does not accept the credentials ({code})", advice=advice, **{**told, "why": why}
    )


def _no_credentials(error: Exception, attempt: Attempt) -> UnauthenticatedError:
    return UnauthenticatedError(
        "there are no AWS credentials that can be used",
        why=_one_line(error),
        advice=_NO_PROFILE
        if isinstance(error, sdk.ProfileNotFound)
        else "Log in as for the AWS CLI (aws sso login, AWS_PROFILE, a role, the environment);"
        " `keyplan init` shows who you are then.",
        operation=attempt.call,
    )


def _advice(code: str, text: str) -> str:
    if code == "MalformedPolicyDocumentException":
        if "in the future" in text:
            return "Let who runs keyplan keep kms:PutKeyPolicy: in the policy, or through IAM."
        return "See what AWS says of it; `keyplan plan` lists what it would refuse."
    if code == "KMSInvalidStateException" and "pending" in text:
        return "Cancel the key's deletion first: declare the key, and plan."
    return ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
