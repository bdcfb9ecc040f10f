"""What time brings: rotations, ends of overlaps, expiries, renewals (LANGUAGE.md §7).

Rules: `now` is an input; a thing that is due is an ordinary change with `reason: due`;
what is not due yet is said with its date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation
from keyplan.model.timing import parse_duration, parse_instant
from keyplan.model.values import Value
from keyplan.planning.intents import Intent, Move, Version
from keyplan.planning.wanted import grant_end
from keyplan.plans.changes import Due, Reason
from keyplan.sdk.capabilities import Capabilities, Rotation


@dataclass(frozen=True, slots=True)
class TimeResult:
    """Intents that are due now, and dates of those that will be."""

    intents: tuple[Intent, ...] = ()
    due: tuple[Due, ...] = ()

    @property
    def rotates_to(self) -> int:
        """The version that a rotation due now makes; 0 if none is."""
        for intent in self.intents:
            if isinstance(intent, Version) and intent.what == "rotate_key":
                return intent.number
        return 0


def what_is_due(
    address: Address,
    wanted: Mapping[str, Value],
    live: Observation,
    capabilities: Capabilities,
    now: datetime,
    *,
    becomes: KeyState,
    pinned: bool = False,
) -> TimeResult:
    """Rotation, overlap and expiry of one existing, declared key.

    `becomes` is the state that this plan brings it to; what is due then is done at once.
    A key is `pinned` when others are derived from it: none of its versions may end.
    """
    intents: list[Intent] = []
    due: list[Due] = []
    if live.deletion_at is not None and becomes is not KeyState.ACTIVE:
        return TimeResult()
    rotation = wanted.get("rotation")
    if (
        isinstance(rotation, dict)
        and capabilities.rotation is Rotation.PLANNED
        and live.versions
        and becomes is KeyState.ACTIVE
        and not has_expired(wanted, capabilities, now)
    ):
        kept = {"every": rotation["every"]} if pinned else rotation
        rotated = _rotation(address, kept, live, now)
        intents += rotated.intents
        due += rotated.due
    if (
        isinstance(rotation, dict)
        and capabilities.rotation is Rotation.NATIVE
        and live.rotates_at is not None
        and becomes is KeyState.ACTIVE
    ):
        due.append(Due(address, "rotation by the service", live.rotates_at))
    expiry = wanted.get("expires_at")
    if isinstance(expiry, str):
        ends = parse_instant(expiry, end=True)
        if ends > now:
            due.append(Due(address, "expires", ends))
        elif becomes is KeyState.ACTIVE and has_expired(wanted, capabilities, now):
            intents.append(Move(KeyState.ACTIVE, KeyState.DEACTIVATED, Reason.DUE))
    due += _grant_ends(address, wanted)
    due += _certificate_end(address, wanted, live, now)
    return TimeResult(tuple(intents), tuple(due))


def has_expired(wanted: Mapping[str, Value], capabilities: Capabilities, now: datetime) -> bool:
    """Whether the key's period has ended, where keyplan can end it."""
    expiry = wanted.get("expires_at")
    if not isinstance(expiry, str) or KeyState.DEACTIVATED not in capabilities.states:
        return False
    return parse_instant(expiry, end=True) <= now


def _grant_ends(address: Address, wanted: Mapping[str, Value]) -> list[Due]:
    """When each declared grant is revoked by the first apply after its end."""
    grants = wanted.get("grants")
    ends = (
        (name, grant_end(terms))
        for name, terms in (grants.items() if isinstance(grants, dict) else ())
    )
    return [Due(address, f"grant {name} is revoked", end) for name, end in ends if end]


def _certificate_end(
    address: Address, wanted: Mapping[str, Value], live: Observation, now: datetime
) -> list[Due]:
    current = live.attributes.get("certificate")
    if wanted.get("certificate") is None or not isinstance(current, dict):
        return []
    ends = current.get("not_after")
    if not isinstance(ends, str) or parse_instant(ends) <= now:
        return []
    return [Due(address, "certificate ends", parse_instant(ends))]


def first_rotation(address: Address, wanted: Mapping[str, Value], now: datetime) -> tuple[Due, ...]:
    """When a key that is created now rotates for the first time."""
    rotation = wanted.get("rotation")
    if not isinstance(rotation, dict):
        return ()
    return (Due(address, "rotation", now + parse_duration(str(rotation["every"]))),)


def _rotation(
    address: Address, rotation: dict[str, Value], live: Observation, now: datetime
) -> TimeResult:
    versions = sorted(live.versions, key=lambda version: version.number)
    newest = versions[-1]
    intents: list[Intent] = []
    due: list[Due] = []
    rotates_at = newest.created_at + parse_duration(str(rotation["every"]))
    if rotates_at <= now:
        intents.append(Version("rotate_key", newest.number + 1))
    else:
        due.append(Due(address, "rotation", rotates_at))
    in_use = {newest.number}
    retiring: set[int] = set()
    if "overlap" in rotation:
        overlap = parse_duration(str(rotation["overlap"]))
        for older, newer in pairwise(versions):
            ends = newer.created_at + overlap
            if ends > now:
                in_use.add(older.number)
                due.append(Due(address, f"version {older.number} no longer accepted", ends))
            elif older.state not in (KeyState.SUSPENDED, KeyState.DESTROYED):
                retiring.add(older.number)
    destroying = _surplus(rotation.get("keep"), versions, in_use, rotating=rotates_at <= now)
    intents += [Version("retire_version", number) for number in sorted(retiring - destroying)]
    intents += [Version("destroy_version", number) for number in sorted(destroying)]
    return TimeResult(tuple(intents), tuple(due))


def _surplus(
    keep: Value, versions: list[KeyVersion], in_use: set[int], *, rotating: bool
) -> set[int]:
    """Oldest versions beyond the last `keep`; never the newest nor one in its overlap."""
    if not isinstance(keep, int):
        return set()
    alive = [version.number for version in versions if version.state is not KeyState.DESTROYED]
    surplus = max(0, len(alive) + rotating - keep)
    return {number for number in alive[:surplus] if number not in in_use}
