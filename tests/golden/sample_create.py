"""A small hierarchy that is made: a root and a master in an HSM, a service key of AWS."""

from __future__ import annotations

from datetime import UTC, datetime

from keyplan.diagnostics import Position, Severity
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    CreateAlias,
    CreateKey,
    SetAttribute,
)
from keyplan.model.policies import ADMINISTER
from keyplan.model.values import Reference, Unknown
from keyplan.plans.changes import (
    AccessChange,
    Due,
    OutputChange,
    ResourceChange,
)
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Plan, Step
from tests.golden.making import AWS, HSM, MASTER, PAYMENTS, ROOT, create, plan, step

DELETION = {"protection": True, "soak": "0d", "window": "30d"}
MARK = OwnerMark("6f9a2c1e", "t-1")


def _changes() -> tuple[ResourceChange, ...]:
    return (
        create(
            ROOT,
            tier="root",
            usage="wrap",
            algorithm="aes-256",
            protection="hsm",
            exportable=False,
            policies=["policy.ceremony"],
            deletion=DELETION,
            owner="security@acme.example",
            steps=(1,),
        ),
        create(
            MASTER,
            parent=ROOT,
            relation="wraps",
            tier="master",
            usage="wrap",
            algorithm="aes-256",
            scope={"environment": "prod"},
            protection="hsm",
            exportable=False,
            policies=["policy.ceremony"],
            rotation={"every": "365d", "overlap": "30d"},
            deletion=DELETION,
            steps=(2,),
            depth=1,
        ),
        create(
            PAYMENTS,
            parent=MASTER,
            relation="governs",
            provider="aws",
            tier="service",
            usage="encrypt",
            algorithm="aes-256",
            scope={"environment": "prod", "application": "payments"},
            protection="hsm",
            policies=["policy.envelope"],
            aliases=["acme/payments"],
            rotation={"every": "180d"},
            labels={"team": "payments"},
            deletion=DELETION,
            arn=Unknown((Reference(PAYMENTS, "arn"),)),
            steps=(3, 4, 5),
            depth=2,
        ),
    )


def _steps() -> tuple[Step, ...]:
    return (
        step(
            1,
            ROOT,
            CreateKey(ROOT, MARK, "wrap", "aes-256", None, None, {}),
            "generate key in the HSM",
            "aes-256, wrap",
        ),
        step(
            2,
            MASTER,
            CreateKey(MASTER, MARK, "wrap", "aes-256", ROOT, "wraps", {}),
            "generate key in the HSM",
            "aes-256, wrap, wrapped by key.root",
            depends_on=(1,),
        ),
        step(
            3,
            PAYMENTS,
            CreateKey(PAYMENTS, MARK, "encrypt", "aes-256", MASTER, "governs", {}),
            "CreateKey",
            "aes-256, encrypt",
            provider="aws",
            depends_on=(2,),
        ),
        step(
            4,
            PAYMENTS,
            SetAttribute(PAYMENTS, "rotation", None, {"every": "180d"}),
            "EnableKeyRotation",
            "every 180d",
            provider="aws",
            depends_on=(3,),
        ),
        step(
            5,
            PAYMENTS,
            CreateAlias(PAYMENTS, "acme/payments"),
            "CreateAlias",
            "acme/payments",
            provider="aws",
            depends_on=(3,),
        ),
    )


def _access() -> tuple[AccessChange, ...]:
    admin = tuple(sorted(ADMINISTER))
    use = ("decrypt", "encrypt", "generate_data_key")
    return (
        *(
            AccessChange(key, "hsm", f"spiffe://acme.example/{who}", who, admin, None, "", True)
            for key in (ROOT, MASTER)
            for who in ("key_admins", "break_glass")
        ),
        AccessChange(
            PAYMENTS,
            "aws",
            "arn:aws:iam::111122223333:role/payments-api",
            "payments_api",
            use,
            None,
            "context tenant=acme, until 2027-06-30",
            True,
        ),
    )


def small_create() -> Plan:
    return plan(
        serial=0,
        state_version=None,
        identities={"hsm": HSM, "aws": AWS},
        changes=_changes(),
        steps=_steps(),
        access=_access(),
        keys=3,
        read=0,
        findings=(
            Finding(
                "KP-ROT-001",
                Severity.WARNING,
                "key.root has no rotation",
                ROOT,
                Position("hierarchy.keyplan.yaml", 3, 3),
                "Add `rotation: {every: 365d}`, or `rotation: none` and a waiver.",
            ),
        ),
        due=(
            Due(MASTER, "rotation", datetime(2027, 11, 22, 13, 42, 7, tzinfo=UTC)),
            Due(PAYMENTS, "rotation", datetime(2027, 5, 21, 13, 42, 7, tzinfo=UTC)),
        ),
        outputs=(OutputChange("payments_arn", None, Unknown((Reference(PAYMENTS, "arn"),))),),
        lockout="Lockout check: proved after each step; break_glass can always administer.",
    )
