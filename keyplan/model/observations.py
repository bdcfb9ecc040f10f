"""What really exists: one key as its provider reports it.

Rules: every attribute that a provider can read is reported, in canonical form
(`resources` names the forms); what it may not read is named in `unreadable`, never
guessed. A key pending deletion is reported, with the date of its destruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyplan.model.canonical import digest
from keyplan.model.keys import KeyState
from keyplan.model.values import Value

SPELLINGS = "spellings"
"""How the service spells some attributes: other words for the same are noted, and no change."""

PRINCIPAL_IDS = "principal_ids"
"""The service's own ids of who a policy names, where it was asked for them."""

MATERIAL = "material"
"""The `id` of the material in use, where a service rotates by itself, and when it next does
(`rotates_at`, `None` if never)."""

ROTATIONS_LEFT = "rotations_left"
"""How often the key can be rotated on demand yet, where the service limits it and it is known."""

ASIDE = frozenset({SPELLINGS, PRINCIPAL_IDS, MATERIAL, ROTATIONS_LEFT})
"""Attributes that no plan rests on."""


def grant_name(element: str) -> str:
    """The name that a grant was given: `batch` for `batch~2`, an older one beside the newest."""
    return element.partition("~")[0]


@dataclass(frozen=True, slots=True)
class OwnerMark:
    """keyplan's mark on an object: the lineage of the owning state and the operation token.

    Both are opaque and fit every service's tag values (`[A-Za-z0-9-]`, at most 64).
    """

    stack: str
    token: str


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of a key's material. `number` counts from 1."""

    number: int
    created_at: datetime
    state: KeyState


@dataclass(frozen=True, slots=True)
class Observation:
    """One live key.

    `attributes` are canonical; among them `state` (a `KeyState`) and whatever the
    provider calls it by (`arn`, `serial`); `manager` is `customer`, or who else manages the
    key, such as the service itself; `principal_ids` maps identities to the service's own ids
    of them; `spellings` maps an attribute to a digest of its text as the service has it;
    `material` is the id of the material in use where the service rotates by itself.
    `deletion_at` is set while deletion is pending, `rotates_at` where the service rotates
    the key itself and says when. Aliases and grants are reported whole: the core decides
    which are foreign.
    """

    id: str
    attributes: Mapping[str, Value]
    owner: OwnerMark | None = None
    versions: tuple[KeyVersion, ...] = ()
    deletion_at: datetime | None = None
    unreadable: frozenset[str] = field(default_factory=frozenset)
    rotates_at: datetime | None = field(default=None, compare=False)

    @property
    def state(self) -> KeyState:
        """The key's state; a provider always reports one."""
        return KeyState(str(self.attributes["state"]))

    @property
    def latest_version(self) -> int:
        """The number of the newest version; 0 where versions are not reported."""
        return max((version.number for version in self.versions), default=0)

    @property
    def fingerprint(self) -> str:
        """Digest of all that a plan may rest on: attributes, owner, versions, pending deletion."""
        return digest(
            {
                "id": self.id,
                "attributes": {
                    name: value for name, value in self.attributes.items() if name not in ASIDE
                },
                "owner": [self.owner.stack, self.owner.token] if self.owner else None,
                "versions": [[version.number, version.state.value] for version in self.versions],
                "pending": self.deletion_at is not None,
            }
        )
