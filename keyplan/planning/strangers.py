"""Identities in live policies that are nobody any more, or somebody else under the same name.

Services keep who a policy means by an id of their own, not by the name that people write.
Where a provider reports the ids (`principal_ids`, identity to id), the state has those of
the last apply. Rules: the ids are never drift by themselves; what they tell is a warning,
because the policy still reads the same while it gives access to nobody or to another. An id
that stands in a policy where its identity stood gives access to nobody, and so less than before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.observations import PRINCIPAL_IDS, Observation
from keyplan.model.resources import Manage
from keyplan.model.values import Value
from keyplan.planning.access import AccessView, kept_policies
from keyplan.planning.compare import elements
from keyplan.planning.wanted import Wanted
from keyplan.plans.findings import Finding
from keyplan.rules.lockout import PolicyStage, lasting_doubts
from keyplan.state.model import ResourceState


def deleted(resource: ResourceState, policy: Value, view: AccessView) -> dict[str, str]:
    """By the ids that stand in a policy, the identities of the last apply that they were."""
    applied = elements(resource.attributes.get(PRINCIPAL_IDS))
    named = _named(resource.provider, policy, view) if applied else set()
    return {str(known): identity for identity, known in sorted(applied.items()) if known in named}


def as_they_were(value: Value, gone: Mapping[str, str]) -> Value:
    """A policy with the identities in place of the ids of those that were deleted."""
    match value:
        case dict():
            return {name: as_they_were(item, gone) for name, item in value.items()}
        case list():
            return [as_they_were(item, gone) for item in value]
        case str():
            return gone.get(value, value)
        case _:
            return value


def doubts(
    wanted: Mapping[Address, Wanted],
    resources: Mapping[Address, ResourceState],
    live: Mapping[Address, Observation],
    view: AccessView,
) -> tuple[Finding, ...]:
    """What is wrong with live policies: those that stay, and whom a changed one names."""
    keys = {address: item.key for address, item in wanted.items()}
    return tuple(
        lasting_doubts(
            (*kept_policies(keys, live, view), *_unknown_ids(wanted, resources, live, view))
        )
    )


def _unknown_ids(
    wanted: Mapping[Address, Wanted],
    resources: Mapping[Address, ResourceState],
    live: Mapping[Address, Observation],
    view: AccessView,
) -> Iterator[PolicyStage]:
    """Live policies other than the declared ones that name somebody deleted nobody knows."""
    for address in sorted(wanted.keys() & live.keys() & resources.keys()):
        key, resource = wanted[address].key, resources[address]
        declared = wanted[address].attributes.get("policy")
        policy = live[address].attributes.get("policy")
        if None in (declared, policy) or policy == declared or key.lifecycle.manage != Manage.FULL:
            continue
        review = view.review(resource.provider, policy)
        known = deleted(resource, policy, view)
        said = [
            item
            for item in (review.problems if review else ())
            if item.deleted and item.deleted not in known
        ]
        if review and said:
            yield PolicyStage(address, 0, (), key.position(), replace(review, problems=said))


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
                advice = (
                    "Nobody has that access now. To put the name back gives it to whoever has the"
                    " name then; where nobody has, a service may refuse the policy: make the"
                    " identity anew, or take it out of the declaration."
                )
            elif identity in now and now[identity] != known:
                text = f"{identity} was made anew since the last apply: it is {now[identity]} now"
                advice = "Find out who did that; applying the policy again means the one of today."
            else:
                continue
            yield Finding(
                "KP-PLAN-018",
                Severity.WARNING,
                f"{address}: {text}",
                address,
                None,
                advice,
            )


def _named(provider: str, policy: Value, view: AccessView) -> set[str]:
    """Every principal that a policy speaks of."""
    return {atom.principal for atom in view.atoms(provider, policy, {})}
