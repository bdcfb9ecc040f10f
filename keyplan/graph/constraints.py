"""What a policy demands of the keys that use it.

Rules: every constraint of every policy of a key must hold. What a key does not say it
does not promise: without `rotation` it breaks `max_rotation`, without `expires_at`
`max_ttl`. A violation names the lines of the key and of the policy.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyplan.config.blocks import Block
from keyplan.config.report import related
from keyplan.graph.drafts import Draft
from keyplan.graph.world import World
from keyplan.model.keys import ALGORITHMS, Protection
from keyplan.model.policies import Constraints
from keyplan.model.timing import format_duration, parse_duration, parse_instant
from keyplan.model.values import Value

NO_CONSTRAINTS = Constraints()
"""The one value that says so; compare with `is`."""

_STRENGTH_OF_PROTECTION = {item.value: index for index, item in enumerate(Protection)}


def constraints_of(written: Value) -> Constraints:
    """Decoded `constraints`."""
    if not isinstance(written, dict) or not written:
        return NO_CONSTRAINTS
    strength, exportable = written.get("min_strength"), written.get("exportable")
    rotation, ttl = written.get("max_rotation"), written.get("max_ttl")
    protection = written.get("protection")
    return Constraints(
        algorithms=_words(written.get("algorithms")),
        min_strength=strength if isinstance(strength, int) else None,
        usage=_words(written.get("usage")),
        protection=protection if isinstance(protection, str) else None,
        max_rotation=parse_duration(rotation) if isinstance(rotation, str) else None,
        max_ttl=parse_duration(ttl) if isinstance(ttl, str) else None,
        regions=_words(written.get("regions")),
        exportable=exportable if isinstance(exportable, bool) else None,
    )


def _words(value: Value) -> frozenset[str]:
    return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()


def check_constraints(wanted: Constraints, block: Block, draft: Draft, world: World) -> None:
    """Report every constraint of one policy that a key breaks."""
    if draft.usage is None and draft.algorithm is None:
        return  # only observed: it is not known what it is
    for constraint, attribute, problem, advice in _violations(wanted, draft, world):
        demanded = block.at_item(("constraints", constraint))
        world.report(draft.address).error(
            "KP-POL-002",
            draft.block.at(attribute) if draft.block.wrote(attribute) else draft.block.place,
            f"{draft.address} breaks {constraint} of {block.address}: {problem}",
            advice=advice,
            also=(related(f"demanded by {block.address}", demanded),),
        )


def _violations(
    wanted: Constraints, draft: Draft, world: World
) -> Iterable[tuple[str, str, str, str]]:
    """Constraint, attribute, what is wrong, what to write."""
    algorithm = draft.algorithm or ""
    if wanted.algorithms and algorithm and algorithm not in wanted.algorithms:
        allowed = ", ".join(sorted(wanted.algorithms))
        yield "algorithms", "algorithm", f"{algorithm} is not among them", f"Allowed: {allowed}."
    facts = ALGORITHMS.get(algorithm)
    if wanted.min_strength is not None and facts and facts.strength < wanted.min_strength:
        yield (
            "min_strength",
            "algorithm",
            f"{algorithm} has {facts.strength} bits, fewer than {wanted.min_strength}",
            "Choose a stronger algorithm (NIST SP 800-57 5.6.1).",
        )
    if wanted.usage and draft.usage is not None and draft.usage not in wanted.usage:
        allowed = ", ".join(sorted(wanted.usage))
        yield "usage", "usage", f"{draft.usage} is not among them", f"Allowed: {allowed}."
    if wanted.protection is not None:
        have = draft.attributes.get("protection")
        least = _STRENGTH_OF_PROTECTION[wanted.protection]
        if _STRENGTH_OF_PROTECTION.get(str(have), -1) < least:
            problem = f"it is {have}" if have else "the key does not say its protection"
            yield "protection", "protection", problem, f"Write protection: {wanted.protection}."
    yield from _time_violations(wanted, draft, world)
    yield from _place_violations(wanted, draft, world)
    exportable = draft.attributes.get("exportable", False)
    if wanted.exportable is not None and exportable is not wanted.exportable:
        spelt = "true" if wanted.exportable else "false"
        problem = f"it is {'true' if exportable else 'false'}"
        yield "exportable", "exportable", problem, f"Write exportable: {spelt}."


def _time_violations(
    wanted: Constraints, draft: Draft, world: World
) -> Iterable[tuple[str, str, str, str]]:
    if wanted.max_rotation is not None:
        longest = format_duration(wanted.max_rotation)
        rotation = draft.attributes.get("rotation")
        every = rotation.get("every") if isinstance(rotation, dict) else None
        if not isinstance(every, str):
            yield (
                "max_rotation",
                "rotation",
                "the key has no rotation",
                f"Add `rotation: {{every: {longest}}}`.",
            )
        elif parse_duration(every) > wanted.max_rotation:
            problem = f"{every} is longer than {longest}"
            yield "max_rotation", "rotation", problem, f"Rotate every {longest} or more often."
    if wanted.max_ttl is not None:
        longest = format_duration(wanted.max_ttl)
        if not isinstance(draft.attributes.get("expires_at"), str):
            yield "max_ttl", "expires_at", "the key has no end", f"Add expires_at within {longest}."
        elif world.now is not None:
            left = parse_instant(str(draft.attributes["expires_at"])) - world.now
            if left > wanted.max_ttl:
                problem = f"it ends in {left.days}d, later than {longest} from now"
                yield "max_ttl", "expires_at", problem, f"Write an end within {longest}."


def _place_violations(
    wanted: Constraints, draft: Draft, world: World
) -> Iterable[tuple[str, str, str, str]]:
    """The region, where it is known: from the key's scope or its provider's settings."""
    if not wanted.regions:
        return
    allowed = ", ".join(sorted(wanted.regions))
    provider = world.configuration.providers.get(draft.provider)
    places = {
        "scope": draft.scope.get("region"),
        "provider": provider.settings.get("region") if provider else None,
    }
    for attribute, region in places.items():
        if isinstance(region, str) and region not in wanted.regions:
            yield "regions", attribute, f"{region} is not among them", f"Allowed: {allowed}."
