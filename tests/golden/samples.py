"""Hand-made plans: the cases that a reviewer meets, without planning anything."""

from __future__ import annotations

from datetime import UTC, datetime

from keyplan.diagnostics import Position, Severity
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangeState,
    ForgetKey,
    RecordAttributes,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.plans.changes import (
    Action,
    AttributeChange,
    DriftItem,
    DriftKind,
    DriftResponse,
    Due,
    Reason,
    ResourceChange,
)
from keyplan.plans.findings import Brake, BrakeName, Finding
from keyplan.plans.plan import Plan, PlanMode
from tests.golden.making import LEDGER, NOW, PAYMENTS, REPORTS, plan, step
from tests.golden.sample_create import small_create
from tests.golden.sample_risky import risky

__all__ = [
    "NOW",
    "blocked",
    "destroy",
    "no_changes",
    "plan",
    "refresh_only",
    "risky",
    "small_create",
    "step",
]


def no_changes() -> Plan:
    return plan(due=(Due(PAYMENTS, "rotation", datetime(2027, 5, 21, tzinfo=UTC)),))


def destroy() -> Plan:
    facts = {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"}
    steps = (
        step(
            1,
            PAYMENTS,
            ChangeState(PAYMENTS, KeyState.ACTIVE, KeyState.SUSPENDED),
            "suspend key",
            reason=Reason.DESTROY,
        ),
        step(
            2,
            PAYMENTS,
            ScheduleDeletion(PAYMENTS, "30d"),
            "schedule deletion",
            "after 30d",
            reason=Reason.DESTROY,
            depends_on=(1,),
        ),
        step(3, LEDGER, ForgetKey(LEDGER, "k-77"), "forget key", reason=Reason.REMOVED),
    )
    return plan(
        mode=PlanMode.DESTROY,
        changes=(
            ResourceChange(
                PAYMENTS,
                "hsm",
                Action.DELETE,
                Reason.DESTROY,
                {**facts, "state": "active"},
                None,
                steps=(1, 2),
                notes=("can be cancelled until 2026-12-22, then its material is gone for good",),
            ),
            ResourceChange(
                LEDGER,
                "hsm",
                Action.FORGET,
                Reason.REMOVED,
                {**facts, "state": "active"},
                None,
                steps=(3,),
                notes=("it keeps working; keyplan no longer looks after it",),
            ),
        ),
        steps=steps,
        keys=2,
        read=2,
        brakes=(Brake(BrakeName.MAX_DELETE, "1 of 2 keys, more than 30 %", (2,)),),
    )


def refresh_only() -> Plan:
    return plan(
        mode=PlanMode.REFRESH_ONLY,
        steps=(
            step(
                1,
                LEDGER,
                RecordAttributes(LEDGER, {"state": "active"}, {"state": "suspended"}),
                "update the state",
                reason=Reason.DRIFT,
            ),
        ),
        drift=(
            DriftItem(
                LEDGER,
                "hsm",
                "state",
                "active",
                "suspended",
                DriftKind.AVAILABILITY,
                DriftResponse.ACCEPT,
            ),
            DriftItem(
                LEDGER,
                "hsm",
                "labels:team",
                "ledger",
                None,
                DriftKind.METADATA,
                DriftResponse.ACCEPT,
            ),
        ),
    )


def blocked() -> Plan:
    return plan(
        changes=(
            ResourceChange(
                LEDGER,
                "hsm",
                Action.UPDATE,
                Reason.DRIFT,
                {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"},
                {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"},
                (
                    AttributeChange("description", "edited", "the ledger", Reason.DRIFT),
                    AttributeChange("labels:team", None, "ledger"),
                    AttributeChange("labels:tier", "gold", None, Reason.WITHDRAWN),
                    AttributeChange("aliases:acme/ledger", None, "acme/ledger"),
                    AttributeChange("owner", "a@acme.example", "b@acme.example", recorded=True),
                ),
                steps=(1,),
                position=Position("ledger.keyplan.yaml", 4, 3),
            ),
        ),
        steps=(
            step(
                1,
                LEDGER,
                SetAttribute(LEDGER, "description", "edited", "the ledger"),
                "set description",
                inverse=Inverse(Grade.EXACT),
            ),
        ),
        findings=(
            Finding(
                "KP-PLAN-006",
                Severity.ERROR,
                "key.reports is no longer declared, and it is protected",
                REPORTS,
                None,
                "If it has another name now: `moved: [{from: 'key.reports', to: key.NAME}]`. If it"
                " shall go: `removed: [{from: 'key.reports', mode: forget}]` (or suspend, or"
                " destroy). Else put it back.",
            ),
        ),
    )
