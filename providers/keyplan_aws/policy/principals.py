"""Who a policy names: accounts, IAM and STS principals, services, unique ids.

Rules: an account has one spelling, its twelve digits, whether it was written so or as its
root ARN in any partition; a unique id is what AWS leaves of a principal that was deleted.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from keyplan_aws.policy.document import ACCOUNT

ANYONE = "*"

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")
_NUMBER = re.compile(r"\d{12}")
_UNIQUE = re.compile(r"A(?:IDA|ROA|GPA|NPA|IPA|KIA|SIA)[A-Z0-9]{12,124}")
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>iam|sts)::(?P<account>\d{12}):"
    r"(?P<kind>role|user|group|assumed-role|federated-user|saml-provider|oidc-provider)/(?P<name>.+)"
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")


class Arn(NamedTuple):
    """The parts of an IAM or STS principal's ARN. `name` includes the path or the session."""

    partition: str
    account: str
    kind: str
    name: str

    @property
    def short(self) -> str:
        """`role/ci`, as people say it: without path and session."""
        if self.kind == "assumed-role":
            return f"role/{self.name.split('/')[0]}"
        return f"{self.kind}/{self.name.rpartition('/')[2]}"


def spelled(text: str, account: str | None) -> str:
    """A principal as canonical policies hold it; the symbol resolves where it can."""
    if text == ACCOUNT and account is not None:
        return account
    root = _ROOT.fullmatch(text)
    return root[1] if root else text


def is_account(text: str) -> bool:
    """Whether a principal in canonical spelling is an account."""
    return text == ACCOUNT or bool(_NUMBER.fullmatch(text))


def is_unique_id(text: str) -> bool:
    """Whether it is the id of a principal that AWS cannot resolve any more."""
    return bool(_UNIQUE.fullmatch(text))


def parse_arn(text: str) -> Arn | None:
    """The parts of a principal's ARN, or `None` for anything else."""
    match = _ARN.fullmatch(text)
    return Arn(*match.group("partition", "account", "kind", "name")) if match else None


def account_of(text: str) -> str:
    """The account a principal in canonical spelling belongs to; empty where it shows none."""
    if is_account(text):
        return text
    arn = parse_arn(text)
    return arn.account if arn else ""


def kind_of(identity: str) -> str:
    """`AWS`, `Service` or `Federated`, as a policy names it; empty for what is no principal."""
    if is_account(spelled(identity, None)) or is_unique_id(identity):
        return "AWS"
    if _SERVICE.fullmatch(identity):
        return "Service"
    arn = parse_arn(identity)
    if arn is None or arn.kind == "group" or "*" in identity or "?" in identity:
        return ""
    return "Federated" if arn.kind.endswith("-provider") else "AWS"
