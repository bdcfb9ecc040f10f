"""Versions that somebody made, chose, retired, accepted or destroyed outside keyplan.

Rules: what keyplan did is in the state, so only the rest differs from it. No version is
declared: nothing here is ever put back by itself, since whoever retired a version may
have had to. Copies of one key share its versions, and keyplan rotates the key that is
declared, wherever the primary is: so that one alone is known as it was left, and tells.
Where a service rotates by itself, only a rotation that its schedule cannot have made is
somebody's; what may be either is a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.keys import ALGORITHMS, KeyState
from keyplan.model.observations import MATERIAL, KeyVersion, Observation
from keyplan.model.timing import parse_instant
from keyplan.model.values import Value
from keyplan.plans.changes import DriftKind
from keyplan.state.model import ResourceState

CURRENT = "version"
"""The path of the version in use; `version:2` is that of one version's own state."""

_NEAR = timedelta(hours=1)
"""By how much a service may be ahead of its own schedule, and clocks of each other."""


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One thing that differs: the path, what was applied, what is live, and its class."""

    path: str
    applied: Value
    live: Value
    kind: DriftKind


class Rotated(Enum):
    """What new material that no version accounts for says."""

    NOT = "not"
    BY_HAND = "by hand"
    UNKNOWN = "unknown"  # the schedule was changed meanwhile: it may have been either


def version_changes(
    resource: ResourceState, live: Observation, now: datetime
) -> Iterator[VersionChange]:
    """What somebody else did to the versions of a key; nothing where that cannot be seen."""
    if resource.address.replica_of is not None:
        return
    before = {version.number: version.state for version in resource.versions}
    after = {version.number: version.state for version in live.versions}
    if before and (after or not live.unreadable):
        yield from _chosen(resource, live)
        yield from _each(before, after, _in_use(live.versions))
    if rotated(resource, live, now) is Rotated.BY_HAND:
        old, new = _material(resource.attributes), _material(live.attributes)
        yield VersionChange(CURRENT, old.get("id"), new.get("id"), DriftKind.METADATA)


def rotated(resource: ResourceState, live: Observation, now: datetime) -> Rotated:
    """What the material in use tells of a service that rotates by itself.

    Nothing once the date has come that the state knows: the service rotated the key then, and
    does not tell whether somebody else did so too.
    """
    if not renewed(resource, live):
        return Rotated.NOT
    old, new = _material(resource.attributes), _material(live.attributes)
    was, will = old.get("rotates_at"), new.get("rotates_at")
    if isinstance(was, str) and parse_instant(was) <= now + _NEAR:
        return Rotated.NOT
    same = was == will and resource.attributes.get("rotation") == live.attributes.get("rotation")
    return Rotated.BY_HAND if same else Rotated.UNKNOWN


def renewed(resource: ResourceState, live: Observation) -> bool:
    """Whether new material is in use, whoever made it, that no count of versions accounts for."""
    old, new = _material(resource.attributes), _material(live.attributes)
    counted = len(resource.versions) > 1 or len(live.versions) > 1
    copy = resource.address.replica_of is not None
    return bool(old and new) and old.get("id") != new.get("id") and not counted and not copy


def _chosen(resource: ResourceState, live: Observation) -> Iterator[VersionChange]:
    """Another version in use: a newer one, an older one again, or none."""
    before, after = _in_use(resource.versions), _in_use(live.versions)
    if not before or before == after:
        return
    if not after:
        was = next((one for one in live.versions if one.number == before), None)
        if was is not None and was.state.may_process:  # otherwise its own state tells
            yield VersionChange(CURRENT, before, None, DriftKind.AVAILABILITY)
        return
    algorithm = ALGORITHMS.get(str(live.attributes.get("algorithm")))
    kind = DriftKind.METADATA
    if after < before:  # whoever has the older material reads what is protected from now on
        kind = DriftKind.ACCESS_WIDENED
    elif algorithm is not None and not algorithm.symmetric:  # others know another public key
        kind = DriftKind.AVAILABILITY
    yield VersionChange(CURRENT, before, after, kind)


def _each(
    before: Mapping[int, KeyState], after: Mapping[int, KeyState], in_use: int
) -> Iterator[VersionChange]:
    """Versions that exist or are accepted otherwise than they were."""
    for number in sorted(before.keys() | after.keys()):
        old, new = before.get(number), after.get(number, KeyState.DESTROYED)
        if old is None and (number <= in_use or new is KeyState.DESTROYED):
            continue  # the version in use tells that there are newer ones
        if _standing(old) != _standing(new):
            shown = None if old is None else old.value
            yield VersionChange(f"{CURRENT}:{number}", shown, new.value, _kind(old, new))


def _kind(old: KeyState | None, new: KeyState) -> DriftKind:
    if new is KeyState.DESTROYED:
        return DriftKind.DESTRUCTIVE
    if old is None:
        return DriftKind.METADATA
    return DriftKind.ACCESS_WIDENED if new.may_process else DriftKind.AVAILABILITY


def _standing(state: KeyState | None) -> int | None:
    """What a version is good for; in use or not is told apart from it."""
    match state:
        case None:
            return None
        case KeyState.DESTROYED:
            return 0
        case _:
            return 2 if state.may_process else 1


def _in_use(versions: tuple[KeyVersion, ...]) -> int:
    """The one active version; 0 where that is not one."""
    active = [version.number for version in versions if version.state is KeyState.ACTIVE]
    return active[0] if len(active) == 1 else 0


def _material(attributes: Mapping[str, Value]) -> dict[str, Value]:
    found = attributes.get(MATERIAL)
    return found if isinstance(found, dict) else {}
