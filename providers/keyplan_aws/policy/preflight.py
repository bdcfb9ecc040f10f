"""What AWS would refuse in a key policy, and what a reviewer would object to.

Two claims are kept apart. *Recoverable*: by the policy alone, the account or somebody whom
AWS can resolve keeps `kms:PutKeyPolicy`, with no condition that can fail and no deny that
can fall on it. *The caller can go on*: yes, no, or unknown where IAM of the account
decides; AWS checks exactly this when the policy is put.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from keyplan.access.conditions import Truth, both
from keyplan.diagnostics import Severity
from keyplan.model.canonical import canonical_json
from keyplan.model.values import Value
from keyplan.sdk.provider import PolicyProblem as Problem
from keyplan.sdk.provider import PolicyReview
from keyplan_aws.policy.access import names_in, through_iam
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import (
    ACCOUNT,
    MAX_BYTES,
    fields,
    foreign_text,
    size_of,
    statements,
    written,
)
from keyplan_aws.policy.foreign import objection
from keyplan_aws.policy.objections import objections
from keyplan_aws.policy.operations import SET_POLICY
from keyplan_aws.policy.principals import is_account, is_unique_id, parse_arn, spelled
from keyplan_aws.policy.reading import condition_arns
from keyplan_aws.policy.standing import Standing, person, standing
from keyplan_aws.policy.standing import caller as calling

_STRANGE = re.compile(r"[^\t\n\r -\u00ff]")
_ALMOST = 0.8


def check(document: Value, *, account: str | None, caller: str) -> Sequence[Problem]:
    """Everything that is wrong with a policy, lockout first. `None`, AWS's default, is sound.

    `caller` is the ARN of who applies, or empty where nobody is connected.
    """
    if document is None:
        return []
    policy = canonical_policy(document, account=account)
    if (foreign := foreign_text(policy)) is not None:
        return [_unread(foreign, account)]
    return [
        *_recovery(policy, account),
        *_caller(policy, account, caller),
        *_text(policy),
        *_orphans(policy),
        *(found for item in statements(policy) for found in objections(item, account)),
    ]


def review(document: Value, *, account: str | None, caller: str) -> PolicyReview:
    """The same for the core, which says itself that nobody, or not the caller, could repair it."""
    return _review(canonical_json(document), account, caller)


@lru_cache(maxsize=4096)
def _review(text: str, account: str | None, caller: str) -> PolicyReview:
    """By text, because many keys share a policy."""
    document = json.loads(text)
    problems = check(document, account=account, caller=caller)
    unsaid = [item for item in problems if item != _UNRECOVERABLE]
    able = may_set_policy(document, account, caller)
    return PolicyReview(administrators(document, account), tuple(unsaid), able)


def administrators(document: Value, account: str | None) -> frozenset[str]:
    """Who surely keeps `kms:PutKeyPolicy`: the account, and principals of it by name.

    Nobody of another account: KMS lets nobody set the policy of another account's key.
    """
    if document is None:
        return frozenset({through_iam(account or ACCOUNT)})
    policy = canonical_policy(document, account=account)
    able = {
        through_iam(name) if is_account(name) else name
        for name, stands in _standings(policy, account, _named(policy, account))
        if stands.denied is False and (stands.direct or (stands.delegated and is_account(name)))
    }
    if not able:  # the usual lock: everybody is denied but those whose ARN the deny spells out
        able = {
            name
            for name, stands in _standings(policy, account, _spelt_out(policy))
            if stands.denied is False and (stands.direct or stands.delegated)
        }
    return frozenset(able)


def _standings(
    policy: Value, account: str | None, names: Iterable[str]
) -> Iterator[tuple[str, Standing]]:
    """How each principal that AWS can resolve in the account stands to setting the policy."""
    for name in names:
        who = person(name)
        if who is not None and who.exact and account in (None, who.account):
            yield name, standing(policy, who, SET_POLICY)


def may_set_policy(document: Value, account: str | None, caller: str) -> Truth:
    """Whether the caller can set the policy again: `None` where the policy does not tell."""
    who = calling(spelled(caller, account))
    if who is None or document is None or foreign_text(document) is not None:
        return None
    if account not in (None, who.account):
        return False  # KMS lets nobody set the policy of another account's key
    stands = standing(canonical_policy(document, account=account), who, SET_POLICY)
    if stands.denied or (stands.direct is False and stands.delegated is False):
        return False
    return True if both((stands.direct, stands.denied is False or None)) else None


def _named(policy: Value, account: str | None) -> set[str]:
    """The account, and everybody in a statement."""
    named = {account or ACCOUNT}
    for statement in statements(policy):
        named.update(names_in(statement, "Principal"))
    return named


def _spelt_out(policy: Value) -> set[str]:
    """Everybody whose ARN a condition spells out."""
    blocks = [fields(statement.get("Condition", {})) for statement in statements(policy)]
    return {arn for block in blocks for arn in condition_arns(block)}


_UNRECOVERABLE = Problem(
    "KP-KPOL-004",
    Severity.ERROR,
    "nobody could set the policy again: only AWS Support could repair it",
    "Let the account keep its share (`aws: {account: recovery}`), or name an administrator "
    "of the account without a condition that can fail and without a deny over it.",
)


def _unread(text: str, account: str | None) -> Problem:
    return Problem(
        "KP-KPOL-019",
        Severity.WARNING,
        f"it cannot be read, and may allow anybody anything: {objection(text, account)}",
        "Declare `policies` for the key, or put a policy with AWS's own tools.",
        lasting=True,
    )


def _recovery(policy: Value, account: str | None) -> Iterator[Problem]:
    able = administrators(policy, account)
    if not able:
        yield _UNRECOVERABLE
    elif not any(name == through_iam(account or ACCOUNT) for name in able):
        names = ", ".join(sorted(able))
        yield Problem(
            "KP-KPOL-004",
            Severity.WARNING,
            f"the account keeps nothing: the key is lost to everybody if {names} is deleted",
            "Write `aws: {account: recovery}` on the policy.",
        )


def _caller(policy: Value, account: str | None, caller: str) -> Iterator[Problem]:
    if not caller:
        return
    arn = parse_arn(caller)
    name = arn.short if arn else caller
    if may_set_policy(policy, account, caller) is None:
        yield Problem(
            "KP-LOCK-002",
            Severity.WARNING,
            f"whether {name}, who applies, may set the policy again cannot be seen in it: "
            "AWS checks this call",
            "Nothing, if IAM of the account allows it kms:PutKeyPolicy.",
        )


def _text(policy: Value) -> Iterator[Problem]:
    size = size_of(policy)
    if size > MAX_BYTES * _ALMOST:
        yield Problem(
            "KP-KPOL-001",
            Severity.ERROR if size > MAX_BYTES else Severity.WARNING,
            f"the policy has {size:,} bytes; KMS takes {MAX_BYTES:,}",
            "Name fewer principals: a role for many, or grants in place of statements.",
        )
    strange = _STRANGE.search(written(policy))
    if strange:
        yield Problem(
            "KP-KPOL-002",
            Severity.ERROR,
            f"the policy holds the character U+{ord(strange[0]):04X}, which KMS refuses",
            "Keep to the letters of Latin-1.",
        )


def _orphans(policy: Value) -> Iterator[Problem]:
    named: set[str] = set()
    for statement in statements(policy):
        named.update(names_in(statement, "Principal"), names_in(statement, "NotPrincipal"))
    for name in sorted(filter(is_unique_id, named)):
        kind = "user" if name.startswith("AIDA") else "role"
        yield Problem(
            "KP-KPOL-012",
            Severity.WARNING,
            f"{name} was a {kind} that is deleted: a new one of the same name is not it",
            "Take it out of the policy, or name the new principal.",
            lasting=True,
            deleted=name,
        )
