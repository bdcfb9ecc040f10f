"""Aliases: names of keys that can be moved."""

from __future__ import annotations

from typing import Any

from tests.aws_double import access, errors
from tests.aws_double.operations import Request, find, free, use
from tests.aws_double.paging import page
from tests.aws_double.records import Alias, Key
from tests.aws_double.specs import family
from tests.aws_double.world import World


@free("CreateAlias")
def create_alias(world: World, request: Request) -> None:
    """A new alias for a key of this account and Region."""
    name = _own_name(request)
    access.authorise_identity(request.caller, "kms:CreateAlias", _arn(request, name))
    held = world.aliases(request.caller.account, request.region)
    key = use(world, request, request.given["TargetKeyId"])
    if name in held:
        raise errors.ServiceError(
            "AlreadyExistsException", f"An alias with the name {held[name].arn} already exists"
        )
    _check_room(world, key)
    now = world.clock()
    world.changing(_arn(request, name), None)
    held[name] = Alias(name, _arn(request, name), key.id, now, now)


@free("UpdateAlias")
def update_alias(world: World, request: Request) -> None:
    """Move an alias to another key of the same type and usage."""
    alias = _existing(world, request)
    access.authorise_identity(request.caller, "kms:UpdateAlias", alias.arn)
    before = world.keys(request.caller.account, request.region)[alias.key_id]
    access.authorise(request.caller, "kms:UpdateAlias", before, request.given)
    key = use(world, request, request.given["TargetKeyId"])
    if (family(key.shared.spec), key.shared.usage) != (
        family(before.shared.spec),
        before.shared.usage,
    ):
        raise errors.validation(
            f"{alias.arn} cannot be moved: the current and the new KMS key must be of the same "
            "type and have the same key usage."
        )
    if key.id != before.id:
        _check_room(world, key)
    world.changing(alias.arn, alias)
    alias.key_id, alias.updated = key.id, world.clock()


@free("DeleteAlias")
def delete_alias(world: World, request: Request) -> None:
    """Take the alias away; the key stays."""
    alias = _existing(world, request)
    access.authorise_identity(request.caller, "kms:DeleteAlias", alias.arn)
    held = world.keys(request.caller.account, request.region)
    access.authorise(request.caller, "kms:DeleteAlias", held[alias.key_id], request.given)
    world.changing(alias.arn, alias)
    del world.aliases(request.caller.account, request.region)[alias.name]


@free("ListAliases")
def list_aliases(world: World, request: Request) -> dict[str, Any]:
    """All aliases of the account and Region, or those of one key."""
    access.authorise_identity(request.caller, "kms:ListAliases")
    held = world.aliases(request.caller.account, request.region)
    key_id = None
    if (named := request.given.get("KeyId")) is not None:
        key_id = find(world, request, named).id
    seen = [world.seen(alias.arn, alias, "ListAliases") for alias in held.values()]
    shown = [each for each in seen if each is not None and key_id in (None, each.key_id)]
    rows = [
        {
            "AliasName": each.name,
            "AliasArn": each.arn,
            "TargetKeyId": each.key_id,
            "CreationDate": each.created,
            "LastUpdatedDate": each.updated,
        }
        for each in sorted(shown, key=lambda each: each.name)
    ]
    return page(world, request, "Aliases", rows)


def _own_name(request: Request) -> str:
    name: str = request.given["AliasName"]
    if not name.startswith("alias/") or name == "alias/":
        raise errors.validation(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith("alias/aws/"):
        raise errors.ServiceError("NotAuthorizedException", "")
    if ":" in name:
        raise errors.ServiceError(
            "InvalidAliasNameException", f"{name} contains invalid characters for an alias"
        )
    return name


def _existing(world: World, request: Request) -> Alias:
    name = _own_name(request)
    held = world.aliases(request.caller.account, request.region).get(name)
    if held is None or world.seen(held.arn, held, request.operation) is None:
        raise errors.unknown_alias(_arn(request, name))
    return held


def _arn(request: Request, name: str) -> str:
    return f"arn:aws:kms:{request.region}:{request.caller.account}:{name}"


def _check_room(world: World, key: Key) -> None:
    if len(world.alias_names(key)) >= world.limits.aliases_per_key:
        raise errors.limit(f"{key.arn} has {world.limits.aliases_per_key} aliases, the limit.")
