"""What has to happen to a key beyond setting attributes. The output of diffing.

An intent says what and why; `lower` turns it into operations with their inverses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.plans.changes import Action, AttributeChange, Reason
from keyplan.state.model import Phase, ResourceState


@dataclass(frozen=True, slots=True)
class Create:
    """Make the key. `owner` is the mark that it will carry."""

    owner: OwnerMark


@dataclass(frozen=True, slots=True)
class Rescue:
    """Cancel a pending deletion. `window` is what it had left, as a duration text."""

    window: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Put keyplan's mark on the key, replace a foreign one, or take it off."""

    before: OwnerMark | None
    after: OwnerMark | None


@dataclass(frozen=True, slots=True)
class Move:
    """Change the key's state."""

    before: KeyState
    after: KeyState
    reason: Reason


@dataclass(frozen=True, slots=True)
class Version:
    """Rotate to, retire or destroy a version; `what` is the operation's name."""

    what: str
    number: int


@dataclass(frozen=True, slots=True)
class TakeAlias:
    """Point an alias at the key; `source` is the managed key that has it now."""

    alias: str
    source: Address | None


@dataclass(frozen=True, slots=True)
class Certify:
    """Issue a certificate over a version of the key."""

    parent: Address
    profile: Mapping[str, Value]
    version: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Enter:
    """Write a phase on the way out into the state: soaking, or pending by keyplan's clock."""

    phase: Phase
    until: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule deletion; `until` is when the window ends."""

    window: str
    until: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy the material now: keyplan held the clock and it ran out."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the key of the state its new address."""

    source: Address
    id: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take an existing key into the state."""

    id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the key from the state."""


@dataclass(frozen=True, slots=True)
class TakeNote:
    """Read the key into the state as it is: of what no attribute says, such as its versions."""


Intent: TypeAlias = (
    Create
    | Rescue
    | Mark
    | Move
    | Version
    | TakeAlias
    | Certify
    | Enter
    | Schedule
    | Destroy
    | Rename
    | Adopt
    | Forget
    | TakeNote
)


@dataclass(frozen=True, slots=True)
class KeyDiff:
    """One key that is not as it should be.

    `attributes` are the differences that operations set; `recorded` those that only the
    state keeps. `manage` and `unmanage` are paths (`description`, `labels:team`) whose
    management starts or ends with no value changing. `primary` is the member of the key's
    family that is the primary now, which a replica is made from.
    """

    address: Address
    provider: str
    action: Action
    reason: Reason
    desired: DesiredKey | None = None
    resource: ResourceState | None = None
    live: Observation | None = None
    wanted: Mapping[str, Value] = field(default_factory=dict)
    attributes: tuple[AttributeChange, ...] = ()
    recorded: tuple[AttributeChange, ...] = ()
    intents: tuple[Intent, ...] = ()
    manage: tuple[str, ...] = ()
    unmanage: tuple[str, ...] = ()
    dependencies: tuple[Address, ...] | None = None
    notes: tuple[str, ...] = ()
    primary: Address | None = None

    @property
    def has_work(self) -> bool:
        """Whether anything at all happens to the key."""
        return bool(
            self.attributes
            or self.recorded
            or self.intents
            or self.manage
            or self.unmanage
            or self.dependencies is not None
        )
