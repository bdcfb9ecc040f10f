"""The fake's own policy documents: small, readable JSON.

`{"administrators": [identity], "statements": [{"sid", "effect", "principals",
"operations", "when"?, "unless"?, "expires_at"?}]}`, everything sorted. Without a policy
(`None`) only `OWNER` may administer a key: that is the fake's documented default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from keyplan.access.atoms import ANYONE, Atom
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.policies import ADMINISTER, Effect, EffectivePolicy, Statement, expand
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_instant
from keyplan.model.values import Value

OWNER = "fake:owner"
"""Who may administer a key without a policy."""

CONDITIONS = frozenset(
    {
        "context", "source_ip", "source_vpc", "services", "mfa", "org", "account", "tags",
        "not_before", "not_after", "hours",
    }
)  # fmt: skip
"""Every neutral condition of LANGUAGE.md §5."""


def compile_policy(
    policy: EffectivePolicy, key: DesiredKey, conditions: Collection[str] = CONDITIONS
) -> Value:
    """The document. Raises `RejectedError` for a condition that is not among `conditions`."""
    administrators: set[str] = set()
    for address in policy.administrators:
        administrators.update(_identities(policy, address, key))
    statements = [
        document
        for statement in policy.statements
        if (document := _statement(policy, statement, key, conditions)) is not None
    ]
    by_text: list[Value] = sorted(statements, key=canonical_json)
    names: list[Value] = [*sorted(administrators)]
    return {"administrators": names, "statements": by_text}


def _identities(policy: EffectivePolicy, address: Address, key: DesiredKey) -> tuple[str, ...]:
    principal = policy.principals.get(address)
    names = principal.identities_on(key.provider) if principal else ()
    if not names:
        raise RejectedError(
            f"{address} has no identity on {key.provider}",
            target=key.address,
            advice=f"Add `{key.provider_type}: ...` to {address}.",
        )
    return names


def _statement(
    policy: EffectivePolicy, statement: Statement, key: DesiredKey, conditions: Collection[str]
) -> dict[str, Value] | None:
    if key.usage is None:
        raise RejectedError("a policy needs a key with a usage", target=key.address)
    dropped: set[str] = set()
    for condition in sorted({*statement.when, *statement.unless} - set(conditions)):
        match _accepted_gap(statement, key, condition):
            case "skip":
                return None
            case "drop":
                dropped.add(condition)
            case _:
                raise RejectedError(
                    f"statement {statement.sid} needs {condition}, which is not enforced here",
                    target=key.address,
                    advice=f"Accept it by name: unenforced: {{{key.provider_type}: ...}}.",
                )
    principals: set[str] = set()
    for address in statement.principals or ():
        principals.update(_identities(policy, address, key))
    document: dict[str, Value] = {
        "sid": statement.sid,
        "effect": statement.effect.value,
        "principals": [*sorted(principals)] if statement.principals is not None else [ANYONE],
        "operations": [*sorted(expand(statement.operations, key.usage))],
    }
    for name, clause in (("when", statement.when), ("unless", statement.unless)):
        kept = {condition: clause[condition] for condition in sorted(set(clause) - dropped)}
        if kept:
            document[name] = kept
    if statement.expires_at is not None:
        document["expires_at"] = format_instant(statement.expires_at)
    return document


def _accepted_gap(statement: Statement, key: DesiredKey, condition: str) -> str:
    for gap in (*statement.unenforced, *key.unenforced):
        if gap.provider in (key.provider, key.provider_type) and condition in gap.what:
            return gap.then
    return ""


def access(policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
    """The atoms of a document and of grants, sorted."""
    return sorted({*_policy_atoms(policy), *_grant_atoms(grants)})


def _policy_atoms(policy: Value) -> Iterator[Atom]:
    document: dict[str, Value] = policy if isinstance(policy, dict) else {"administrators": [OWNER]}
    for principal in _texts(document.get("administrators")):
        for operation in ADMINISTER:
            yield Atom(Effect.ALLOW, principal, operation, source="administrators")
    for statement in _maps(document.get("statements")):
        for principal in _texts(statement.get("principals")):
            for operation in _texts(statement.get("operations")):
                yield Atom(
                    Effect(str(statement["effect"])),
                    principal,
                    operation,
                    when=_clause(statement.get("when")),
                    unless=_clause(statement.get("unless")),
                    expires_at=str(statement.get("expires_at", "")),
                    source=str(statement["sid"]),
                )


def _grant_atoms(grants: Mapping[str, Value]) -> Iterator[Atom]:
    for name, terms in grants.items():
        if not isinstance(terms, dict):
            continue
        context = terms.get("context")
        for principal in _texts(terms.get("principal")):
            for operation in _texts(terms.get("operations")):
                yield Atom(
                    Effect.ALLOW,
                    principal,
                    operation,
                    when=_clause({"context": context} if context else None),
                    expires_at=str(terms.get("expires_at") or ""),
                    source=f"grant {name}",
                )


def _texts(value: Value) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _maps(value: Value) -> list[dict[str, Value]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _clause(value: Value) -> str:
    return canonical_json(value) if value else ""
