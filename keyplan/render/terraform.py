"""Terraform's shapes: resources, changes, values, drift and checks as its JSON has them.

Source: Terraform's "JSON output format" 1.2. Rules: every destructive change has
`"delete"` among its actions (scheduling deletion too; suspending is an update), never a
replacement; unknown values stand in `after_unknown` only; nothing is sensitive, because
nothing secret is ever in a plan or a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from keyplan.model.address import Address
from keyplan.model.values import Unknown, Value
from keyplan.plans.changes import Action, DriftItem, DriftKind, ResourceChange
from keyplan.plans.findings import Finding


def address_fields(address: Address) -> dict[str, Any]:
    """`address`, `module_address`, `mode`, `type`, `name` and `index`, as Terraform has them."""
    parts = address.parts
    kind = parts.kind if parts.replica is None else "key_replica"
    fields: dict[str, Any] = {"address": str(address)}
    if address.module:
        fields["module_address"] = address.module
    fields |= {"mode": "managed", "type": kind, "name": parts.name}
    index = parts.instance if parts.replica is None else parts.replica
    if index is not None:
        fields["index"] = index
    return fields


def resource_change(
    change: ResourceChange, destroying: frozenset[int] = frozenset(), importing: str = ""
) -> dict[str, Any]:
    """One entry of `resource_changes`.

    `destroying` are the steps that end a key, `importing` is the id of a key that comes in.
    """
    actions = [change.action.value]
    if change.action is not Action.DELETE and destroying.intersection(change.steps):
        actions = [Action.DELETE.value]
    before = None if change.before is None else dict(change.before)
    after = None if change.after is None else dict(change.after)
    previous = {} if change.previous is None else {"previous_address": str(change.previous)}
    document = {**change_of(before, after), "actions": actions}
    if importing:
        document["importing"] = {"id": importing}
    return {
        **address_fields(change.address),
        **previous,
        "provider_name": change.provider,
        "change": document,
        "action_reason": change.reason.value,
    }


def change_of(before: Value, after: Value) -> dict[str, Any]:
    """The change representation of any two values; `None` is absence."""
    if before is None:
        action = Action.NO_OP if after is None else Action.CREATE
    elif after is None:
        action = Action.DELETE
    else:
        action = Action.NO_OP if before == after else Action.UPDATE
    return {
        "actions": [action.value],
        "before": _known(before),
        "after": _known(after),
        "after_unknown": _unknown(after),
        "before_sensitive": _sensitive(before),
        "after_sensitive": _sensitive(after),
    }


def _known(value: Value) -> Any:
    """The value without what is unknown."""
    match value:
        case Unknown():
            return None
        case dict():
            return {
                name: _known(item) for name, item in value.items() if not isinstance(item, Unknown)
            }
        case list():
            return [_known(item) for item in value]
        case _:
            return value


def _unknown(value: Value) -> Any:
    """`true` at each unknown place, Terraform's way; `{}` or `false` where all is known."""
    match value:
        case Unknown():
            return True
        case dict():
            places = {name: _unknown(item) for name, item in value.items()}
            return {name: place for name, place in places.items() if place not in (False, {})}
        case list():
            places_in = [_unknown(item) for item in value]
            return places_in if any(place not in (False, {}) for place in places_in) else False
        case _:
            return False


def _sensitive(value: Value) -> Any:
    """Nothing in a plan is secret: `{}` for an object, `false` otherwise."""
    return {} if isinstance(value, dict) else False


Resources: TypeAlias = "Mapping[Address, tuple[str, Mapping[str, Value] | None]]"
"""Provider and attributes by address; `None` where the resource is absent."""


def state_values(resources: Resources, outputs: Mapping[str, Value]) -> dict[str, Any]:
    """Terraform's `values` representation: outputs and resources by module."""
    return {
        "outputs": {
            name: {"sensitive": False, "value": _known(value)} for name, value in outputs.items()
        },
        "root_module": module_values(resources),
    }


def module_values(resources: Resources) -> dict[str, Any]:
    """`root_module` with `resources` and flat `child_modules`; absent resources are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for address, (provider, values) in sorted(resources.items()):
        if values is not None:
            found.setdefault(address.module, []).append(
                {
                    **address_fields(address),
                    "provider_name": provider,
                    "schema_version": 0,
                    "values": _known(dict(values)),
                    "sensitive_values": {},
                }
            )
    root: dict[str, Any] = {"resources": found.pop("", [])}
    if found:
        root["child_modules"] = [
            {"address": module, "resources": items} for module, items in sorted(found.items())
        ]
    return root


def drift_changes(items: Iterable[DriftItem]) -> list[dict[str, Any]]:
    """`resource_drift`: one entry a key, before as applied and after as it is now."""
    by_key: dict[Address, list[DriftItem]] = {}
    for item in items:
        by_key.setdefault(item.address, []).append(item)
    return [_drifted(address, group) for address, group in by_key.items()]


def _drifted(address: Address, items: list[DriftItem]) -> dict[str, Any]:
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for item in items:
        name, colon, element = item.path.partition(":")
        for values, value in ((before, item.applied), (after, item.live)):
            if colon:
                inside = values.setdefault(name, {})
                if isinstance(inside, dict) and value is not None:
                    inside[element] = value
            else:
                values[name] = value
    gone = any(item.kind is DriftKind.VANISHED for item in items)
    return {
        **address_fields(address),
        "provider_name": items[0].provider,
        "change": change_of(before, None if gone else after),
        "keyplan": [
            {"path": item.path, "kind": item.kind.value, "response": item.response.value}
            for item in items
        ],
    }


def check_results(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings by rule, as Terraform's check results."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    return [
        {
            "address": {"kind": "check", "name": rule, "to_display": f"check.{rule}"},
            "status": "fail" if any(item.blocks for item in group) else "pass",
            "instances": [
                {
                    "address": {"to_display": str(item.address or f"check.{rule}")},
                    "status": "fail" if item.blocks else "pass",
                    "problems": [{"message": item.summary}],
                }
                for item in group
            ],
        }
        for rule, group in sorted(by_rule.items())
    ]
