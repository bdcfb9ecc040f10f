"""Every list comes in pages, and its pages are the whole list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws_double import KmsDouble
from tests.aws_double.conftest import Refused

ROLE = "arn:aws:iam::111122223333:role/app"


@pytest.fixture
def full(kms: Any, key: str) -> str:
    """A key with seven of all that can be listed; seven keys in all."""
    for number in range(6):
        kms.create_key(Description=str(number))
    for number in range(7):
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": str(number), "TagValue": "v"}])
        kms.create_grant(
            KeyId=key, GranteePrincipal=ROLE, RetiringPrincipal=ROLE, Operations=["Decrypt"]
        )
        kms.rotate_key_on_demand(KeyId=key)
    return key


LISTS = {
    "list_keys": ("Keys", ()),
    "list_aliases": ("Aliases", ()),
    "list_resource_tags": ("Tags", ("KeyId",)),
    "list_grants": ("Grants", ("KeyId",)),
    "list_retirable_grants": ("Grants", ("RetiringPrincipal",)),
    "list_key_rotations": ("Rotations", ("KeyId",)),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_pages_are_the_list(kms: Any, full: str, name: str, refused: Refused) -> None:
    field, needed = LISTS[name]
    given = {"KeyId": full, "RetiringPrincipal": ROLE}
    arguments: dict[str, Any] = {each: given[each] for each in needed}
    call = getattr(kms, name)
    whole = call(**arguments)
    assert (len(whole[field]), whole["Truncated"], "NextMarker" in whole) == (7, False, False)

    rows, sizes, page = [], [], call(**arguments, Limit=3)
    while True:
        rows += page[field]
        sizes.append(len(page[field]))
        if not page["Truncated"]:
            break
        page = call(**arguments, Limit=3, Marker=page["NextMarker"])
    assert (rows, sizes) == (whole[field], [3, 3, 1])

    others = kms.list_keys if name != "list_keys" else kms.list_aliases
    for marker in ("nonsense", others(Limit=1)["NextMarker"]):
        with refused("InvalidMarkerException"):
            call(**arguments, Marker=marker)
    with refused("ValidationException"):
        call(**arguments, Limit=1001)
    with refused("ValidationException"):
        call(**arguments, Limit=0)


def test_pages_are_never_larger_than_a_test_wants(double: KmsDouble, kms: Any, full: str) -> None:
    double.world.limits.page = 2
    assert len(kms.list_keys()["Keys"]) == 2
    pages = list(kms.get_paginator("list_keys").paginate())
    assert [len(page["Keys"]) for page in pages] == [2, 2, 2, 1]


def test_tagged_keys_come_in_pages_from_the_tagging_api(double: KmsDouble, kms: Any) -> None:
    for number in range(5):
        tags = [{"TagKey": "own", "TagValue": "yes" if number else "no"}]
        kms.create_key(Tags=tags)
    kms.create_key()
    tagging = double.client("resourcegroupstaggingapi")
    wanted = {
        "ResourceTypeFilters": ["kms:key"],
        "TagFilters": [{"Key": "own", "Values": ["yes"]}],
        "ResourcesPerPage": 3,
    }

    first = tagging.get_resources(**wanted)
    second = tagging.get_resources(**wanted, PaginationToken=first["PaginationToken"])

    assert [len(page["ResourceTagMappingList"]) for page in (first, second)] == [3, 1]
    assert second["PaginationToken"] == ""
    assert first["ResourceTagMappingList"][0]["Tags"] == [{"Key": "own", "Value": "yes"}]
    assert tagging.get_resources(ResourceTypeFilters=["s3"])["ResourceTagMappingList"] == []


def test_lists_of_one_key(kms: Any, full: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/other", TargetKeyId=other)
    names = [row["AliasName"] for row in kms.list_aliases(KeyId=other)["Aliases"]]
    assert names == ["alias/other"]
    assert kms.list_grants(KeyId=other)["Grants"] == []
    assert kms.list_grants(KeyId=full, GranteePrincipal=f"{ROLE}-other")["Grants"] == []
    assert kms.list_key_policies(KeyId=other)["PolicyNames"] == ["default"]


def test_keys_of_aws_are_listed_and_cannot_be_changed(
    double: KmsDouble, kms: Any, refused: Refused
) -> None:
    key = double.world.aws_managed("ebs", account="111122223333", region="us-east-1")

    shown = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    assert (shown["KeyId"], shown["KeyManager"]) == (key.id, "AWS")
    assert kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"] is True
    for change in (kms.disable_key, kms.schedule_key_deletion):
        with refused("AccessDeniedException"):
            change(KeyId=key.id)


def test_regions_and_accounts_are_apart(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    there = double.client("kms", "eu-west-1")
    assert there.list_keys()["Keys"] == []
    with refused("NotFoundException"):
        there.describe_key(KeyId=key)
    with refused("NotFoundException"):
        there.describe_key(KeyId=key.rpartition("/")[2])


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("not-a-key", "NotFoundException"),
        ("00000000-0000-4000-8000-000000000000", "NotFoundException"),
        ("alias/none", "NotFoundException"),
        ("arn:aws:s3:::bucket", "InvalidArnException"),
    ],
)
def test_keys_that_are_not_there(kms: Any, refused: Refused, named: str, code: str) -> None:
    with refused(code):
        kms.describe_key(KeyId=named)


def test_most_operations_take_no_alias(kms: Any, key: str, refused: Refused) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["Arn"] == key
    for call in (kms.get_key_policy, kms.disable_key, kms.list_grants):
        with refused("NotFoundException"):
            call(KeyId="alias/a")
