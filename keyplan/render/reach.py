"""How far a plan reaches: how many keys, whose, and where. For people and for rules in CI."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.plans.changes import Action
from keyplan.plans.plan import Plan
from keyplan.render.layout import count, listed

NAMED = ("environment", "tenant")
"""Parts of a scope that are named in full text."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The blast radius of a plan.

    `changed` of `total` keys change; `scopes` maps a part of the scope (`tenant`) to
    the values that the changed keys have, sorted.
    """

    changed: int
    total: int
    providers: tuple[str, ...]
    scopes: dict[str, tuple[str, ...]]
    gaining: tuple[str, ...]
    losing: tuple[str, ...]
    irreversible: tuple[int, ...]


def reach_of(plan: Plan) -> Reach:
    """Work it out from the changes, the access delta and the steps."""
    changes = [item for item in plan.changes if item.action is not Action.NO_OP]
    scopes: dict[str, set[str]] = {}
    for change in changes:
        scope = (change.after or change.before or {}).get("scope")
        if isinstance(scope, dict):
            for name, value in scope.items():
                scopes.setdefault(name, set()).add(str(value))
    return Reach(
        changed=len(changes),
        total=max(plan.keys, len(changes)),
        providers=tuple(sorted({change.provider for change in changes})),
        scopes={name: tuple(sorted(values)) for name, values in sorted(scopes.items())},
        gaining=_principals(plan, gaining=True),
        losing=_principals(plan, gaining=False),
        irreversible=tuple(step.number for step in plan.steps if step.irreversible),
    )


def reach_text(reach: Reach) -> str:
    """`3 of 46 keys, environment prod, tenants acme and globex`."""
    parts = [f"{reach.changed:,} of {count(reach.total, 'key')}"]
    for name in NAMED:
        values = reach.scopes.get(name, ())
        if len(values) == 1:
            parts.append(f"{name} {values[0]}")
        elif len(values) <= 4:
            parts += [f"{name}s {listed(values)}"] if values else []
        else:
            parts.append(count(len(values), name))
    return ", ".join(parts)


def _principals(plan: Plan, *, gaining: bool) -> tuple[str, ...]:
    found = {
        item.name or item.principal
        for item in plan.access
        if (item.wider if gaining else item.after is None)
    }
    return tuple(sorted(found))
