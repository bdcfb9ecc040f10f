"""Parts of hand-made plans, with what nobody looks at filled in."""

from __future__ import annotations

from datetime import UTC, datetime

from keyplan.diagnostics import Position
from keyplan.model.address import Address
from keyplan.model.inverses import Inverse, inverse_of
from keyplan.model.operations import (
    Operation,
)
from keyplan.plans.changes import (
    Action,
    Reason,
    ResourceChange,
)
from keyplan.plans.plan import Plan, PlanMode, Step
from keyplan.sdk.provider import Identity
from keyplan.state.entries import Settlement

NOW = datetime(2026, 11, 22, 13, 42, 7, tzinfo=UTC)
HSM = Identity("state/hsm, serial 7F3A19C2", "spiffe://acme.example/key-admins", "HSM 7F3A19C2")
AWS = Identity("111122223333, eu-west-1", "role/key-admins", "AWS 111122223333")
ALL = frozenset(
    {
        "change_state",
        "put_policy",
        "set_attribute",
        "delete_alias",
        "cancel_deletion",
        "set_owner",
        "put_labels",
    }
)

ROOT = Address("key.root")
MASTER = Address('key.master["prod"]')
PAYMENTS = Address("key.payments")
ORDERS = Address("key.orders")
REFUNDS = Address("key.refunds")
REPORTS = Address("key.reports")
LEDGER = Address("key.ledger")


def step(
    number: int,
    address: Address,
    operation: Operation,
    call: str,
    detail: str = "",
    *,
    provider: str = "hsm",
    reason: Reason = Reason.DECLARED,
    one_way: tuple[str, ...] = (),
    inverse: Inverse | None = None,
    depends_on: tuple[int, ...] = (),
    expects: str = "",
) -> Step:
    return Step(
        number=number,
        address=address,
        provider=provider,
        operation=operation,
        inverse=inverse or inverse_of(operation, supported=ALL, one_way=one_way),
        settlement=Settlement(),
        reason=reason,
        call=call,
        detail=detail,
        expects=expects,
        depends_on=depends_on,
    )


def plan(**given: object) -> Plan:
    values: dict[str, object] = {
        "stack": "payments",
        "store": "local keyplan.state.json",
        "keyplan_version": "0.1.0",
        "mode": PlanMode.NORMAL,
        "lineage": "6f9a2c1e-3b7d-4d52-9a51-0d9b3f0c7e11",
        "serial": 41,
        "state_version": "v41",
        "now": NOW,
        "identities": {"hsm": HSM},
        "changes": (),
        "steps": (),
        "keys": 46,
        "read": 46,
    }
    return Plan(**{**values, **given})  # type: ignore[arg-type]


def create(address: Address, *, parent: Address | None = None, **after: object) -> ResourceChange:
    provider = str(after.pop("provider", "hsm"))
    steps = after.pop("steps", ())
    depth = after.pop("depth", 0)
    return ResourceChange(
        address=address,
        provider=provider,
        action=Action.CREATE,
        reason=Reason.DECLARED,
        before=None,
        after={
            **({"parent": str(parent)} if parent else {}),
            **after,  # type: ignore[dict-item]
        },
        steps=steps,  # type: ignore[arg-type]
        parent=parent,
        depth=depth,  # type: ignore[arg-type]
        position=Position("hierarchy.keyplan.yaml", 3, 3),
    )
