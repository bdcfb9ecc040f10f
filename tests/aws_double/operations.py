"""The register of operations, and what each request goes through before its handler.

In AWS's order: the shape of the input, the key, the caller's rights, the key's state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.aws_double import access, errors, states
from tests.aws_double.identities import Identity
from tests.aws_double.records import Key
from tests.aws_double.shapes import check
from tests.aws_double.specs import MODEL
from tests.aws_double.world import World

_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: what, where, by whom, with what."""

    operation: str
    region: str
    caller: Identity
    given: dict[str, Any]

    @property
    def action(self) -> str:
        """The permission that the call needs."""
        return f"kms:{self.operation}"


Handler = Callable[[World, Request, Key], dict[str, Any] | None]
Free = Callable[[World, Request], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """A handler, and which field names its key; none for what is about no key, or several."""

    handler: Handler | Free
    key_field: str = ""
    by_alias: bool = False


OPERATIONS: dict[str, Operation] = {}


def on_key(
    name: str, *, by_alias: bool = False, field: str = "KeyId"
) -> Callable[[Handler], Handler]:
    """Register the handler of an operation on one key: found, permitted, in a fit state."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[name] = Operation(handler, field, by_alias)
        return handler

    return register


def free(name: str) -> Callable[[Free], Free]:
    """Register the handler of an operation that looks after its keys itself."""

    def register(handler: Free) -> Free:
        OPERATIONS[name] = Operation(handler)
        return handler

    return register


def answer(world: World, request: Request) -> dict[str, Any]:
    """What AWS KMS answers. Raises `ServiceError`."""
    operation = OPERATIONS.get(request.operation)
    if operation is None:
        raise errors.ServiceError(
            "UnknownOperationException", f"the double has no {request.operation}"
        )
    check(MODEL.operation_model(request.operation).input_shape, request.given)
    with world.lock:
        world.settle()
        if not operation.key_field:
            return operation.handler(world, request) or {}
        named = request.given[operation.key_field]
        key = use(world, request, named, by_alias=operation.by_alias)
        return operation.handler(world, request, key) or {}


def use(world: World, request: Request, named: str, *, by_alias: bool = False) -> Key:
    """The key that the request names, if the caller may do this with it, in its state."""
    key = find(world, request, named, by_alias=by_alias)
    access.authorise(request.caller, request.action, key, request.given)
    states.check(key, request.operation)
    if request.operation not in states.READS | states.CRYPTOGRAPHIC:
        world.changing(key.arn, key)
    return key


def find(world: World, request: Request, named: str, *, by_alias: bool = False) -> Key:
    """The key as the operation sees it: by id or ARN and, where AWS takes them, by alias."""
    account, region, local = request.caller.account, request.region, named
    if named.startswith("arn:"):
        parts = named.split(":", 5)
        if len(parts) != 6 or parts[2] != "kms" or not re.fullmatch(r"\d{12}", parts[4]):
            raise errors.ServiceError("InvalidArnException", f"Invalid arn {named}")
        if parts[3] != region:
            raise errors.not_found(f"Invalid arn {parts[3]}")
        account, local = parts[4], parts[5].removeprefix("key/")
    if local.startswith("alias/"):
        if not by_alias:
            raise errors.not_found(f"Invalid keyId '{named}'")
        local = _by_alias(world, request, account, local)
    elif _KEY_ID.fullmatch(local) is None:
        raise errors.not_found(f"Invalid keyId '{named}'")
    arn = f"arn:aws:kms:{region}:{account}:key/{local}"
    now = world.keys(account, region).get(local)
    seen = world.seen(arn, now, request.operation)
    if now is None or seen is None:
        raise errors.unknown_key(arn)
    return seen if request.operation in states.READS else now


def _by_alias(world: World, request: Request, account: str, name: str) -> str:
    arn = f"arn:aws:kms:{request.region}:{account}:{name}"
    held = world.aliases(account, request.region).get(name)
    alias = world.seen(arn, held, request.operation)
    if alias is None:
        raise errors.unknown_alias(arn)
    return alias.key_id
