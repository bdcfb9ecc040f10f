"""A check for drift as SARIF 2.1.0, for code scanning and its dashboards.

Source: OASIS SARIF 2.1.0, and what GitHub takes of it: 25,000 results a run, ten tags a
rule, `security-severity` as text, `partialFingerprints` to know a result again. Rules: a
result without a line in a file stands at the stack's main file, because GitHub shows none
without; text is printable and says no more than the report for people.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from keyplan.diagnostics import Position, Severity
from keyplan.model.printable import printable
from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import LEVELS, Drifted, DriftReport, Stray
from keyplan.render.drift_report import undo_text

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LARGEST: Final = 25_000
"""Results a run; what is beyond is counted in a notification."""

MAIN: Final = "keyplan.yaml"

_SEVERITIES: Final = {
    DriftKind.VANISHED: "9.5",
    DriftKind.DESTRUCTIVE: "9.0",
    DriftKind.ACCESS_WIDENED: "8.0",
    DriftKind.AVAILABILITY: "6.5",
    DriftKind.ACCESS_NARROWED: "5.0",
    DriftKind.METADATA: "2.0",
    DriftKind.UNMANAGED: "3.0",
}
"""CVSS-like, as GitHub reads them: from 9.0 critical, 7.0 high, 4.0 medium, below low."""

_ABOUT: Final = {
    DriftKind.VANISHED: "A key of the state is not at its provider any more.",
    DriftKind.DESTRUCTIVE: "A key is about to be destroyed, or is another one than it was.",
    DriftKind.ACCESS_WIDENED: "Somebody may do more than keyplan applied.",
    DriftKind.AVAILABILITY: "A key may not work for those who need it.",
    DriftKind.ACCESS_NARROWED: "Somebody may do less than keyplan applied.",
    DriftKind.METADATA: "What describes a key was changed outside keyplan.",
    DriftKind.UNMANAGED: "A key exists that neither the state nor the configuration names.",
}

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def drift_sarif(report: DriftReport, *, folder: str = "") -> dict[str, Any]:
    """The report as one run. `folder` is the stack's inside its repository."""
    found = [_drifted(entry, folder) for entry in report.drifted]
    found += [_stray(stray, folder) for stray in report.strays or ()]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "keyplan",
                        "version": report.keyplan_version,
                        "rules": [_rule(kind) for kind in _RULES],
                    }
                },
                "automationDetails": {"id": f"keyplan/{printable(report.stack)}/drift/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(report, len(found) - LARGEST)],
                "results": found[:LARGEST],
            }
        ],
    }


_RULES: Final = tuple(_SEVERITIES)
_INDEX: Final = {kind: number for number, kind in enumerate(_RULES)}


def rule_id(kind: DriftKind) -> str:
    """`drift/access-widened`."""
    return f"drift/{kind.value.replace(' ', '-')}"


def _rule(kind: DriftKind) -> dict[str, Any]:
    return {
        "id": rule_id(kind),
        "name": "".join(part.capitalize() for part in ("drift", *kind.value.split())),
        "shortDescription": {"text": f"Drift: {kind.value}"},
        "fullDescription": {"text": _ABOUT[kind]},
        "help": {"text": f"{_ABOUT[kind]} Run keyplan drift to see what puts it right."},
        "defaultConfiguration": {"level": _LEVELS[LEVELS[kind]]},
        "properties": {
            "tags": ["security", "keys", "drift"],
            "security-severity": _SEVERITIES[kind],
            "precision": "very-high",
        },
    }


def _drifted(entry: Drifted, folder: str) -> dict[str, Any]:
    item = entry.item
    what = f"{item.path} of {item.address}" if item.path else item.address
    changed = "is gone" if item.kind is DriftKind.VANISHED else "was changed outside keyplan"
    text = f"{what} {changed} ({item.kind.value}). To undo it: {undo_text(entry)}."
    place = _place(item.position, folder)
    return _result(item.kind, text, place, entry.fingerprint, [item.address, entry.id])


def _stray(stray: Stray, folder: str) -> dict[str, Any]:
    text = f"{stray.id} on {stray.provider} is not managed: nobody declared it."
    kind = DriftKind.UNMANAGED
    place = _place(None, folder)
    return _result(kind, text, place, stray.fingerprint, [f"{stray.provider}/{stray.id}"])


def _result(
    kind: DriftKind, text: str, place: dict[str, Any], fingerprint: str, names: Iterable[str]
) -> dict[str, Any]:
    return {
        "ruleId": rule_id(kind),
        "ruleIndex": _INDEX[kind],
        "level": _LEVELS[LEVELS[kind]],
        "message": {"text": printable(text)},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [
                    {"fullyQualifiedName": printable(name), "kind": "resource"} for name in names
                ],
            }
        ],
        "partialFingerprints": {"keyplan/v1": fingerprint},
    }


def _place(position: Position | None, folder: str) -> dict[str, Any]:
    """Where it is declared; the first line of the main file where that is nowhere."""
    named = (position.file if position else MAIN).replace("\\", "/")
    file = posixpath.normpath(posixpath.join(folder, named))
    region = {"startLine": max(1, position.line) if position else 1}
    if position is not None and position.column > 0:
        region["startColumn"] = position.column
    return {
        "artifactLocation": {"uri": quote(file), "uriBaseId": "%SRCROOT%"},
        "region": region,
    }


def _invocation(report: DriftReport, beyond: int) -> dict[str, Any]:
    """That it was looked for; what could not be seen, and what does not fit, as notifications."""
    told = [
        {"level": _LEVELS[finding.level], "message": {"text": printable(finding.summary)}}
        for finding in report.findings
    ]
    if beyond > 0:
        told.append({"level": "warning", "message": {"text": f"{beyond} more results left out"}})
    return {
        "executionSuccessful": True,
        "exitCode": report.exit_code,
        "endTimeUtc": f"{report.now:%Y-%m-%dT%H:%M:%SZ}",
        "toolExecutionNotifications": told,
    }
