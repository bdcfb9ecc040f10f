"""Keys: created, described, enabled and disabled, deleted, their policy, their tags."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import Any

from tests.aws_double import access, errors, policies
from tests.aws_double.operations import Request, free, on_key
from tests.aws_double.paging import page
from tests.aws_double.records import Key, Shared
from tests.aws_double.specs import SYMMETRIC, usages
from tests.aws_double.tags import add_tags
from tests.aws_double.world import World


@free("CreateKey")
def create_key(world: World, request: Request) -> dict[str, Any]:
    """A new key, with the default policy where none is given."""
    given, caller = request.given, request.caller
    access.authorise_identity(caller, "kms:CreateKey")
    held = world.keys(caller.account, request.region)
    if len(held) >= world.limits.keys:
        raise errors.limit(f"You have reached the limit of {world.limits.keys} keys.")
    shared = _shared(world, request)
    policy = policy_of(world, request, caller.account)
    arn = f"arn:aws:kms:{request.region}:{caller.account}:key/{shared.key_id}"
    key = Key(arn, caller.account, request.region, shared, world.clock(), policy)
    key.description = given.get("Description", "")
    key.store = given.get("CustomKeyStoreId")
    add_tags(world, key, given.get("Tags", []))
    if key.tags:
        access.authorise_identity(caller, "kms:TagResource")
    world.add(key)
    return {"KeyMetadata": key.metadata(world.related(key))}


def _shared(world: World, request: Request) -> Shared:
    given = request.given
    spec = given.get("KeySpec") or given.get("CustomerMasterKeySpec") or SYMMETRIC
    usage = given.get("KeyUsage") or ("ENCRYPT_DECRYPT" if spec == SYMMETRIC else "")
    if not usage:
        raise errors.validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric "
            "encryption keys."
        )
    if usage not in usages(spec):
        raise errors.validation(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if spec == "SM2" and not request.region.startswith("cn-"):
        raise errors.unsupported("KeySpec SM2 is not supported in this Region.")
    origin, multi = given.get("Origin", "AWS_KMS"), given.get("MultiRegion", False)
    _check_store(world, given, spec, origin, multi=multi)
    key_id = f"mrk-{secrets.token_hex(16)}" if multi else str(uuid.uuid4())
    shared = Shared(key_id, spec, usage, origin, multi, request.region)
    if origin != "EXTERNAL":
        shared.materials.append(world.new_material())
    return shared


def _check_store(
    world: World, given: dict[str, Any], spec: str, origin: str, *, multi: bool
) -> None:
    store = given.get("CustomKeyStoreId")
    if store is None:
        if origin not in ("AWS_KMS", "EXTERNAL"):
            raise errors.validation(f"Origin {origin} requires a CustomKeyStoreId")
        return
    if store not in world.stores:
        raise errors.ServiceError("CustomKeyStoreNotFoundException", f"{store} does not exist")
    if world.stores[store] != origin or spec != SYMMETRIC or multi:
        raise errors.unsupported("The custom key store does not support this kind of key.")


def policy_of(world: World, request: Request, account: str) -> dict[str, Any]:
    """The policy that the request gives, checked; the default if it gives none."""
    text = request.given.get("Policy")
    if text is None:
        return policies.default(account)
    document = policies.parse(text)
    policies.check_principals(document, world.missing_principals)
    if not request.given.get("BypassPolicyLockoutSafetyCheck", False):
        access.check_lockout(document, request.caller, account)
    return document


@on_key("DescribeKey", by_alias=True)
def describe_key(world: World, _request: Request, key: Key) -> dict[str, Any]:
    """All metadata of a key."""
    return {"KeyMetadata": key.metadata(world.related(key))}


@free("ListKeys")
def list_keys(world: World, request: Request) -> dict[str, Any]:
    """Ids and ARNs of all keys, AWS's own included."""
    access.authorise_identity(request.caller, "kms:ListKeys")
    held = world.keys(request.caller.account, request.region).values()
    rows = [
        {"KeyId": key.id, "KeyArn": key.arn}
        for key in held
        if world.seen(key.arn, key, "ListKeys") is not None
    ]
    return page(world, request, "Keys", rows)


@on_key("EnableKey")
def enable_key(_world: World, _request: Request, key: Key) -> None:
    """Let the key be used."""
    key.enabled = True


@on_key("DisableKey")
def disable_key(_world: World, _request: Request, key: Key) -> None:
    """Let the key not be used."""
    key.enabled = False


@on_key("UpdateKeyDescription")
def update_key_description(_world: World, request: Request, key: Key) -> None:
    """Another description."""
    key.description = request.given["Description"]


@on_key("GetKeyPolicy")
def get_key_policy(_world: World, request: Request, key: Key) -> dict[str, Any]:
    """The key policy, in AWS's own spelling."""
    name = _policy_name(request)
    return {"Policy": policies.serialise(key.policy), "PolicyName": name}


@on_key("PutKeyPolicy")
def put_key_policy(world: World, request: Request, key: Key) -> None:
    """Another key policy."""
    _policy_name(request)
    key.policy = policy_of(world, request, key.account)


@on_key("ListKeyPolicies")
def list_key_policies(world: World, request: Request, _key: Key) -> dict[str, Any]:
    """Always `default`."""
    return page(world, request, "PolicyNames", ["default"])


def _policy_name(request: Request) -> str:
    name: str = request.given.get("PolicyName", "default")
    if name != "default":
        raise errors.not_found(f"No such policy exists: {name}")
    return name


@on_key("ScheduleKeyDeletion")
def schedule_key_deletion(world: World, request: Request, key: Key) -> dict[str, Any]:
    """Let the waiting period begin; a primary waits for its replicas first."""
    key.window = request.given.get("PendingWindowInDays", 30)
    key.enabled = False
    if key.is_primary and len(world.related(key)) > 1:
        return {"KeyId": key.arn, "KeyState": key.state, "PendingWindowInDays": key.window}
    key.deletion = world.clock() + timedelta(days=key.window)
    world.wake_at(key.deletion)
    return {
        "KeyId": key.arn,
        "DeletionDate": key.deletion,
        "KeyState": key.state,
        "PendingWindowInDays": key.window,
    }


@on_key("CancelKeyDeletion")
def cancel_key_deletion(_world: World, _request: Request, key: Key) -> dict[str, Any]:
    """Keep the key. It comes back disabled."""
    key.deletion, key.window = None, None
    return {"KeyId": key.arn}


@on_key("GetKeyLastUsage")
def get_key_last_usage(_world: World, _request: Request, key: Key) -> dict[str, Any]:
    """Nothing was used since the key exists: the double keeps no record of uses."""
    return {"KeyId": key.arn, "TrackingStartDate": key.created, "KeyCreationDate": key.created}
