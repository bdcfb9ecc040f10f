"""What goes over the wire to AWS KMS, word for word, and what its rarer answers become.

botocore's Stubber checks each request against the expected one and each answer against
the service's model: it is what neither moto nor the double knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import SSLError
from botocore.stub import ANY, Stubber

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
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    CreateGrant,
    CreateKey,
    PutPolicy,
    ReplicateKey,
    ScheduleDeletion,
    SetOwner,
)
from keyplan.testing.clock import ManualClock
from keyplan_aws import changes, naming
from keyplan_aws.api import READ_TRIES, Api
from keyplan_aws.creation import create_key, replicate_key
from keyplan_aws.executing import change
from keyplan_aws.failures import Attempt, converted
from keyplan_aws.finding import search
from keyplan_aws.pacing import Pace
from keyplan_aws.places import Place

HERE = Place("111122223333", "eu-west-1")
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = HERE.key_arn(KEY)
OWNER = OwnerMark("stack-1", "token-1")
MARKS = [
    {"TagKey": "keyplan:stack", "TagValue": "stack-1"},
    {"TagKey": "keyplan:token", "TagValue": "token-1"},
]


class Wire:
    """Stands where `Clients` does, with stubbed clients."""

    def __init__(self) -> None:
        self._stubs: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def stub(self, service: str = "kms", region: str = "eu-west-1") -> Stubber:
        """The stubber of a service's client in a Region."""
        if (service, region) not in self._stubs:
            client = boto3.client(
                service,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            stubber = Stubber(client)
            stubber.activate()
            self._stubs[service, region] = (client, stubber)
        return self._stubs[service, region][1]

    def get(self, service: str, *, region: str = "", within: float = 0) -> Any:
        """What `Clients.get` gives."""
        del within
        self.stub(service, region or "eu-west-1")
        return self._stubs[service, region or "eu-west-1"][0]

    def settled(self) -> None:
        """Everything that was expected has been asked."""
        for _, stubber in self._stubs.values():
            stubber.assert_no_pending_responses()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.settled()


@pytest.fixture
def api(wire: Wire) -> Api:
    clock = ManualClock()
    return Api(wire, Pace({}, clock), clock)  # type: ignore[arg-type]


def _metadata(**more: Any) -> dict[str, Any]:
    return {"KeyMetadata": {"KeyId": KEY, "Arn": ARN, "KeyState": "Enabled", **more}}


# -- requests ----------------------------------------------------------------------------


def _nothing_tagged(wire: Wire) -> None:
    wire.stub("resourcegroupstaggingapi").add_response(
        "get_resources",
        {"ResourceTagMappingList": []},
        {
            "ResourceTypeFilters": ["kms:key"],
            "TagFilters": [{"Key": "keyplan:token", "Values": ["token-1"]}],
            "ResourcesPerPage": 100,
        },
    )


@pytest.mark.parametrize(
    ("algorithm", "usage", "spec", "key_usage"),
    [
        ("aes-256", "wrap", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("ec-p384", "agree", "ECC_NIST_P384", "KEY_AGREEMENT"),
        ("ml-kem-768", "encapsulate", "ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        ("hmac-sha224", "mac", "HMAC_224", "GENERATE_VERIFY_MAC"),
        ("sm2", "agree", "SM2", "KEY_AGREEMENT"),
        ("ml-dsa-87", "sign", "ML_DSA_87", "SIGN_VERIFY"),
        ("hmac-sha384", "mac", "HMAC_384", "GENERATE_VERIFY_MAC"),
        ("ed25519", "sign", "ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
    ],
)
def test_create_key(
    wire: Wire, api: Api, algorithm: str, usage: str, spec: str, key_usage: str
) -> None:
    _nothing_tagged(wire)
    wire.stub().add_response(
        "create_key",
        _metadata(),
        {
            "KeySpec": spec,
            "KeyUsage": key_usage,
            "MultiRegion": False,
            "Description": "card data",
            "Tags": [*MARKS, {"TagKey": "team", "TagValue": "payments"}],
        },
    )
    attributes = {"description": "card data", "labels": {"team": "payments"}}
    operation = CreateKey(
        Address("key.a"),
        OWNER,
        usage,
        algorithm,
        None,
        None,
        attributes,  # type: ignore[arg-type]
    )
    assert create_key(api, operation, 30.0) == ARN


def test_a_key_that_carries_the_token_is_not_made_again(wire: Wire, api: Api) -> None:
    wire.stub("resourcegroupstaggingapi").add_response(
        "get_resources", {"ResourceTagMappingList": [{"ResourceARN": ARN, "Tags": []}]}
    )
    operation = CreateKey(Address("key.a"), OWNER, "encrypt", "aes-256", None, None, {})
    assert create_key(api, operation, 30.0) == ARN


def test_an_empty_page_is_not_the_end(wire: Wire, api: Api) -> None:
    tagging = wire.stub("resourcegroupstaggingapi")
    tagging.add_response("get_resources", {"ResourceTagMappingList": [], "PaginationToken": "n"})
    tagging.add_response("get_resources", {"ResourceTagMappingList": [{"ResourceARN": ARN}]})
    operation = CreateKey(Address("key.a"), OWNER, "encrypt", "aes-256", None, None, {})
    assert create_key(api, operation, 30.0) == ARN


def test_a_token_on_two_keys_is_a_conflict(wire: Wire, api: Api) -> None:
    found = [{"ResourceARN": f"{ARN}{number}", "Tags": []} for number in range(2)]
    wire.stub("resourcegroupstaggingapi").add_response(
        "get_resources", {"ResourceTagMappingList": found}
    )
    operation = CreateKey(Address("key.a"), OWNER, "encrypt", "aes-256", None, None, {})
    with pytest.raises(ConflictError, match="several keys"):
        create_key(api, operation, 30.0)


def test_a_search_asks_kms_about_keys_that_the_tagging_api_does_not_know(
    wire: Wire, api: Api
) -> None:
    tagging, kms = wire.stub("resourcegroupstaggingapi"), wire.stub()
    _nothing_tagged(wire)
    known = {"ResourceARN": HERE.key_arn("known"), "Tags": []}
    tagging.add_response(
        "get_resources",
        {"ResourceTagMappingList": [known], "PaginationToken": "more"},
        {
            "ResourceTypeFilters": ["kms:key"],
            "TagFilters": [{"Key": "keyplan:token"}],
            "ResourcesPerPage": 100,
        },
    )
    tagging.add_response("get_resources", {"ResourceTagMappingList": [], "PaginationToken": ""})
    keys = [{"KeyId": name, "KeyArn": HERE.key_arn(name)} for name in ("known", KEY)]
    kms.add_response("list_keys", {"Keys": keys[:1], "Truncated": True, "NextMarker": "m"})
    kms.add_response(
        "list_keys", {"Keys": keys[1:], "Truncated": False}, {"Limit": 1000, "Marker": "m"}
    )
    kms.add_response("list_resource_tags", {"Tags": MARKS}, {"KeyId": KEY, "Limit": 50})
    assert search(api, "token-1") == ARN


def test_a_key_whose_tags_may_not_be_read_is_not_one_that_was_made(wire: Wire, api: Api) -> None:
    wire.stub("resourcegroupstaggingapi").add_client_error("get_resources", "AccessDeniedException")
    keys = [{"KeyId": KEY, "KeyArn": ARN}]
    wire.stub().add_response("list_keys", {"Keys": keys, "Truncated": False})
    wire.stub().add_client_error("list_resource_tags", "AccessDeniedException")
    assert search(api, "token-1") is None


def test_a_replica_is_asked_for_where_the_primary_is(wire: Wire, api: Api) -> None:
    primary = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
    replica = HERE.key_arn("mrk-1")
    wire.stub().add_client_error("describe_key", "NotFoundException")
    wire.stub(region="eu-central-1").add_response(
        "replicate_key",
        {"ReplicaKeyMetadata": {"KeyId": "mrk-1", "Arn": replica}},
        {"KeyId": "mrk-1", "ReplicaRegion": "eu-west-1", "Tags": MARKS},
    )
    operation = ReplicateKey(Address("key.a").replica("dr"), Address("key.a"), OWNER, {})
    assert replicate_key(api, operation, primary, HERE, 30.0) == replica


def test_a_replica_of_somebody_else_is_a_conflict(wire: Wire, api: Api) -> None:
    wire.stub().add_response("describe_key", _metadata())
    wire.stub().add_response("list_resource_tags", {"Tags": []})
    operation = ReplicateKey(Address("key.a").replica("dr"), Address("key.a"), OWNER, {})
    primary = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
    with pytest.raises(ConflictError, match="not this one"):
        replicate_key(api, operation, primary, HERE, 30.0)


def test_a_grant_to_a_service_names_it_as_one(wire: Wire, api: Api) -> None:
    wire.stub().add_response("list_grants", {"Grants": [], "Truncated": False})
    wire.stub().add_response(
        "create_grant",
        {"GrantId": "g", "GrantToken": "t"},
        {
            "KeyId": KEY,
            "Name": "keyplan/backup/20270630T235959Z",
            "GranteeServicePrincipal": "backup.amazonaws.com",
            "Operations": ["Decrypt", "ReEncryptFrom", "ReEncryptTo"],
            "Constraints": {"EncryptionContextSubset": {"tenant": "a"}},
        },
    )
    terms = {
        "principal": ["backup.amazonaws.com"],
        "operations": ["reencrypt", "unwrap"],
        "context": {"tenant": "a"},
        "expires_at": "2027-06-30",
    }
    operation = CreateGrant(Address("key.a"), "backup", terms)  # type: ignore[arg-type]
    naming.create_grant(api.work(ARN), KEY, operation)


BYPASS = {"BypassPolicyLockoutSafetyCheck": True}


@pytest.mark.parametrize("bypass", [False, True])
def test_the_lockout_check_is_bypassed_only_where_a_policy_says_so(
    wire: Wire, api: Api, bypass: bool
) -> None:
    more = BYPASS if bypass else {}
    wire.stub().add_response(
        "put_key_policy", {}, {"KeyId": KEY, "PolicyName": "default", "Policy": ANY, **more}
    )
    operation = PutPolicy(Address("key.a"), None, {"Statement": []}, bypass=bypass)
    changes.put_policy(api.work(ARN), KEY, operation, HERE)


@pytest.mark.parametrize("bypass", [False, True])
def test_the_same_for_a_replica(wire: Wire, api: Api, bypass: bool) -> None:
    primary = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
    replica = HERE.key_arn("mrk-1")
    wire.stub().add_client_error("describe_key", "NotFoundException")
    asked = {"KeyId": "mrk-1", "ReplicaRegion": "eu-west-1", "Tags": MARKS, "Policy": ANY}
    wire.stub(region="eu-central-1").add_response(
        "replicate_key",
        {"ReplicaKeyMetadata": {"KeyId": "mrk-1", "Arn": replica}},
        asked | (BYPASS if bypass else {}),
    )
    operation = ReplicateKey(
        Address("key.a").replica("dr"),
        Address("key.a"),
        OWNER,
        {"policy": {"Statement": []}},
        bypass=bypass,
    )
    assert replicate_key(api, operation, primary, HERE, 30.0) == replica


# -- answers -----------------------------------------------------------------------------

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
    wire.stub().add_response("describe_key", _metadata(KeyManager="AWS"))
    with pytest.raises(RejectedError, match="managed by AWS"):
        change(api.work(ARN), KEY, operation, lambda _: KEY, HERE)


@pytest.mark.parametrize("origin", ["EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_keys_with_material_of_others_are_not_destroyed(wire: Wire, api: Api, origin: str) -> None:
    wire.stub().add_response("describe_key", _metadata(Origin=origin))
    with pytest.raises(RejectedError, match="whose material AWS made"):
        change(api.work(ARN), KEY, ScheduleDeletion(KEY_A, "7d"), lambda _: KEY, HERE)
