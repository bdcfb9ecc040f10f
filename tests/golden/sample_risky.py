"""A policy that becomes wider on three keys, a step without a way back, and a drifted key."""

from __future__ import annotations

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.operations import (
    PutPolicy,
    SetAttribute,
)
from keyplan.plans.changes import (
    AccessChange,
    Action,
    AttributeChange,
    DriftItem,
    DriftKind,
    DriftResponse,
    Reason,
    ResourceChange,
)
from keyplan.plans.findings import Brake, BrakeName, Finding
from keyplan.plans.plan import Plan, Step
from keyplan.sdk.provider import Identity
from tests.golden.making import LEDGER, ORDERS, PAYMENTS, REFUNDS, REPORTS, plan, step

SHARED = (ORDERS, PAYMENTS, REFUNDS)
FACTS = {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"}


def _policy(*, wide: bool, team: str) -> dict[str, object]:
    principals = ["arn:aws:iam::111122223333:role/payments-api"]
    when: dict[str, object] = {"source_vpc": "vpc-0a1b2c3d"}
    if wide:
        principals.append("arn:aws:iam::999900001111:role/etl")
    else:
        when["context"] = {"tenant": "acme"}
    return {
        "version": "1",
        "statements": [
            {
                "sid": "Administrators",
                "principals": ["arn:aws:iam::111122223333:role/key-admins"],
                "operations": ["administer"],
                "note": f"administered for {team}",
            },
            {
                "sid": "PaymentsEnvelope",
                "principals": principals,
                "operations": ["decrypt", "encrypt", "generate_data_key"],
                "when": when,
            },
        ],
    }


def _policies(key: Address) -> tuple[dict[str, object], dict[str, object]]:
    return _policy(wide=False, team=key.name), _policy(wide=True, team=key.name)


def _exported() -> ResourceChange:
    return ResourceChange(
        REPORTS,
        "openbao",
        Action.UPDATE,
        Reason.DECLARED,
        {**FACTS, "exportable": False},
        {**FACTS, "exportable": True},
        (
            AttributeChange(
                "exportable",
                False,
                True,
                one_way=True,
                note="Whoever may read transit/export/*/reports can copy the key out."
                " OpenBao accepts a later `false` and ignores it.",
            ),
        ),
        steps=(4,),
        position=Position("reports.keyplan.yaml", 9, 5),
    )


def _widened(number: int, key: Address) -> ResourceChange:
    before, after = _policies(key)
    scope = {"environment": "prod", "tenant": "globex" if key == REFUNDS else "acme"}
    known = {**FACTS, "policies": ["policy.envelope"], "scope": scope}
    return ResourceChange(
        key,
        "aws",
        Action.UPDATE,
        Reason.DECLARED,
        {**known, "policy": before},
        {**known, "policy": after},
        (AttributeChange("policy", before, after),),
        steps=(number,),
        position=Position("envelope.keyplan.yaml", 2, 3),
    )


def _put(number: int, key: Address) -> Step:
    before, after = _policies(key)
    return step(
        number,
        key,
        PutPolicy(key, before, after),
        "PutKeyPolicy",
        provider="aws",
        expects=f"fingerprint-{number}",
    )


def _gained(key: Address) -> list[AccessChange]:
    return [
        AccessChange(
            key,
            "aws",
            "arn:aws:iam::999900001111:role/etl",
            "analytics_etl",
            ("decrypt", "encrypt", "generate_data_key"),
            None,
            "from vpc-0a1b2c3d, no end date",
            True,
        ),
        AccessChange(
            key,
            "aws",
            "arn:aws:iam::111122223333:role/payments-api",
            "payments_api",
            ("decrypt",),
            "context tenant=acme",
            "any context",
            True,
        ),
    ]


def _drifted() -> ResourceChange:
    return ResourceChange(
        LEDGER,
        "aws",
        Action.NO_OP,
        Reason.DECLARED,
        {**FACTS, "state": "suspended"},
        {**FACTS, "state": "suspended"},
    )


def _steps() -> tuple[Step, ...]:
    puts = [_put(number, key) for number, key in enumerate(SHARED, start=1)]
    export = step(
        4,
        REPORTS,
        SetAttribute(REPORTS, "exportable", False, True),
        "transit config",
        "exportable=true",
        provider="openbao",
        one_way=("exportable",),
    )
    return (*puts, export)


def _findings() -> tuple[Finding, ...]:
    return (
        Finding(
            "KP-KPOL-018",
            Severity.WARNING,
            "policy.envelope trusts another account without an organisation, condition or end",
            None,
            Position("envelope.keyplan.yaml", 6, 5),
            "Add `expires_at: 2027-03-31` or `when: {org: o-a1b2c3d4e5}`.",
        ),
        Finding(
            "KP-HIER-006",
            Severity.WARNING,
            "3 keys: tenant is no longer bound in the context",
            None,
            Position("envelope.keyplan.yaml", 8, 5),
            "Put `context: {tenant: acme}` back.",
        ),
        Finding(
            "KP-HIER-010",
            Severity.NOTE,
            "key.reports may leave its store once exportable",
            REPORTS,
        ),
    )


def risky() -> Plan:
    widened = [_widened(number, key) for number, key in enumerate(SHARED, start=1)]
    return plan(
        store="s3 acme-keyplan",
        identities={
            "aws": Identity("111122223333, eu-west-1", "role/ci-keyplan", "AWS"),
            "openbao": Identity("bao.corp.example, transit", "role/ci-keyplan", "OpenBao"),
        },
        changes=(_exported(), *widened, _drifted()),
        steps=_steps(),
        access=tuple(gain for key in SHARED for gain in _gained(key)),
        drift=(
            DriftItem(
                LEDGER,
                "aws",
                "state",
                "active",
                "suspended",
                DriftKind.AVAILABILITY,
                DriftResponse.REPORT,
                Position("ledger.keyplan.yaml", 14, 5),
            ),
        ),
        findings=_findings(),
        brakes=(Brake(BrakeName.IRREVERSIBLE, "step 4, key.reports exportable", (4,)),),
        lockout="Lockout check: proved after each step; break_glass can always administer.",
    )
