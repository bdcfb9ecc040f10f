"""The errors of the service, by AWS's codes and in AWS's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ServiceError(Exception):
    """An answer that is an error: AWS's code, its text, the HTTP status."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def validation(message: str) -> ServiceError:
    """Input that the service refuses."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """A key, alias or grant that is not there."""
    return ServiceError("NotFoundException", message)


def unknown_key(arn: str) -> ServiceError:
    """A key that is not there, or not yet visible."""
    return not_found(f"Key '{arn}' does not exist")


def unknown_alias(arn: str) -> ServiceError:
    """An alias that is not there, or not yet visible."""
    return not_found(f"Alias {arn} is not found.")


def disabled(arn: str) -> ServiceError:
    """The key is disabled."""
    return ServiceError("DisabledException", f"{arn} is disabled.")


def invalid_state(arn: str, state: str) -> ServiceError:
    """The key is in a state in which the operation cannot be: `state` in words."""
    return ServiceError("KMSInvalidStateException", f"{arn} is {state}.")


def unsupported(message: str) -> ServiceError:
    """The kind of key does not have this operation."""
    return ServiceError("UnsupportedOperationException", message)


def external_origin(arn: str, origin: str) -> ServiceError:
    """The material of the key is not AWS KMS's own."""
    return unsupported(f"{arn} origin is {origin} which is not valid for this operation.")


def limit(message: str) -> ServiceError:
    """A resource quota is used up."""
    return ServiceError("LimitExceededException", message)


def malformed_policy(message: str) -> ServiceError:
    """A key policy that AWS does not take."""
    return ServiceError("MalformedPolicyDocumentException", message)


def dry_run() -> ServiceError:
    """What a request with `DryRun` is answered if it would have succeeded."""
    return ServiceError(
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
        412,
    )


def throttled() -> ServiceError:
    """More requests than the quota of the operation."""
    return ServiceError(
        "ThrottlingException",
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    )


def internal() -> ServiceError:
    """AWS could not."""
    return ServiceError("KMSInternalException", "The request failed. Try again.", 500)


def expired_token() -> ServiceError:
    """The caller's session is over."""
    return ServiceError(
        "ExpiredTokenException", "The security token included in the request is expired"
    )


def denied(caller: str, action: str, resource: str, why: str) -> ServiceError:
    """The caller may not. `why` is AWS's last clause: which kind of policy decided."""
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on resource: {resource} {why}",
    )


def no_identity_policy(caller: str, action: str, resource: str) -> ServiceError:
    """No identity policy of the caller allows it."""
    why = f"because no identity-based policy allows the {action} action"
    return denied(caller, action, resource, why)
