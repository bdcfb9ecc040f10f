"""What the emulator keeps about a key: public metadata, exactly as it is reported.

Rules: nothing secret is here. A record is one JSON document in one column (and its
policy in another), so that reading thousands of keys costs one parse each. Instants are
whole seconds since 1970 (UTC). Exactly one version is `active`: the one that new
protection uses; older ones are `deactivated` (they process), `suspended` (retired) or
`destroyed`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from keyplan.model.canonical import canonical_json
from keyplan.model.keys import ALGORITHMS, Algorithm, KeyState, Relation, Usage
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.values import Value

DEPENDENT = frozenset({Relation.WRAPS, Relation.DERIVES})
"""Relations in which a child cannot be used without its parent's material."""


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version of a key. `created_at` is in seconds since 1970."""

    number: int
    created_at: int
    state: KeyState


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key. `attributes` are canonical and complete: what is not set is `None` or empty."""

    id: str
    owner: OwnerMark | None
    attributes: dict[str, Value]
    versions: tuple[VersionRecord, ...]
    deletion_at: int | None = None

    @property
    def usage(self) -> Usage:
        """Its one purpose."""
        return Usage(str(self.attributes["usage"]))

    @property
    def algorithm(self) -> Algorithm:
        """Its algorithm's facts."""
        return ALGORITHMS[str(self.attributes["algorithm"])]

    @property
    def state(self) -> KeyState:
        """Its NIST state; pending deletion is `deletion_at`, beside it."""
        return KeyState(str(self.attributes["state"]))

    @property
    def relation(self) -> Relation | None:
        """What its parent does for it, if it has one."""
        relation = self.attributes["relation"]
        return None if relation is None else Relation(str(relation))

    @property
    def parent(self) -> str | None:
        """The id of its parent, if it has one."""
        parent = self.attributes["parent"]
        return None if parent is None else str(parent)

    @property
    def needs_parent(self) -> bool:
        """Whether it is unusable without its parent's material."""
        return self.relation in DEPENDENT

    @property
    def pending(self) -> bool:
        """Whether its deletion is scheduled."""
        return self.deletion_at is not None

    @property
    def current(self) -> VersionRecord:
        """The version that new protection uses."""
        return next(item for item in self.versions if item.state is KeyState.ACTIVE)

    @property
    def latest(self) -> int:
        """The highest version number; numbers count from 1 and are never used again."""
        return self.versions[-1].number

    def version(self, number: int) -> VersionRecord | None:
        """A version by number, if it ever existed."""
        return self.versions[number - 1] if 1 <= number <= len(self.versions) else None

    def with_attributes(self, **changes: Value) -> KeyRecord:
        """The same key with some attributes changed."""
        return replace(self, attributes={**self.attributes, **changes})

    def with_version_states(self, changes: dict[int, KeyState]) -> KeyRecord:
        """The same key with some versions in other states."""
        return replace(
            self,
            versions=tuple(
                replace(item, state=changes.get(item.number, item.state)) for item in self.versions
            ),
        )

    def observe(self) -> Observation:
        """The key as keyplan's contract wants it."""
        return Observation(
            id=self.id,
            attributes=self.attributes,
            owner=self.owner,
            versions=tuple(
                KeyVersion(item.number, instant(item.created_at), item.state)
                for item in self.versions
            ),
            deletion_at=None if self.deletion_at is None else instant(self.deletion_at),
        )


def encode(record: KeyRecord) -> tuple[str, str | None]:
    """The document that is stored, and the policy beside it; the rest has columns of its own."""
    attributes = dict(record.attributes)
    policy = attributes.pop("policy")
    document = canonical_json(
        {
            "attributes": attributes,
            "versions": [[item.number, item.created_at, item.state] for item in record.versions],
        }
    )
    return document, None if policy is None else canonical_json(policy)


Row: TypeAlias = tuple[str, str | None, str | None, int | None, str, str | None]
"""Id, stack, token, deletion, document, policy: the columns in the order they are read."""


def decode(row: Row) -> KeyRecord:
    """The record of a stored row."""
    key_id, stack, token, deletion_at, document, policy = row
    data: dict[str, Any] = json.loads(document)
    attributes: dict[str, Value] = data["attributes"]
    attributes["policy"] = None if policy is None else _parse_policy(policy)
    return KeyRecord(
        id=key_id,
        owner=None if stack is None or token is None else OwnerMark(stack, token),
        attributes=attributes,
        versions=tuple(
            VersionRecord(number, created_at, KeyState(state))
            for number, created_at, state in data["versions"]
        ),
        deletion_at=deletion_at,
    )


@lru_cache(maxsize=1024)
def _parse_policy(text: str) -> Value:
    """Many keys share few policies: each text is parsed once. Values are never mutated."""
    policy: Value = json.loads(text)
    return policy


def instant(seconds: int) -> datetime:
    """Seconds since 1970 as an aware UTC `datetime`."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds(moment: datetime) -> int:
    """The whole seconds since 1970 of an instant."""
    return int(moment.timestamp())
