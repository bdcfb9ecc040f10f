"""`KmsDouble`: the double as tests use it, started and stopped by `with`."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

# Importing them registers their operations.
from tests.aws_double import (  # noqa: F401
    aliases,
    cipher,
    errors,
    grants,
    imports,
    keys,
    replicas,
    rotation,
    signatures,
    tags,
)
from tests.aws_double.calls import Call, Calls
from tests.aws_double.errors import ServiceError, no_identity_policy
from tests.aws_double.faults import Fault, Faults
from tests.aws_double.identities import Identities, Identity
from tests.aws_double.neighbours import HANDLERS
from tests.aws_double.operations import Request, answer
from tests.aws_double.quotas import Quotas
from tests.aws_double.server import Server
from tests.aws_double.wire import Incoming, Outgoing, read, write, write_error
from tests.aws_double.world import World


def _now() -> datetime:
    return datetime.now(UTC)


class KmsDouble:
    """A strict AWS KMS on a free port of 127.0.0.1.

    `world` is what it holds, `faults` what goes wrong, `calls` what was called, `quotas` the
    request quotas (off until they get a `scale`), `identities` who calls, `latency` the
    seconds that each answer takes.
    """

    def __init__(
        self,
        *,
        regions: tuple[str, ...] = ("us-east-1", "eu-west-1"),
        clock: Callable[[], datetime] = _now,
        caller: Identity | None = None,
        latency: float = 0,
    ) -> None:
        self.world = World(regions, clock)
        self.faults = Faults()
        self.calls = Calls()
        self.quotas = Quotas()
        self.identities = Identities(caller)
        self.latency = latency
        self._closing = threading.Event()
        self._server = Server(self)
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def endpoint_url(self) -> str:
        """What goes into `endpoint_url` or `AWS_ENDPOINT_URL`."""
        return self._server.url

    @property
    def caller(self) -> Identity:
        """Who calls with access keys that are not of an assumed role."""
        return self.identities.default

    def environment(self, region: str = "") -> dict[str, str]:
        """The variables with which any SDK finds the double."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region or self.world.regions[0],
            "AWS_DEFAULT_REGION": region or self.world.regions[0],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "kms", region: str = "") -> Any:
        """A boto3 client of the double that neither retries nor checks input."""
        where = region or self.world.regions[0]
        if (service, where) not in self._clients:
            self._clients[service, where] = boto3.client(
                service,
                region_name=where,
                endpoint_url=self.endpoint_url,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(
                    retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=10
                ),
            )
        return self._clients[service, where]

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        for client in self._clients.values():
            client.close()
        self._server.stop()

    def serve(self, path: str, headers: dict[str, str], body: bytes) -> Outgoing | None:
        """Answer a request; `None` closes the connection without one."""
        request_id = str(uuid.uuid4())
        incoming = None
        try:
            incoming = read(path, headers, body)
            outcome = self._meet(incoming)
        except ServiceError as error:
            return write_error(incoming, error, request_id)
        return None if outcome is None else write(incoming, outcome, request_id)

    def _meet(self, incoming: Incoming) -> dict[str, Any] | None:
        caller = self.identities.of(incoming.access_key)
        call = self.calls.add(
            Call(
                operation=incoming.operation,
                service=incoming.service,
                region=incoming.region,
                key=_named(incoming.given),
                caller=caller.arn,
                thread=threading.current_thread().name,
                time=self.world.clock(),
                bypass=bool(incoming.given.get("BypassPolicyLockoutSafetyCheck")),
            )
        )
        if self.latency:
            time.sleep(self.latency)
        try:
            fault = self.faults.strike(incoming.operation)
            if fault is not None and not fault.done:
                return self._fail(fault, incoming, caller, call)
            output = self._do(incoming, caller)
            if fault is not None:
                return self._fail(fault, incoming, caller, call)
        except ServiceError as error:
            call.outcome = error.code
            raise
        call.outcome = "ok"
        return output

    def _fail(self, fault: Fault, incoming: Incoming, caller: Identity, call: Call) -> None:
        if fault.denies:
            action = f"{incoming.service}:{incoming.operation}"
            raise no_identity_policy(caller.arn, action, call.key or "*")
        if fault.error is not None:
            raise fault.error
        call.outcome = "lost" if fault.done else "dropped"
        if fault.hang:
            self._closing.wait(fault.hang)

    def _do(self, incoming: Incoming, caller: Identity) -> dict[str, Any]:
        if caller.expired:
            raise errors.expired_token()
        if incoming.service == "kms":
            region, given = incoming.region, incoming.given
            if region not in self.world.regions:
                raise errors.validation(f"the double has no Region {region}")
            replica_region = given.get("ReplicaRegion", "")
            self.quotas.charge(caller.account, region, incoming.operation, replica_region)
            return answer(self.world, Request(incoming.operation, region, caller, given))
        handler = HANDLERS.get((incoming.service, incoming.operation))
        if handler is None:
            what = f"{incoming.service} {incoming.operation}"
            raise ServiceError("UnknownOperationException", f"the double has no {what}")
        return handler(self.world, self.identities, caller, incoming.region, incoming.given)


def _named(given: dict[str, Any]) -> str:
    for field in ("KeyId", "TargetKeyId", "AliasName"):
        if isinstance(given.get(field), str):
            return str(given[field])
    return ""
