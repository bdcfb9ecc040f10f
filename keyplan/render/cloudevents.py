"""Drift as a CloudEvent 1.0 in structured JSON, for `keyplan drift --notify`.

Source: CloudEvents 1.0.2 (CNCF), JSON event format. Rules: the id is the digest of the
drift, so that a receiver that has seen it can drop it; no values, only what was changed
and how bad it is: the report has the rest, and it stays where it was made.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from keyplan.model.printable import printable
from keyplan.model.timing import format_instant
from keyplan.plans.drift import DriftReport

TYPE: Final = "io.keyplan.drift.detected.v1"
MEDIA_TYPE: Final = "application/cloudevents+json; charset=utf-8"
SHOWN: Final = 100
"""Items named in an event; all are counted."""


def drift_event(report: DriftReport) -> dict[str, Any]:
    """The event that a check which found drift sends."""
    items = [
        {
            "address": printable(entry.item.address),
            "provider": printable(entry.item.provider),
            "path": printable(entry.item.path),
            "kind": entry.item.kind.value,
            "level": entry.level.value,
            "remediable": bool(entry.by_remedy),
        }
        for entry in report.drifted[:SHOWN]
    ]
    return {
        "specversion": "1.0",
        "id": report.digest,
        "source": f"/keyplan/{quote(report.stack, safe='')}",
        "type": TYPE,
        "time": format_instant(report.now),
        "datacontenttype": "application/json",
        "data": {
            "stack": printable(report.stack),
            "serial": report.serial,
            "complete": report.complete,
            "keys": report.keys,
            "drifted_keys": report.drifted_keys,
            "counts": {kind.value: number for kind, number in report.counts.items()},
            "items": items,
            "items_left_out": max(0, len(report.drifted) - SHOWN),
        },
    }
