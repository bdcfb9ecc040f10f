"""What the double has of other services: STS, the tagging API, unique ids from IAM."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.aws_double import access
from tests.aws_double.errors import ServiceError
from tests.aws_double.identities import Identities, Identity
from tests.aws_double.records import Key
from tests.aws_double.world import World

Answer = dict[str, Any]
Handler = Callable[[World, Identities, Identity, str, Answer], Answer]


def _caller_identity(
    _world: World, _identities: Identities, caller: Identity, _region: str, _given: Answer
) -> Answer:
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


def _assume_role(
    world: World, identities: Identities, caller: Identity, _region: str, given: Answer
) -> Answer:
    arn = given["RoleArn"]
    access.authorise_identity(caller, "sts:AssumeRole", arn)
    if arn in world.missing_principals:
        raise access.errors.no_identity_policy(caller.arn, "sts:AssumeRole", arn)
    access_key, assumed = identities.assume(caller, arn, given["RoleSessionName"])
    return {
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": "test",
            "SessionToken": "test",
            "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        },
        "AssumedRoleUser": {"AssumedRoleId": assumed.user_id, "Arn": assumed.arn},
    }


def _principal(
    world: World, caller: Identity, kind: str, name: str, action: str
) -> tuple[str, str]:
    arn = f"arn:aws:iam::{caller.account}:{kind}/{name}"
    access.authorise_identity(caller, f"iam:{action}", arn)
    if arn in world.missing_principals:
        raise ServiceError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
    prefix = "AROA" if kind == "role" else "AIDA"
    return arn, world.principal_ids.get(arn) or unique_id(prefix, arn)


def unique_id(prefix: str, arn: str) -> str:
    """The unique id of a principal whose id no test has set."""
    return f"{prefix}{hashlib.sha256(arn.encode()).hexdigest()[:17].upper()}"


def _get_role(
    world: World, _identities: Identities, caller: Identity, _region: str, given: Answer
) -> Answer:
    arn, role_id = _principal(world, caller, "role", given["RoleName"], "GetRole")
    created = "2026-01-01T00:00:00Z"
    fields = {"Path": "/", "RoleName": given["RoleName"], "CreateDate": created}
    return {"Role": {**fields, "RoleId": role_id, "Arn": arn}}


def _get_user(
    world: World, _identities: Identities, caller: Identity, _region: str, given: Answer
) -> Answer:
    name = given.get("UserName") or caller.arn.rpartition("/")[2]
    arn, user_id = _principal(world, caller, "user", name, "GetUser")
    created = "2026-01-01T00:00:00Z"
    fields = {"Path": "/", "UserName": name, "CreateDate": created}
    return {"User": {**fields, "UserId": user_id, "Arn": arn}}


def _get_resources(
    world: World, _identities: Identities, caller: Identity, region: str, given: Answer
) -> Answer:
    access.authorise_identity(caller, "tag:GetResources")
    types = given.get("ResourceTypeFilters") or ["kms"]
    rows = []
    with world.lock:
        world.settle()
        if {"kms", "kms:key"} & set(types):
            for held in world.keys(caller.account, region).values():
                key = world.seen(held.arn, held, "GetResources")
                if key is not None and key.tags and _is_wanted(key, given):
                    tags = [{"Key": k, "Value": v} for k, v in sorted(key.tags.items())]
                    rows.append({"ResourceARN": key.arn, "Tags": tags})
    size = min(given.get("ResourcesPerPage", 100), world.limits.page)
    start = _position(given.get("PaginationToken", ""))
    end = start + size
    more = base64.b64encode(str(end).encode()).decode() if end < len(rows) else ""
    return {"ResourceTagMappingList": rows[start:end], "PaginationToken": more}


def _is_wanted(key: Key, given: Answer) -> bool:
    if (arns := given.get("ResourceARNList")) and key.arn not in arns:
        return False
    return all(
        wanted["Key"] in key.tags
        and (not wanted.get("Values") or key.tags[wanted["Key"]] in wanted["Values"])
        for wanted in given.get("TagFilters") or []
    )


def _position(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError):
        raise ServiceError("PaginationTokenExpiredException", "The token is expired.") from None


HANDLERS: dict[tuple[str, str], Handler] = {
    ("sts", "GetCallerIdentity"): _caller_identity,
    ("sts", "AssumeRole"): _assume_role,
    ("iam", "GetRole"): _get_role,
    ("iam", "GetUser"): _get_user,
    ("tagging", "GetResources"): _get_resources,
}
"""The operations of other services, by service and name."""
