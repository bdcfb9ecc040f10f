"""What goes over the wire to AWS KMS, word for word.

botocore's Stubber checks each request against the expected one and each answer against
the service's model: it is what neither moto nor the double knows.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.stub import ANY

from keyplan.errors import ConflictError
from keyplan.model.address import Address
from keyplan.model.operations import CreateGrant, CreateKey, PutPolicy, ReplicateKey
from keyplan.sdk.hidden import HiddenCandidateError
from keyplan_aws import changes, naming
from keyplan_aws.api import Api
from keyplan_aws.creation import create_key, replicate_key
from keyplan_aws.finding import search
from tests.wire.stubs import ARN, HERE, KEY, OWNER, Wire, metadata

MADE = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARKS = [
    {"TagKey": "keyplan:stack", "TagValue": "stack-1"},
    {"TagKey": "keyplan:token", "TagValue": "token-1"},
]


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
        metadata(),
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


def _tags_refused(wire: Wire, **more: object) -> None:
    """One key, of which the tags may not be read."""
    wire.stub("resourcegroupstaggingapi").add_client_error("get_resources", "AccessDeniedException")
    keys = [{"KeyId": KEY, "KeyArn": ARN}]
    wire.stub().add_response("list_keys", {"Keys": keys, "Truncated": False})
    wire.stub().add_client_error("list_resource_tags", "AccessDeniedException")
    wire.stub().add_response("describe_key", metadata(CreationDate=MADE, **more), {"KeyId": KEY})


def test_a_key_whose_tags_may_not_be_read_may_be_the_one(wire: Wire, api: Api) -> None:
    _tags_refused(wire)
    with pytest.raises(HiddenCandidateError, match="ListResourceTags") as refusal:
        search(api, "token-1")
    assert refusal.value.made_at == MADE


def test_a_key_of_a_service_is_never_the_one(wire: Wire, api: Api) -> None:
    _tags_refused(wire, KeyManager="AWS")
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
    wire.stub().add_response("describe_key", metadata())
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
