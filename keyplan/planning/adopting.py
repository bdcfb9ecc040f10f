"""`import` entries: a key that exists comes under keyplan's management, as it is.

Rules: nothing is created; the key is read, marked as ours, and then compared like any
other key, so that the plan shows what would change; a key that another stack owns needs
`--allow takeover`; one that is only observed gets no mark and no change, and must be what
is declared all the same.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.diagnostics import Severity
from keyplan.model.observations import Observation
from keyplan.model.resources import Imported, Manage
from keyplan.model.values import Value
from keyplan.planning.compare import changed_records
from keyplan.planning.diff import KeyResult, World, diff_declared
from keyplan.planning.fixed import fixed_violations
from keyplan.planning.intents import Adopt, KeyDiff
from keyplan.planning.wanted import Wanted
from keyplan.plans.changes import Action, Reason
from keyplan.plans.findings import Finding
from keyplan.state.model import ResourceState


def diff_imported(
    wanted: Wanted, entry: Imported, live: Observation | None, world: World
) -> KeyResult:
    """What taking an existing key over means: adopt it, then whatever differs."""
    key = wanted.key
    if live is None:
        return KeyResult(findings=(_absent(wanted, entry),))
    other = world.owners_of.get((key.provider, live.id))
    if other is not None:
        return KeyResult(findings=(_managed(wanted, entry, str(other)),))
    resource = ResourceState(key.address, key.provider, live.id, _as_state(live, wanted, world))
    blank = KeyDiff(
        address=key.address,
        provider=key.provider,
        action=Action.READ,
        reason=Reason.ADOPT,
        desired=key,
        resource=resource,
        live=live,
        wanted=wanted.attributes,
    )
    adopt = Adopt(live.id)
    if key.lifecycle.manage is Manage.OBSERVE:
        capabilities = world.capabilities[key.provider]
        others = tuple(fixed_violations(key, wanted.attributes, resource, live, capabilities))
        if others:
            return KeyResult(findings=others)
        recorded = tuple(changed_records(key, wanted.attributes, resource, capabilities))
        return KeyResult(replace(blank, recorded=recorded, intents=(adopt,)))
    result = diff_declared(wanted, resource, live, world)
    if any(finding.blocks for finding in result.findings):
        return KeyResult(findings=result.findings)
    diff = result.diff or blank
    adopted = replace(diff, action=Action.READ, reason=Reason.ADOPT, intents=(adopt, *diff.intents))
    return replace(result, diff=adopted)


def _as_state(live: Observation, wanted: Wanted, world: World) -> dict[str, Value]:
    """What the state would say of the key as it is: a parent by its address, if it is ours."""
    attributes = dict(live.attributes)
    above = attributes.pop("parent", None)
    where = (wanted.key.provider, str(above))
    holder = world.owners_of.get(where) or world.adopting.get(where)
    if holder is not None:
        attributes["parent"] = str(holder)
    return attributes


def _absent(wanted: Wanted, entry: Imported) -> Finding:
    key = wanted.key
    return Finding(
        "KP-PLAN-009",
        Severity.ERROR,
        f"{key.address} cannot be imported: {key.provider} has no key {entry.id}",
        key.address,
        entry.position,
        f"Check the id, and that {key.provider} is where the key lives.",
    )


def _managed(wanted: Wanted, entry: Imported, other: str) -> Finding:
    address = wanted.key.address
    return Finding(
        "KP-PLAN-010",
        Severity.ERROR,
        f"{address} cannot be imported: {entry.id} is {other} already",
        address,
        entry.position,
        f"To give it another address, write `moved: [{{from: '{other}', to: '{address}'}}]`.",
    )
