"""A report of drift, whole, as text and as Markdown."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import Drifted, DriftReport, Repair, Respelt, Stray
from keyplan.plans.findings import Finding
from keyplan.render.drift_markdown import drift_markdown
from keyplan.render.drift_report import drift_text, left_text

FOLDER = Path(__file__).parent

LEDGER, ORDERS, PAYMENTS, OLD = (
    Address(f"key.{name}") for name in ("ledger", "orders", "payments", "old")
)
ENABLE = Repair("EnableKey", "suspended -> active", Grade.EXACT)
UNTIL = datetime(2026, 12, 9, 10, tzinfo=UTC)


def sample() -> DriftReport:
    """One of each class, and what is only said."""
    kinds, responses = DriftKind, DriftResponse
    place = Position("ledger.keyplan.yaml", 14, 5)
    gone = DriftItem(
        OLD, "aws", "", "arn-old", None, kinds.VANISHED, responses.BLOCK, Position("old.yaml", 2, 3)
    )
    dying = DriftItem(
        ORDERS, "aws", "deletion_at", None, "2026-12-09T10:00:00Z", kinds.DESTRUCTIVE,
        responses.REVERT, Position("orders.yaml", 2, 3),
    )  # fmt: skip
    foreign = DriftItem(
        PAYMENTS, "aws", "grants:batch", None,
        {"principal": ["arn:aws:iam::999900001111:role/etl"], "operations": ["decrypt"]},
        kinds.ACCESS_WIDENED, responses.LEAVE,
    )  # fmt: skip
    suspended = DriftItem(
        LEDGER, "aws", "state", "active", "suspended", kinds.AVAILABILITY, responses.REPORT,
        place, "active", True,
    )  # fmt: skip
    renamed = DriftItem(
        LEDGER, "aws", "labels:team", "books", "ledgers", kinds.METADATA, responses.REVERT,
        Position("ledger.keyplan.yaml", 18, 5), "accounts", True,
    )  # fmt: skip
    facts = {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"}
    return DriftReport(
        stack="payments",
        store="s3 acme-keyplan",
        keyplan_version="0.1.0",
        lineage="11111111-1111-4111-8111-111111111111",
        serial=41,
        now=datetime(2026, 11, 22, 12, tzinfo=UTC),
        providers=("aws",),
        keys=46,
        read=45,
        drifted=(
            Drifted(gone, "arn-old", left="nothing brings back a key that its provider lost"),
            Drifted(
                dying, "arn-orders", **facts,
                by_apply=(Repair("CancelKeyDeletion", "", Grade.COMPENSATING),),
                left="keyplan apply rescues it, until 2026-12-09", until=UNTIL,
            ),
            Drifted(foreign, "arn-payments", **facts, left="keyplan does not manage it"),
            Drifted(suspended, "arn-ledger", **facts, by_remedy=(ENABLE,)),
            Drifted(
                renamed, "arn-ledger", **facts,
                by_apply=(Repair("TagResource", "team", Grade.EXACT),),
                left="the declaration changed it too: keyplan apply",
            ),
        ),
        strays=(Stray("aws", "arn-stray", "encrypt", "aes-256", "active", ("acme/tmp",)),),
        of_services=3,
        respelt=(Respelt(PAYMENTS, "aws", "policy"),),
        findings=(
            Finding("KP-PLAN-015", Severity.NOTE, "rotation of 1 key on aws cannot be read"),
        ),
        blocked="key.old is gone: aws no longer has arn-old",
    )  # fmt: skip


CASES: dict[str, Callable[[], str]] = {
    "drift.txt": lambda: drift_text(sample(), seconds=1.9),
    "drift_left.txt": lambda: left_text(sample(), [e for e in sample().drifted if e.left]),
    "drift.md": lambda: drift_markdown(sample()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_is_as_agreed(name: str) -> None:
    text = CASES[name]()
    golden = FOLDER / name
    if os.environ.get("KEYPLAN_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()
