"""What a key is made with and cannot change: an error that shows the migration.

keyplan never plans delete-then-create for a key: what the old key protected would be
lost (LANGUAGE.md §8, "No replacement").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.model.keys import Protection, Relation
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.values import Value
from keyplan.planning.compare import seen
from keyplan.planning.wanted import IDENTITY, is_recorded, only_named_otherwise
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Capabilities, Mutability
from keyplan.state.model import ResourceState

_PROTECTIONS = list(Protection)


def fixed_violations(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState,
    live: Observation,
    capabilities: Capabilities,
) -> Iterator[Finding]:
    """One error finding for each immutable attribute that the declaration changes."""
    if resource.provider != key.provider:
        yield _finding(key, "provider", resource.provider, key.provider)
        return
    for name in wanted:
        facts = capabilities.attributes.get(name)
        fixed = facts is not None and facts.mutability is Mutability.IMMUTABLE
        if name not in IDENTITY and not fixed:
            continue
        prior = resource.attributes.get(name)
        before = prior if is_recorded(capabilities, name) else seen(name, resource, live)
        if before is None or before == wanted[name]:
            continue
        if only_named_otherwise(capabilities, name, before, wanted[name]):
            continue
        if name == "protection" and _at_least(before, wanted[name]):
            continue
        yield _finding(key, name, before, wanted[name])
    if (
        key.relation is Relation.DERIVES
        and key.parent is not None
        and resource.attributes.get("parent") not in (None, str(key.parent))
    ):
        yield _finding(key, "parent", resource.attributes["parent"], str(key.parent))


def _at_least(have: Value, need: Value) -> bool:
    try:
        return _PROTECTIONS.index(Protection(str(have))) >= _PROTECTIONS.index(
            Protection(str(need))
        )
    except ValueError:
        return False


def _finding(key: DesiredKey, name: str, before: Value, after: Value) -> Finding:
    if key.lifecycle.manage is Manage.OBSERVE:
        return Finding(
            "KP-PLAN-001",
            Severity.ERROR,
            f"{key.address} is only observed, and its {name} is {before}, not {after}",
            key.address,
            key.position(name),
            f"Write `{name}: {before}`, or leave it out, or correct the id of the `import`.",
        )
    successor = f"{key.address.kind}.{key.address.name}_2"
    what = f"{key.address} cannot change {name} from {before} to {after}"
    if name == "multi_region":
        had, wants = ("one place only", "others") if after else ("several places", "one only")
        what = f"{key.address} was made for {had} and cannot be for {wants}"
    return Finding(
        rule="KP-PLAN-001",
        level=Severity.ERROR,
        summary=f"{what}: it is fixed when the key is made",
        address=key.address,
        position=key.position(name),
        advice=(
            "keyplan never replaces a key: what it protected would be lost. To move to a new"
            f" key, keep {key.address} as it was, declare {successor}, and move the alias in a"
            " later change."
        ),
    )
