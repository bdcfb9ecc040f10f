"""What `keyplan discover` found: keys that exist and that nobody declared. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier
from keyplan.model.values import Value


@dataclass(frozen=True, slots=True)
class Proposal:
    """A key as it could be declared, so that importing it changes nothing.

    `attributes` are what the language calls them, in canonical form; `usage` and
    `algorithm` are among them, unless the key is one that can only be observed.
    `notes` say what a person should know before declaring it.
    """

    address: Address
    provider: str
    id: str
    tier: Tier
    parent: Address | None = None
    relation: Relation | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    keep_policy: bool = False
    observe: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its block."""
        return self.address.removeprefix("key.")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A key that is not proposed, and why."""

    provider: str
    id: str
    why: str


def together(left_out: Iterable[LeftOut]) -> list[tuple[LeftOut, int]]:
    """The first of those that one provider leaves out for one reason, and how many they are.

    An account of many stacks would otherwise fill pages with keys that are not ours.
    """
    found: dict[tuple[str, str], list[LeftOut]] = {}
    for item in left_out:
        found.setdefault((item.provider, item.why), []).append(item)
    return [(items[0], len(items)) for items in found.values()]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything found that neither the state nor the configuration has.

    `managed_by_service` counts keys that the service keeps for itself.
    """

    proposals: tuple[Proposal, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    managed_by_service: int = 0
    scanned: int = 0
