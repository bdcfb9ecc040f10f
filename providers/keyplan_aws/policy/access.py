"""Who may do what, by a key policy and grants, as atoms of `keyplan.access`.

Rules: nobody is shown with less access than they have. An allow counts for an operation
as soon as it gives any part of it, a deny only if it takes every part; what a `NotAction`
or `NotPrincipal` leaves open counts as allowed; a deny on everybody but some falls only on
those that the policy names. An account in an allow delegates: IAM of the account decides
for whom, and the atom says so. An account in a deny means everybody of the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from keyplan.access.atoms import ANYONE as EVERYBODY
from keyplan.access.atoms import Atom
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import Usage
from keyplan.model.policies import GROUPS, Effect, expand
from keyplan.model.values import Value
from keyplan_aws.policy.canonical import EVERY_ACTION, canonical_policy
from keyplan_aws.policy.document import ACCOUNT, fields, items, sids, statements, texts
from keyplan_aws.policy.foreign import foreign_atoms
from keyplan_aws.policy.operations import allowed_by, denied_by, neutral
from keyplan_aws.policy.principals import ANYONE, account_of, is_account, spelled
from keyplan_aws.policy.reading import Limits, exact_arns, limits_of


def atoms(policy: Value, grants: Mapping[str, Value], account: str | None) -> Sequence[Atom]:
    """The atoms of a policy (`None`: AWS's default, all to the account) and of grants."""
    if policy is None:
        policy = {
            "Effect": "Allow",
            "Principal": {"AWS": ACCOUNT},
            "Action": EVERY_ACTION,
            "Resource": "*",
        }
        policy = {"Statement": policy}
    document = canonical_policy(policy, account=account)
    found = set(foreign_atoms(document))
    named = _named(document, grants)
    for sid, statement in zip(sids(document), statements(document), strict=True):
        found.update(_Reader(sid, statement, named).atoms())
    for name, terms in grants.items():
        found.update(_grant(name, fields(terms), account))
    return sorted(found)


def through_iam(account: str) -> str:
    """How an account is called that a policy delegates to."""
    return f"account {account} through IAM"


def names_in(statement: Mapping[str, Any], field: str) -> list[str]:
    """Everybody in `Principal` or `NotPrincipal`, whatever their kind."""
    value = statement.get(field)
    by_kind = value if isinstance(value, Mapping) else {"AWS": value}
    return [name for names in by_kind.values() for name in texts(names)]


def _named(document: Value, grants: Mapping[str, Value]) -> frozenset[str]:
    """Everybody that an allow or a grant speaks of, in canonical spelling."""
    named: set[str] = set()
    for statement in statements(document):
        if statement["Effect"] == "Allow":
            named.update(names_in(statement, "Principal"))
            named.update(exact_arns(fields(statement.get("Condition", {})))[0])
    for terms in grants.values():
        named.update(texts(fields(terms).get("principal")))
    return frozenset(named)


class _Subject(NamedTuple):
    """For whom atoms are made, and the conditions that are left once they are named."""

    principal: str
    condition: Mapping[str, Any]


class _Reader:
    """Reads one statement of a canonical document."""

    def __init__(self, sid: str, statement: Mapping[str, Any], named: frozenset[str]) -> None:
        self._sid = sid
        self._statement = statement
        self._named = named
        self._effect = Effect(statement["Effect"].lower())

    def atoms(self) -> Iterator[Atom]:
        for principal, condition in self._subjects():
            limits = self._limits(condition)
            for operation in self._operations():
                yield Atom(self._effect, principal, operation, *limits, self._sid)

    def _operations(self) -> list[str]:
        read = allowed_by if self._effect is Effect.ALLOW else denied_by
        if "NotAction" in self._statement:
            return read(texts(self._statement["NotAction"]), excluded=True)
        return read(texts(self._statement["Action"]))

    def _limits(self, condition: Mapping[str, Any]) -> Limits:
        """An allow on some resource may well mean this key; a deny may not."""
        if self._statement.get("Resource") == "*" or self._effect is Effect.ALLOW:
            return limits_of(condition)
        field = "Resource" if "Resource" in self._statement else "NotResource"
        return limits_of({**condition, field: {"": self._statement[field]}})

    def _subjects(self) -> Iterator[_Subject]:
        condition = fields(self._statement.get("Condition", {}))
        if self._effect is Effect.DENY:
            for principal in sorted(self._denied()):
                yield _Subject(principal, condition)
            return
        if "NotPrincipal" in self._statement:
            yield _Subject(EVERYBODY, condition)
            return
        for name in names_in(self._statement, "Principal"):
            if name == ANYONE:
                arns, rest = exact_arns(condition)
                yield from (_Subject(arn, rest) for arn in arns or (EVERYBODY,))
            else:
                yield _Subject(through_iam(name) if is_account(name) else name, condition)

    def _denied(self) -> Iterable[str]:
        if "NotPrincipal" in self._statement:
            spared = set(names_in(self._statement, "NotPrincipal"))
            accounts = {name for name in spared if is_account(name)}
            fallen = {
                name
                for name in self._named - spared
                if name != ANYONE and account_of(name) not in accounts
            }
        else:
            direct = set(names_in(self._statement, "Principal"))
            fallen = direct | {name for name in self._named if account_of(name) in direct - {""}}
        return {
            EVERYBODY if name == ANYONE else through_iam(name) if is_account(name) else name
            for name in fallen
        }


def _grant(name: str, terms: Mapping[str, Any], account: str | None) -> Iterator[Atom]:
    """A group in a grant stands for all that it can mean; the key's usage limits what it gives."""
    operations: set[str] = set()
    for operation in map(neutral, texts(terms.get("operations"))):
        usages = Usage if operation in GROUPS else (Usage.ENCRYPT,)
        operations.update(*(expand([operation], usage) for usage in usages))
    context = terms.get("context")
    for principal in items(terms.get("principal")):
        who = spelled(str(principal), account)
        for operation in sorted(operations):
            yield Atom(
                Effect.ALLOW,
                through_iam(who) if is_account(who) else who,
                operation,
                canonical_json({"context": context}) if context else "",
                "",
                str(terms.get("expires_at") or ""),
                f"grant {name}",
            )
