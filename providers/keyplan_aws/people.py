"""Who a policy means: the unique ids that IAM gives to roles and users.

AWS keeps a principal by this id, and shows the id once the principal is deleted; whose it was
is then known to nobody who has not written it down. Rules: asked only about keys that this
connection has changed, and each principal once; nothing fails without the ids, and the first
refusal is the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from types import MappingProxyType

from keyplan.errors import NotFoundError, ProviderError
from keyplan.model.values import Value
from keyplan_aws.api import Api
from keyplan_aws.policy.access import names_in
from keyplan_aws.policy.document import statements
from keyplan_aws.policy.principals import Arn, parse_arn

PATIENCE = 5.0
"""Seconds for one question: IAM may be out of reach where KMS is not."""

_KINDS: Mapping[str, str] = MappingProxyType({"role": "Role", "user": "User"})


class People:
    """The ids of one account's principals. Safe to use from several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = Lock()
        self._known: dict[str, str | None] = {}
        self._allowed = True

    def ids(self, policy: Value, account: str) -> dict[str, Value]:
        """By ARN, the ids of the account's roles and users in a policy; none if refused."""
        found: dict[str, Value] = {}
        for name, arn in _named(policy):
            if arn.account == account and arn.kind in _KINDS and (known := self._id(name, arn)):
                found[name] = known
        return found if self._allowed else {}

    def _id(self, name: str, arn: Arn) -> str | None:
        with self._lock:
            if name not in self._known and self._allowed:
                try:
                    self._known[name] = self._asked(name, arn)
                except ProviderError:
                    self._allowed = False
            return self._known.get(name)

    def _asked(self, name: str, arn: Arn) -> str | None:
        """The id; `None` if nobody has that name, or somebody of another path."""
        work, kind, short = self._api.work(name, PATIENCE), _KINDS[arn.kind], arn.short
        own = short.partition("/")[2]
        try:
            if kind == "Role":
                answer = work.read("GetRole", RoleName=own)
            else:
                answer = work.read("GetUser", UserName=own)
        except NotFoundError:
            return None
        found = answer[kind]
        return str(found[f"{kind}Id"]) if found["Arn"] == name else None


def _named(policy: Value) -> Iterator[tuple[str, Arn]]:
    """Every principal of a policy that has an ARN, in order."""
    names = {name for item in statements(policy) for name in names_in(item, "Principal")}
    for name in sorted(names):
        arn = parse_arn(name)
        if arn is not None:
            yield name, arn
