"""A check for drift as JSON data: everything that the text says, and the values whole.

Rules: fields are added, never renamed, within one `format_version`; what is not known is
`null`; the exit code is in it, so that a stored document can be judged alone.
"""

from __future__ import annotations

from typing import Any, Final

from keyplan.diagnostics import Position
from keyplan.model.timing import format_instant
from keyplan.plans.drift import Drifted, DriftReport, Repair, Stray
from keyplan.plans.findings import Finding
from keyplan.render.drift_report import keep_text

FORMAT_VERSION: Final = "1.0"

_OUTCOMES: Final = {0: "none", 1: "unknown", 2: "drift"}


def drift_document(report: DriftReport) -> dict[str, Any]:
    """The whole report."""
    return {
        "format_version": FORMAT_VERSION,
        "keyplan_version": report.keyplan_version,
        "now": format_instant(report.now),
        "stack": report.stack,
        "store": report.store,
        "lineage": report.lineage,
        "serial": report.serial,
        "exit_code": report.exit_code,
        "outcome": _OUTCOMES[report.exit_code],
        "complete": report.complete,
        "digest": report.digest,
        "keys": {
            "known": report.keys,
            "read": report.read,
            "hidden": report.hidden,
            "drifted": report.drifted_keys,
        },
        "unreadable": report.unreadable,
        "counts": {kind.value: number for kind, number in report.counts.items()},
        "items": [_item(entry) for entry in report.drifted],
        "unmanaged": None if report.strays is None else [_stray(one) for one in report.strays],
        "not_ours": {"of_other_stacks": report.of_other_stacks, "of_services": report.of_services},
        "normalisation": [
            {
                "address": one.address,
                "provider": one.provider,
                "attribute": one.attribute,
                "note": one.note,
            }
            for one in report.respelt
        ],
        "findings": [_finding(one) for one in report.findings],
        "apply_blocked_by": report.blocked or None,
    }


def _item(entry: Drifted) -> dict[str, Any]:
    item = entry.item
    return {
        "address": item.address,
        "provider": item.provider,
        "id": entry.id,
        "path": item.path,
        "kind": item.kind.value,
        "level": entry.level.value,
        "declared": item.declared,
        "managed": item.written,
        "applied": item.applied,
        "live": item.live,
        "response": item.response.value,
        "apply": [_repair(one) for one in entry.by_apply],
        "remediate": [_repair(one) for one in entry.by_remedy],
        "left_because": entry.left or None,
        "to_keep_it": keep_text(item) or None,
        "saved_until": format_instant(entry.until) if entry.until else None,
        "position": position_of(item.position),
        "fingerprint": entry.fingerprint,
    }


def _repair(repair: Repair) -> dict[str, str]:
    return {"call": repair.call, "detail": repair.detail, "undo": repair.undo.value}


def _stray(stray: Stray) -> dict[str, Any]:
    return {
        "provider": stray.provider,
        "id": stray.id,
        "usage": stray.usage or None,
        "algorithm": stray.algorithm or None,
        "state": stray.state,
        "aliases": list(stray.aliases),
        "notes": list(stray.notes),
        "fingerprint": stray.fingerprint,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "summary": finding.summary,
        "address": finding.address,
        "advice": finding.advice,
    }


def position_of(position: Position | None) -> dict[str, Any] | None:
    """Where something is declared."""
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column}
