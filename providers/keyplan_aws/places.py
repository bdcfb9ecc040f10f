"""Where a connection is: account, Region and partition, and the ARNs that follow from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
"""Partitions by how the names of their Regions begin; every other Region is in `aws`."""

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_SESSION = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+"
)


def is_region(text: str) -> bool:
    """Whether a text has the form of a Region's name."""
    return _REGION.fullmatch(text) is not None


def partition_of(region: str) -> str:
    """The partition that a Region belongs to."""
    for prefix, partition in _PARTITIONS.items():
        if region.startswith(prefix):
            return partition
    return "aws"


@dataclass(frozen=True, slots=True)
class Place:
    """One account in one Region. Written `111122223333 eu-west-1`."""

    account: str
    region: str

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """The place of an `Identity`; `None` if it is not one of ours."""
        account, _, region = text.partition(" ")
        return cls(account, region) if account.isdigit() and is_region(region) else None

    @classmethod
    def of(cls, arn: str) -> Place | None:
        """The place in the ARN of a key; `None` for anything else."""
        parts = arn.split(":", 5)
        is_key = len(parts) == 6 and (parts[0], parts[2]) == ("arn", "kms")
        return cls(parts[4], parts[3]) if is_key else None

    def __str__(self) -> str:
        return f"{self.account} {self.region}"

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, ..."""
        return partition_of(self.region)

    def key_arn(self, key_id: str) -> str:
        """The ARN of a key of this place, from its key id."""
        return f"arn:{self.partition}:kms:{self.region}:{self.account}:key/{key_id}"

    def arn(self, key: str) -> str:
        """The ARN of a key of this place, from its key id or ARN."""
        return key if key.startswith("arn:") else self.key_arn(key)

    def key_id(self, arn: str) -> str:
        """The key id of an ARN of this place; the ARN of any other as it is."""
        return arn.removeprefix(self.key_arn(""))


def region_of(arn: str) -> str:
    """The Region in an ARN; empty if it is none."""
    parts = arn.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[0] == "arn" else ""


def key_id_of(arn: str) -> str:
    """The key id at the end of a key's ARN; any other text as it is."""
    return arn.rpartition(":key/")[2]


def stable_principal(arn: str) -> str:
    """Who acts, the same in every run: an assumed role without the name of its session.

    STS leaves the role's path out, so it is not there either.
    """
    match = _SESSION.fullmatch(arn)
    if match is None:
        return arn
    return f"arn:{match['partition']}:iam::{match['account']}:role/{match['role']}"
