"""Identities in live policies that are nobody any more, or somebody else under the same name.

Services keep who a policy means by an id of their own, not by the name that people write.
Where a provider reports the ids (`principal_ids`, identity to id), the state has those of
the last apply. Rules: the ids are never drift by themselves; what they tell is a warning,
because the policy still reads the same while it gives access to nobody or to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.observations import PRINCIPAL_IDS, Observation
from keyplan.model.values import Value
from keyplan.planning.access import AccessView
from keyplan.planning.compare import elements
from keyplan.plans.findings import Finding
from keyplan.state.model import ResourceState


def orphaned(
    resources: Mapping[Address, ResourceState],
    live: Mapping[Address, Observation],
    view: AccessView,
) -> Iterator[Finding]:
    """A warning for each identity of the last apply that is gone, or was made anew since."""
    for address, resource in resources.items():
        applied = elements(resource.attributes.get(PRINCIPAL_IDS))
        if not applied or address not in live:
            continue
        seen = live[address].attributes
        named = _named(resource.provider, seen.get("policy"), view) if "policy" in seen else set()
        now = elements(seen.get(PRINCIPAL_IDS))
        for identity, known in sorted(applied.items()):
            if known in named:
                text = f"its policy names {known}, which was {identity} until that was deleted"
            elif identity in now and now[identity] != known:
                text = f"{identity} was made anew since the last apply: it is {now[identity]} now"
            else:
                continue
            yield Finding(
                "KP-PLAN-018",
                Severity.WARNING,
                f"{address}: {text}",
                address,
                None,
                "Find out who did that; applying the policy again means the one of today.",
            )


def _named(provider: str, policy: Value, view: AccessView) -> set[str]:
    """Every principal that a policy speaks of."""
    return {atom.principal for atom in view.atoms(provider, policy, {})}
