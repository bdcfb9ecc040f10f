"""What the rare answers of AWS KMS mean, that no server for tests gives."""

from __future__ import annotations

import pytest
from botocore.exceptions import SSLError

from keyplan.errors import (
    ConflictError,
    DeniedError,
    KeyplanError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
)
from keyplan.model.address import Address
from keyplan.model.operations import ScheduleDeletion, SetOwner
from keyplan_aws.api import READ_TRIES, Api
from keyplan_aws.executing import change
from keyplan_aws.failures import Attempt, converted
from tests.wire.stubs import ARN, HERE, KEY, OWNER, Wire, metadata

ANSWERS: list[tuple[str, int, type[KeyplanError], type[KeyplanError]]] = [
    ("ThrottlingException", 400, ThrottledError, ThrottledError),
    ("TooManyRequestsException", 429, ThrottledError, ThrottledError),
    ("SlowDown", 503, ThrottledError, ThrottledError),
    ("KMSInternalException", 500, TransientError, TransientError),
    ("DependencyTimeoutException", 503, TransientError, TransientError),
    ("", 502, OutcomeUnknownError, TransientError),
    ("InternalFailure", 500, OutcomeUnknownError, TransientError),
    ("NotFoundException", 400, NotFoundError, NotFoundError),
    ("AlreadyExistsException", 400, ConflictError, ConflictError),
    ("ConflictException", 400, ConflictError, ConflictError),
    ("AccessDeniedException", 400, DeniedError, DeniedError),
    ("403", 403, DeniedError, DeniedError),
    ("ExpiredTokenException", 400, UnauthenticatedError, UnauthenticatedError),
    ("UnrecognizedClientException", 400, UnauthenticatedError, UnauthenticatedError),
    ("InvalidSignatureException", 403, UnauthenticatedError, UnauthenticatedError),
    ("LimitExceededException", 400, QuotaError, QuotaError),
    ("KMSInvalidStateException", 400, RejectedError, RejectedError),
    ("DisabledException", 400, RejectedError, RejectedError),
    ("UnsupportedOperationException", 400, RejectedError, RejectedError),
    ("ValidationException", 400, RejectedError, RejectedError),
    ("TagException", 400, RejectedError, RejectedError),
    ("SomethingThatIsNew", 400, RejectedError, RejectedError),
]


@pytest.mark.parametrize(("code", "status", "written", "read"), ANSWERS)
def test_every_error_has_its_class(
    wire: Wire,
    api: Api,
    code: str,
    status: int,
    written: type[KeyplanError],
    read: type[KeyplanError],
) -> None:
    metadata = {"RequestId": "request-1"}
    asked_again = READ_TRIES if issubclass(read, TransientError) else 1
    for call in ("update_alias", *["describe_key"] * asked_again):
        wire.stub().add_client_error(
            call, code, "said so", http_status_code=status, response_meta=metadata
        )
    work = api.work(ARN)
    with pytest.raises(written) as failure:
        work.write("UpdateAlias", AliasName="alias/a", TargetKeyId=KEY)
    assert type(failure.value) is written
    assert failure.value.target == ARN
    assert getattr(failure.value, "request_id", "") in ("request-1", "")
    with pytest.raises(read) as asked:
        work.read("DescribeKey", KeyId=KEY)
    assert type(asked.value) is read


@pytest.mark.parametrize("code", ["KMSInternalException", "InternalFailure", ""])
def test_a_server_error_leaves_open_whether_a_key_was_made(wire: Wire, api: Api, code: str) -> None:
    wire.stub().add_client_error("create_key", code, http_status_code=500)
    with pytest.raises(OutcomeUnknownError):
        api.work(ARN).write("CreateKey")


def test_a_server_error_leaves_open_whether_a_key_was_rotated(wire: Wire, api: Api) -> None:
    wire.stub().add_client_error(
        "rotate_key_on_demand", "DependencyTimeoutException", http_status_code=503
    )
    with pytest.raises(OutcomeUnknownError):
        api.work(ARN).write("RotateKeyOnDemand", KeyId=KEY)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", TransientError),
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation", OutcomeUnknownError),
        ("[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] bad record mac", OutcomeUnknownError),
    ],
)
def test_tls_that_breaks_after_the_handshake_leaves_open_what_was_done(
    said: str, kind: type[KeyplanError]
) -> None:
    error = SSLError(endpoint_url="https://kms.eu-west-1.amazonaws.com", error=said)
    assert type(converted(error, Attempt("CreateKey", writes=True, creates=True))) is kind


def test_credentials_that_are_old_when_they_are_new_are_no_credentials() -> None:
    error = RuntimeError("Credentials were refreshed, but the refreshed ones are still expired.")
    kind = type(converted(error, Attempt("CreateKey", writes=True, creates=True)))
    assert kind is UnauthenticatedError


def test_a_refused_signature_shows_nothing_of_the_request(wire: Wire, api: Api) -> None:
    text = (
        "The request signature we calculated does not match the signature you provided.\n\n"
        "The Canonical String for this request should have been\n'POST\n/\n\n"
        "x-amz-security-token:FwoGZXIvYXdzSECRET\n'"
    )
    wire.stub().add_client_error("disable_key", "InvalidSignatureException", text)
    with pytest.raises(UnauthenticatedError) as refused:
        api.work(ARN).write("DisableKey", KeyId=KEY)
    assert "does not match" in refused.value.why
    assert "SECRET" not in str(refused.value)


def test_a_clock_that_is_off_is_named(wire: Wire, api: Api) -> None:
    text = "Signature expired: 20270101T000000Z is now earlier than 20270101T001000Z"
    wire.stub().add_client_error("disable_key", "InvalidSignatureException", text)
    with pytest.raises(UnauthenticatedError, match="clock"):
        api.work(ARN).write("DisableKey", KeyId=KEY)


def test_a_key_that_is_being_made_or_moved_is_transient(wire: Wire, api: Api) -> None:
    for state in ("creating", "updating"):
        text = f"{ARN} is {state}."
        wire.stub().add_client_error("disable_key", "KMSInvalidStateException", text)
        with pytest.raises(TransientError):
            api.work(ARN).write("DisableKey", KeyId=KEY)


def test_a_denial_names_the_permission_and_why(wire: Wire, api: Api) -> None:
    wire.stub().add_client_error(
        "disable_key",
        "AccessDeniedException",
        "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform:"
        f" kms:DisableKey on resource: {ARN} because no identity-based policy allows the"
        " kms:DisableKey action",
    )
    with pytest.raises(DeniedError) as denied:
        api.work(ARN).write("DisableKey", KeyId=KEY)
    assert denied.value.why == (
        "The permission kms:DisableKey is missing: no identity-based policy allows the"
        " kms:DisableKey action."
    )


KEY_A = Address("key.a")


@pytest.mark.parametrize("operation", [ScheduleDeletion(KEY_A, "7d"), SetOwner(KEY_A, None, OWNER)])
def test_keys_of_aws_are_never_changed(
    wire: Wire, api: Api, operation: ScheduleDeletion | SetOwner
) -> None:
    wire.stub().add_response("describe_key", metadata(KeyManager="AWS"))
    with pytest.raises(RejectedError, match="managed by AWS"):
        change(api.work(ARN), KEY, operation, lambda _: KEY, HERE)


@pytest.mark.parametrize("origin", ["EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_keys_with_material_of_others_are_not_destroyed(wire: Wire, api: Api, origin: str) -> None:
    wire.stub().add_response("describe_key", metadata(Origin=origin))
    with pytest.raises(RejectedError, match="whose material AWS made"):
        change(api.work(ARN), KEY, ScheduleDeletion(KEY_A, "7d"), lambda _: KEY, HERE)
