"""Who calls: access keys and the principals behind them, with what IAM allows them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

ACCOUNT = "111122223333"


@dataclass(slots=True)
class Identity:
    """A user, a role session or an account's root.

    `allowed` and `denied` are patterns of actions (`kms:*`): the identity policies.
    """

    arn: str = f"arn:aws:iam::{ACCOUNT}:user/operator"
    user_id: str = "AIDAEXAMPLEOPERATOR00"
    allowed: list[str] = field(default_factory=lambda: ["*"])
    denied: list[str] = field(default_factory=list)
    expired: bool = False

    @property
    def account(self) -> str:
        """The account that the principal belongs to."""
        return self.arn.split(":")[4]

    @property
    def principals(self) -> tuple[str, ...]:
        """The ARNs that a policy may name this caller by: a session is its role too."""
        kind, _, rest = self.arn.split(":", 5)[5].partition("/")
        if kind != "assumed-role":
            return (self.arn,)
        return (self.arn, f"arn:aws:iam::{self.account}:role/{rest.split('/')[0]}")

    def iam_allows(self, action: str) -> bool:
        """Whether the identity policies allow it."""
        return _matches(self.allowed, action) and not self.iam_denies(action)

    def iam_denies(self, action: str) -> bool:
        """Whether an identity policy denies it."""
        return _matches(self.denied, action)


class Identities:
    """The access keys that are known; any other is the default caller's."""

    def __init__(self, default: Identity | None = None) -> None:
        self.default = default or Identity()
        self.by_access_key: dict[str, Identity] = {}
        self._sessions = itertools.count(1)

    def of(self, access_key: str) -> Identity:
        """Who signs with this access key."""
        return self.by_access_key.get(access_key, self.default)

    def assume(self, caller: Identity, role_arn: str, session: str) -> tuple[str, Identity]:
        """A session of a role: its access key and who it is."""
        account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
        number = next(self._sessions)
        role_id = f"AROAEXAMPLE{name.upper()[:10]:0<10}"
        assumed = replace(
            caller,
            arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            user_id=f"{role_id}:{session}",
        )
        access_key = f"ASIAEXAMPLE{number:09d}"
        self.by_access_key[access_key] = assumed
        return access_key, assumed


def _matches(patterns: list[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
