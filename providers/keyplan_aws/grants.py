"""Grants, between keyplan's terms and AWS's.

Rules: a grant of keyplan's has a name that says what AWS has no field for:

    keyplan/<name>                      keyplan/batch
    keyplan/<name>/<end>                keyplan/batch/20270630T235959Z

so that what is read back is what was declared. Two of one name but other terms live side by
side, so that one is replaced without a gap. AWS does not end a grant; the first apply
after its end revokes it. Any other grant is somebody else's (RDS, EBS, Auto Scaling hold
them): it is reported under its grant id and left alone. A grant's token is never kept.

`wrap` and `unwrap` are AWS's Encrypt and Decrypt, and read back as `encrypt` and `decrypt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keyplan.errors import RejectedError
from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Value

PREFIX = "keyplan/"
MAX_NAME = 256

_NAME = re.compile(r"keyplan/(?P<name>[A-Za-z0-9:_-]+)(/(?P<end>2\d{7}T\d{6}Z))?")
_END = "%Y%m%dT%H%M%SZ"
_LEGAL = re.compile(r"[A-Za-z0-9:_-]+")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")

_OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "agree": ("DeriveSharedSecret",),
    "decapsulate": ("Decapsulate",),
    "decrypt": ("Decrypt",),
    "describe": ("DescribeKey",),
    "encapsulate": ("Encapsulate",),
    "encrypt": ("Encrypt",),
    "generate_data_key": ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    "generate_mac": ("GenerateMac",),
    "get_public_key": ("GetPublicKey",),
    "grant": ("CreateGrant",),
    "reencrypt": ("ReEncryptFrom", "ReEncryptTo"),
    "sign": ("Sign",),
    "verify": ("Verify",),
    "verify_mac": ("VerifyMac",),
}
"""The grant operations of each neutral operation; no two share one."""

_SAME = {"wrap": "encrypt", "unwrap": "decrypt"}

GRANTABLE = frozenset(_OPERATIONS) | frozenset(_SAME)
"""The neutral operations that an AWS grant can give."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant as AWS lists it. `name` is what it was given; empty for somebody else's.

    `element` is what the attribute `grants` calls it: its name, an older one of the same name
    `name~id`, somebody else's by its grant id.
    """

    id: str
    name: str
    element: str
    terms: dict[str, Value]


def canonical_grant(terms: Any) -> dict[str, Value]:
    """One spelling of terms; what is not understood stays as it is."""
    spelt: dict[str, Value] = {
        **terms,
        "principal": sorted(set(terms.get("principal") or [])),
        "operations": sorted({_SAME.get(name, name) for name in terms.get("operations") or []}),
        "context": dict(sorted((terms.get("context") or {}).items())),
    }
    if terms.get("expires_at"):
        spelt["expires_at"] = format_instant(parse_instant(terms["expires_at"], end=True))
    else:
        spelt.pop("expires_at", None)
    return spelt


def aws_name(name: str, terms: Mapping[str, Value]) -> str:
    """The Name of a grant. Raises `ValueError` if AWS would not take it."""
    if not _LEGAL.fullmatch(name):
        raise ValueError("a grant's name may hold letters, digits and : _ - only")
    end = terms.get("expires_at")
    written = f"{PREFIX}{name}"
    if isinstance(end, str):
        written += parse_instant(end, end=True).strftime(f"/{_END}")
    if len(written) > MAX_NAME:
        raise ValueError(f"a grant's name has {MAX_NAME} characters at most, with its end")
    return written


def request(name: str, terms: Mapping[str, Value]) -> dict[str, Any]:
    """The parameters of CreateGrant, but for the key. Raises `RejectedError`."""
    spelt: Any = canonical_grant(terms)
    if problem := grant_problem(name, spelt):
        raise RejectedError(
            f"the terms of grant {name} cannot be used", why=problem, operation="CreateGrant"
        )
    (grantee,) = spelt["principal"]
    wanted: dict[str, Any] = {
        "Name": aws_name(name, spelt),
        "Operations": _aws_operations(spelt["operations"]),
        "GranteeServicePrincipal" if _SERVICE.fullmatch(grantee) else "GranteePrincipal": grantee,
    }
    if spelt["context"]:
        wanted["Constraints"] = {"EncryptionContextSubset": spelt["context"]}
    return wanted


def grant_problem(name: str, terms: Mapping[str, Any]) -> str:
    """Why AWS would refuse a grant; empty if it would not."""
    try:
        aws_name(name, terms)
    except ValueError as error:
        return f"{error}."
    if len(terms["principal"]) != 1:
        return "An AWS grant has exactly one principal: declare a grant for each."
    if terms["principal"][0].isdigit():
        return "An AWS grant names its principal by an ARN: arn:aws:iam::<account>:root."
    strange = sorted(set(terms["operations"]) - GRANTABLE)
    if strange or not terms["operations"]:
        what = f"gives no {', '.join(strange)}" if strange else "must give something"
        return f"An AWS grant {what}: it can give {', '.join(sorted(GRANTABLE))}."
    context = terms.get("context") or {}
    if len(context) > 8:
        return "The context of an AWS grant has at most 8 pairs."
    if terms.keys() - {"principal", "operations", "context", "expires_at"}:
        return "It has other fields than principal, operations, context and expires_at."
    return ""


def observe(listed: Iterable[Mapping[str, Any]]) -> list[Grant]:
    """The grants of one key, newest first."""
    found: list[Grant] = []
    taken: set[str] = set()
    for entry in sorted(listed, key=_age, reverse=True):
        grant_id, terms = str(entry["GrantId"]), _terms(entry)
        written = str(entry.get("Name") or "")
        known = _named(written)
        if known is None:
            found.append(
                Grant(grant_id, "", grant_id, terms | ({"name": written} if written else {}))
            )
            continue
        name, end = known
        if end:
            terms["expires_at"] = end
        element = f"{name}~{grant_id}" if name in taken else name
        taken.add(name)
        found.append(Grant(grant_id, name, element, terms))
    return found


def _named(written: str) -> tuple[str, str] | None:
    """The name and the end that a Name of ours says; `None` for one that is not ours."""
    match = _NAME.fullmatch(written)
    if match is None or not match["end"]:
        return None if match is None else (match["name"], "")
    try:
        end = datetime.strptime(match["end"], _END).replace(tzinfo=UTC)
    except ValueError:
        return None
    return match["name"], format_instant(end)


def _age(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("CreationDate") or ""), str(entry["GrantId"])


def as_attribute(grants: Iterable[Grant]) -> dict[str, Value]:
    """The attribute `grants`."""
    return {grant.element: grant.terms for grant in grants}


def _terms(entry: Mapping[str, Any]) -> dict[str, Value]:
    """What a grant gives, in neutral words where they say all of it."""
    grantee = entry.get("GranteePrincipal") or entry.get("GranteeServicePrincipal")
    constraints = dict(entry.get("Constraints") or {})
    terms: dict[str, Value] = {
        "principal": [grantee] if grantee else [],
        "operations": _neutral(entry.get("Operations") or []),
        "context": dict(sorted(constraints.pop("EncryptionContextSubset", {}).items())),
    }
    if constraints:
        terms["constraints"] = constraints
    retiring = entry.get("RetiringPrincipal") or entry.get("RetiringServicePrincipal")
    if retiring:
        terms["retiring"] = retiring
    return terms


def _aws_operations(neutral: Iterable[str]) -> list[str]:
    return sorted(aws for name in neutral for aws in _OPERATIONS[name])


def _neutral(listed: Iterable[str]) -> list[Value]:
    """Neutral operations; what is only a part of one, or has no name, keeps AWS's."""
    left = set(listed)
    named: list[Value] = []
    for name, parts in _OPERATIONS.items():
        if left.issuperset(parts):
            left.difference_update(parts)
            named.append(name)
    return sorted([*named, *left], key=str)
