"""Grants: immutable; idempotent by name and the same terms; retired or revoked."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from tests.aws_double import access, errors
from tests.aws_double.operations import Request, find, free, on_key
from tests.aws_double.paging import page
from tests.aws_double.records import Grant, Key
from tests.aws_double.specs import SYMMETRIC, grantable
from tests.aws_double.world import World

_TERMS = (
    "GranteePrincipal",
    "RetiringPrincipal",
    "GranteeServicePrincipal",
    "RetiringServicePrincipal",
    "Operations",
    "Constraints",
)
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role)/.+)")


@on_key("CreateGrant")
def create_grant(world: World, request: Request, key: Key) -> dict[str, Any]:
    """A grant, or a further token for the same one."""
    given = request.given
    terms = {name: given[name] for name in _TERMS if name in given}
    _check_terms(key, terms, world.missing_principals)
    if given.get("DryRun"):
        raise errors.dry_run()
    token = secrets.token_urlsafe(48)
    for grant in key.grants.values():
        if given.get("Name") and grant.name == given["Name"] and _same(grant.terms, terms):
            grant.tokens.append(token)
            return {"GrantId": grant.id, "GrantToken": token}
    if len(key.grants) >= world.limits.grants_per_key:
        raise errors.limit(f"{key.arn} has {world.limits.grants_per_key} grants, the limit.")
    grant = Grant(
        id=secrets.token_hex(32),
        name=given.get("Name"),
        created=world.clock(),
        terms=terms,
        issuer=f"arn:aws:iam::{request.caller.account}:root",
        tokens=[token],
    )
    key.grants = key.grants | {grant.id: grant}
    return {"GrantId": grant.id, "GrantToken": token}


def _check_terms(key: Key, terms: dict[str, Any], missing: set[str]) -> None:
    for who in ("Grantee", "Retiring"):
        arn, service = terms.get(f"{who}Principal"), terms.get(f"{who}ServicePrincipal")
        if arn is not None and service is not None:
            raise errors.validation(f"Specify {who}Principal or {who}ServicePrincipal, not both.")
        if who == "Grantee" and arn is None and service is None:
            raise errors.validation("A grantee principal must be specified.")
        if arn is not None and (_ARN.fullmatch(arn) is None or arn in missing):
            raise errors.ServiceError("InvalidArnException", f"Invalid principal: {arn}")
    spec, usage = key.shared.spec, key.shared.usage
    foreign = [name for name in terms["Operations"] if name not in grantable(spec, usage)]
    if foreign:
        raise errors.validation(f"{key.arn} does not support {', '.join(foreign)} in a grant.")
    for name, pairs in (terms.get("Constraints") or {}).items():
        if not name.startswith("EncryptionContext"):
            continue
        if spec != SYMMETRIC:
            raise errors.validation("Encryption context constraints need a symmetric KMS key.")
        if len(pairs) > 8 or sum(len(k) + len(v) for k, v in pairs.items()) > 384:
            raise errors.validation("The grant constraint is too large.")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def shape(terms: dict[str, Any]) -> str:
        return json.dumps(terms | {"Operations": sorted(terms["Operations"])}, sort_keys=True)

    return shape(one) == shape(other)


@on_key("ListGrants")
def list_grants(world: World, request: Request, key: Key) -> dict[str, Any]:
    """The grants of a key, all or those of a grantee."""
    given = request.given
    rows = [
        row(key, grant)
        for grant in key.grants.values()
        if given.get("GrantId") in (None, grant.id)
        and given.get("GranteePrincipal") in (None, grant.terms.get("GranteePrincipal"))
        and given.get("GranteeServicePrincipal")
        in (None, grant.terms.get("GranteeServicePrincipal"))
    ]
    return page(world, request, "Grants", rows)


def row(key: Key, grant: Grant) -> dict[str, Any]:
    """A grant as the list calls show it. The name is there even if it is empty."""
    return {
        "KeyId": key.arn,
        "GrantId": grant.id,
        "Name": grant.name or "",
        "CreationDate": grant.created,
        "IssuingAccount": grant.issuer,
        **grant.terms,
    }


@free("ListRetirableGrants")
def list_retirable_grants(world: World, request: Request) -> dict[str, Any]:
    """The grants of all keys that a principal may retire."""
    access.authorise_identity(request.caller, "kms:ListRetirableGrants")
    wanted = request.given.get("RetiringPrincipal")
    if wanted is None:
        raise errors.validation("A retiring principal must be specified.")
    rows = [
        row(key, grant)
        for key in world.keys(request.caller.account, request.region).values()
        for grant in key.grants.values()
        if grant.terms.get("RetiringPrincipal") == wanted
    ]
    return page(world, request, "Grants", rows)


@on_key("RevokeGrant")
def revoke_grant(_world: World, request: Request, key: Key) -> None:
    """End a grant, as the key's administrator."""
    _end(key, request.given["GrantId"], dry=request.given.get("DryRun", False))


@free("RetireGrant")
def retire_grant(world: World, request: Request) -> None:
    """End a grant by its token, or by key and id, as the one that may retire it."""
    given, caller = request.given, request.caller
    if (token := given.get("GrantToken")) is not None:
        found = [
            (key, grant)
            for key in world.keys(caller.account, request.region).values()
            for grant in key.grants.values()
            if token in grant.tokens
        ]
        if not found:
            raise errors.ServiceError("InvalidGrantTokenException", "Invalid grant token")
        key, grant = found[0]
    else:
        if "KeyId" not in given or "GrantId" not in given:
            raise errors.validation("Specify a GrantToken, or both KeyId and GrantId.")
        key = find(world, request, given["KeyId"])
        grant = _existing(key, given["GrantId"])
    retires = grant.terms.get("RetiringPrincipal") in caller.principals
    own = grant.terms.get("GranteePrincipal") in caller.principals
    if not retires and not (own and "RetireGrant" in grant.terms["Operations"]):
        access.authorise_identity(caller, "kms:RetireGrant", key.arn)
    world.changing(key.arn, key)
    _end(key, grant.id, dry=given.get("DryRun", False))


def _existing(key: Key, grant_id: str) -> Grant:
    if grant_id not in key.grants:
        raise errors.not_found(f"Grant ID {grant_id} not found")
    return key.grants[grant_id]


def _end(key: Key, grant_id: str, *, dry: bool) -> None:
    _existing(key, grant_id)
    if dry:
        raise errors.dry_run()
    key.grants = {name: grant for name, grant in key.grants.items() if name != grant_id}
