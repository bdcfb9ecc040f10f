"""Who may call what on a key: its policy, its grants, the caller's identity policies."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.aws_double import errors
from tests.aws_double.conditions import Context, hold
from tests.aws_double.identities import Identity
from tests.aws_double.policies import as_list
from tests.aws_double.records import Grant, Key


def authorise(caller: Identity, action: str, key: Key, given: Mapping[str, Any]) -> None:
    """Let the caller through, or refuse in AWS's words. `given` is the input of the call."""
    context = facts(caller, key, given)
    if caller.iam_denies(action):
        why = "with an explicit deny in an identity-based policy"
        raise errors.denied(caller.arn, action, key.arn, why)
    verdict = decide(key.policy, caller, action, context, key.account)
    if verdict == "deny":
        why = "with an explicit deny in a resource-based policy"
        raise errors.denied(caller.arn, action, key.arn, why)
    if verdict == "allow" or any(_covers(g, caller, action, given) for g in key.grants.values()):
        return
    if verdict == "delegate":
        if caller.iam_allows(action):
            return
        raise errors.no_identity_policy(caller.arn, action, key.arn)
    why = f"because no resource-based policy allows the {action} action"
    raise errors.denied(caller.arn, action, key.arn, why)


def authorise_identity(caller: Identity, action: str, resource: str = "*") -> None:
    """The same for what belongs to no key: identity policies alone decide."""
    if caller.iam_denies(action):
        why = "with an explicit deny in an identity-based policy"
        raise errors.denied(caller.arn, action, resource, why)
    if not caller.iam_allows(action):
        raise errors.no_identity_policy(caller.arn, action, resource)


def check_lockout(document: Mapping[str, Any], caller: Identity, account: str) -> None:
    """AWS's safety check: the caller must be able to put the next policy."""
    action = "kms:PutKeyPolicy"
    verdict = decide(document, caller, action, facts(caller, None, {}), account)
    if verdict == "allow" or (verdict == "delegate" and caller.iam_allows(action)):
        return
    raise errors.malformed_policy(
        "The new key policy will not allow you to update the key policy in the future."
    )


def decide(
    document: Mapping[str, Any], caller: Identity, action: str, context: Context, owner: str
) -> str:
    """What a key policy says: `deny`, `allow`, `delegate` (to identity policies) or `none`."""
    verdict = "none"
    for statement in document["Statement"]:
        how = _names(statement, caller, owner)
        if not how or not _is_about(statement, action):
            continue
        if not hold(statement.get("Condition", {}), context):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        verdict = "allow" if "allow" in (how, verdict) else how
    return verdict


def _names(statement: Mapping[str, Any], caller: Identity, owner: str) -> str:
    """How a statement names the caller: `allow` itself, `delegate` its account, or not."""
    if "NotPrincipal" in statement:
        return "" if _named(statement["NotPrincipal"], caller, owner) else "allow"
    return _named(statement.get("Principal"), caller, owner)


def _named(principal: Any, caller: Identity, owner: str) -> str:
    names = as_list(principal.get("AWS")) if isinstance(principal, Mapping) else as_list(principal)
    home = {caller.account, f"arn:aws:iam::{caller.account}:root"}
    if "*" in names:
        return "allow" if caller.account == owner else "delegate"
    if any(name in caller.principals or caller.user_id.split(":")[0] == name for name in names):
        return "allow"
    return "delegate" if home & set(names) else ""


def _is_about(statement: Mapping[str, Any], action: str) -> bool:
    """Whether it covers the action. Without `Action` or `Resource` it has no effect."""
    if "Resource" not in statement and "NotResource" not in statement:
        return False
    if "NotAction" in statement:
        return not _any_matches(statement["NotAction"], action)
    return _any_matches(statement.get("Action"), action)


def _any_matches(patterns: Any, action: str) -> bool:
    return any(fnmatchcase(action.lower(), str(p).lower()) for p in as_list(patterns))


def _covers(grant: Grant, caller: Identity, action: str, given: Mapping[str, Any]) -> bool:
    terms = grant.terms
    if terms.get("GranteePrincipal") not in caller.principals:
        return False
    if action.removeprefix("kms:") not in terms["Operations"]:
        return False
    constraints = terms.get("Constraints") or {}
    context = dict(given.get("EncryptionContext") or {})
    if (equals := constraints.get("EncryptionContextEquals")) is not None:
        return context == equals
    subset = constraints.get("EncryptionContextSubset") or {}
    return subset.items() <= context.items()


def facts(caller: Identity, key: Key | None, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The condition keys of a request."""
    bypass = str(bool(given.get("BypassPolicyLockoutSafetyCheck"))).lower()
    out = {
        "aws:principalarn": [caller.principals[-1]],
        "aws:principalaccount": [caller.account],
        "aws:principaltype": ["AssumedRole" if "assumed-role" in caller.arn else "User"],
        "aws:userid": [caller.user_id],
        "aws:securetransport": ["true"],
        "aws:multifactorauthpresent": ["false"],
        "kms:calleraccount": [caller.account],
        "kms:bypasspolicylockoutsafetycheck": [bypass],
    }
    if key is not None:
        out["aws:requestedregion"] = [key.region]
        out["kms:keyspec"] = [key.shared.spec]
        out["kms:keyusage"] = [key.shared.usage]
        out["kms:keyorigin"] = [key.shared.origin]
        out["kms:multiregion"] = [str(key.shared.multi_region).lower()]
        out |= {f"aws:resourcetag/{name.lower()}": [v] for name, v in key.tags.items()}
    context = given.get("EncryptionContext") or {}
    out |= {f"kms:encryptioncontext:{name.lower()}": [v] for name, v in context.items()}
    if context:
        out["kms:encryptioncontextkeys"] = list(context)
    if "Operations" in given:
        out["kms:grantoperations"] = list(given["Operations"])
        out["kms:granteeprincipal"] = [given.get("GranteePrincipal", "")]
        out["kms:grantisforawsresource"] = ["false"]
    if "PendingWindowInDays" in given:
        out["kms:schedulekeydeletionpendingwindowindays"] = [str(given["PendingWindowInDays"])]
    return out
