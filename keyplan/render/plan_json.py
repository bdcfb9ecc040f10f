"""A plan in Terraform's JSON representation, so that rules and tools made for it work.

Source: Terraform's "JSON output format" 1.2 (`terraform show -json`). What only keyplan
has sits under the one extra key `keyplan`.
"""

from __future__ import annotations

from typing import Any

from keyplan.model.encoding import encode_operation, encode_value
from keyplan.model.operations import AdoptKey, DestroyKey, ScheduleDeletion
from keyplan.model.timing import format_instant
from keyplan.plans.changes import AccessChange
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Pace, Plan, Step
from keyplan.render.errors import FORMAT_VERSION as STATE_FORMAT
from keyplan.render.reach import reach_of
from keyplan.render.terraform import (
    change_of,
    check_results,
    drift_changes,
    resource_change,
    state_values,
)

FORMAT_VERSION = "1.2"


def plan_document(plan: Plan) -> dict[str, Any]:
    """The whole plan as JSON data."""
    destroying = frozenset(
        step.number
        for step in plan.steps
        if isinstance(step.operation, ScheduleDeletion | DestroyKey)
    )
    importing = {
        step.operation.target: step.operation.id
        for step in plan.steps
        if isinstance(step.operation, AdoptKey)
    }
    return {
        "format_version": FORMAT_VERSION,
        "planned_values": state_values(
            {item.address: (item.provider, item.after) for item in plan.changes},
            {item.name: item.after for item in plan.outputs},
        ),
        "resource_drift": drift_changes(plan.drift),
        "resource_changes": [
            resource_change(item, destroying, importing.get(item.address, ""))
            for item in plan.changes
        ],
        "output_changes": {item.name: change_of(item.before, item.after) for item in plan.outputs},
        "prior_state": {
            "format_version": STATE_FORMAT,
            "values": state_values(
                {item.address: (item.provider, item.before) for item in plan.changes},
                {item.name: item.before for item in plan.outputs},
            ),
        },
        "checks": check_results(plan.findings),
        "timestamp": format_instant(plan.now),
        "applyable": plan.applyable,
        "complete": plan.complete,
        "errored": plan.errored,
        "keyplan": _own(plan),
    }


def _own(plan: Plan) -> dict[str, Any]:
    reach = reach_of(plan)
    return {
        "version": plan.keyplan_version,
        "stack": plan.stack,
        "store": plan.store,
        "mode": plan.mode.value,
        "checksum": plan.checksum,
        "steps": [step_record(step) for step in plan.steps],
        "access": [_access(item) for item in plan.access],
        "lockout": plan.lockout,
        "findings": [finding_record(item) for item in plan.findings],
        "blast_radius": {
            "keys_changed": reach.changed,
            "keys_total": reach.total,
            "providers": list(reach.providers),
            "scopes": {name: list(values) for name, values in reach.scopes.items()},
            "principals_gaining": list(reach.gaining),
            "principals_losing": list(reach.losing),
            "irreversible_steps": list(reach.irreversible),
        },
        "preconditions": {
            "lineage": plan.lineage,
            "serial": plan.serial,
            "state_version": plan.state_version,
            "now": format_instant(plan.now),
            "refreshed": plan.refreshed,
            "identities": {
                name: {"place": identity.place, "principal": identity.principal}
                for name, identity in plan.identities.items()
            },
            "fingerprints": [
                {"step": step.number, "address": str(step.address), "expects": step.expects}
                for step in plan.steps
                if step.expects
            ],
        },
        "brakes": [
            {"name": brake.name.value, "why": brake.why, "steps": list(brake.steps)}
            for brake in plan.brakes
        ],
        "next_due": [
            {"address": str(item.address), "what": item.what, "at": format_instant(item.at)}
            for item in sorted(plan.due, key=lambda due: (due.at, due.address))
        ],
        "observe": plan.observe,
        "pace": {"apply": _pace(plan.pace), "refresh": _pace(plan.reading_pace)},
    }


def _pace(pace: Pace) -> dict[str, Any]:
    """What limits make of a time."""
    return {"seconds": round(pace.seconds, 3), "call": pace.call, "rate": pace.rate}


def step_record(step: Step) -> dict[str, Any]:
    """One step with its way back."""
    return {
        "number": step.number,
        "address": str(step.address),
        "provider": step.provider,
        "operation": encode_operation(step.operation),
        "call": step.call,
        "detail": step.detail,
        "reason": step.reason.value,
        "expects": step.expects,
        "depends_on": list(step.depends_on),
        "irreversible": step.irreversible,
        "undo": {
            "grade": step.inverse.grade.value,
            "operations": [encode_operation(item) for item in step.inverse.operations],
            "residue": step.inverse.residue,
        },
    }


def finding_record(finding: Finding) -> dict[str, Any]:
    """One finding with its place."""
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "summary": finding.summary,
        "advice": finding.advice,
        "address": str(finding.address) if finding.address else None,
        "file": finding.position.file if finding.position else None,
        "line": finding.position.line if finding.position else None,
    }


def _access(item: AccessChange) -> dict[str, Any]:
    return {
        "address": str(item.address),
        "provider": item.provider,
        "principal": item.principal,
        "name": item.name,
        "operations": list(item.operations),
        "before": encode_value(item.before),
        "after": encode_value(item.after),
        "wider": item.wider,
    }
