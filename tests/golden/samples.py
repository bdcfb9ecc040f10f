"""Hand-made plans: the cases that a reviewer meets, without planning anything."""

from __future__ import annotations

from datetime import UTC, datetime

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse, inverse_of
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateKey,
    ForgetKey,
    Operation,
    PutPolicy,
    RecordAttributes,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.model.policies import ADMINISTER
from keyplan.model.values import Reference, Unknown
from keyplan.plans.changes import (
    AccessChange,
    Action,
    AttributeChange,
    DriftItem,
    DriftKind,
    DriftResponse,
    Due,
    OutputChange,
    Reason,
    ResourceChange,
)
from keyplan.plans.findings import Brake, BrakeName, Finding
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


def small_create() -> Plan:
    deletion = {"protection": True, "soak": "0d", "window": "30d"}
    mark = OwnerMark("6f9a2c1e", "t-1")
    changes = (
        create(
            ROOT,
            tier="root",
            usage="wrap",
            algorithm="aes-256",
            protection="hsm",
            exportable=False,
            policies=["policy.ceremony"],
            deletion=deletion,
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
            deletion=deletion,
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
            deletion=deletion,
            arn=Unknown((Reference(PAYMENTS, "arn"),)),
            steps=(3, 4, 5),
            depth=2,
        ),
    )
    steps = (
        step(
            1,
            ROOT,
            CreateKey(ROOT, mark, "wrap", "aes-256", None, None, {}),
            "generate key in the HSM",
            "aes-256, wrap",
        ),
        step(
            2,
            MASTER,
            CreateKey(MASTER, mark, "wrap", "aes-256", ROOT, "wraps", {}),
            "generate key in the HSM",
            "aes-256, wrap, wrapped by key.root",
            depends_on=(1,),
        ),
        step(
            3,
            PAYMENTS,
            CreateKey(PAYMENTS, mark, "encrypt", "aes-256", MASTER, "governs", {}),
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
    admin = tuple(sorted(ADMINISTER))
    use = ("decrypt", "encrypt", "generate_data_key")
    access = (
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
    return plan(
        serial=0,
        state_version=None,
        identities={"hsm": HSM, "aws": AWS},
        changes=changes,
        steps=steps,
        access=access,
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


def risky() -> Plan:
    facts = {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"}
    changes = [
        ResourceChange(
            REPORTS,
            "openbao",
            Action.UPDATE,
            Reason.DECLARED,
            {**facts, "exportable": False},
            {**facts, "exportable": True},
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
    ]
    steps: list[Step] = []
    access: list[AccessChange] = []
    for number, key in enumerate((ORDERS, PAYMENTS, REFUNDS), start=1):
        before, after = _policy(wide=False, team=key.name), _policy(wide=True, team=key.name)
        scope = {"environment": "prod", "tenant": "globex" if key == REFUNDS else "acme"}
        known = {**facts, "policies": ["policy.envelope"], "scope": scope}
        changes.append(
            ResourceChange(
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
        )
        steps.append(
            step(
                number,
                key,
                PutPolicy(key, before, after),
                "PutKeyPolicy",
                provider="aws",
                expects=f"fingerprint-{number}",
            )
        )
        access += [
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
    steps.append(
        step(
            4,
            REPORTS,
            SetAttribute(REPORTS, "exportable", False, True),
            "transit config",
            "exportable=true",
            provider="openbao",
            one_way=("exportable",),
        )
    )
    changes.append(
        ResourceChange(
            LEDGER,
            "aws",
            Action.NO_OP,
            Reason.DECLARED,
            {**facts, "state": "suspended"},
            {**facts, "state": "suspended"},
        )
    )
    return plan(
        store="s3 acme-keyplan",
        identities={
            "aws": Identity("111122223333, eu-west-1", "role/ci-keyplan", "AWS"),
            "openbao": Identity("bao.corp.example, transit", "role/ci-keyplan", "OpenBao"),
        },
        changes=tuple(changes),
        steps=tuple(steps),
        access=tuple(access),
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
        findings=(
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
        ),
        brakes=(Brake(BrakeName.IRREVERSIBLE, "step 4, key.reports exportable", (4,)),),
        lockout="Lockout check: proved after each step; break_glass can always administer.",
    )


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
                "Put the key back, or say what becomes of it:"
                " `removed: [{from: 'key.reports', mode: forget}]` (or suspend, or destroy).",
            ),
        ),
    )
