"""The state: what keyplan last knew of each key it manages, and nothing secret.

Rules: a state changes only by folding a journal (`keyplan.state.fold`); its version is
`(lineage, serial, digest)`; public metadata only. `keyplan.state.integrity` lists the
invariants that hold of every state that is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyplan.model.address import Address
from keyplan.model.observations import KeyVersion, OwnerMark
from keyplan.model.values import Value

DIGESTED = 2
"""The first format that carries a digest of itself."""

FORMAT = 2
"""The version of the state's own format; a newer one is refused, an older one migrated."""


class Phase(StrEnum):
    """Where a key stands on the way out. `live` keys are not on it."""

    LIVE = "live"
    SOAKING = "soaking"  # suspended; deletion is scheduled when the soak has passed
    PENDING_DELETION = "pending_deletion"  # the window runs


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One key in the state.

    `attributes` are canonical: everything observed at the last apply or refresh, plus
    the recorded ones. `recorded` names those that only the state holds (tier, scope,
    deletion, ...): reading the key back never changes them. `managed` names what
    keyplan applied: `description`, and for elements of collections `labels:team`,
    `aliases:acme/payments`, `grants:batch`. `versions` are those last known, oldest
    first; empty where the provider reports none. `until` is an RFC 3339 text: the end
    of the soak or of the deletion window. `fingerprint` is of the last observation; empty
    where something was done since that was not read back.
    """

    address: Address
    provider: str
    id: str
    attributes: Mapping[str, Value]
    owner: OwnerMark | None = None
    managed: frozenset[str] = frozenset()
    dependencies: tuple[Address, ...] = ()
    phase: Phase = Phase.LIVE
    until: str = ""
    recorded: frozenset[str] = frozenset()
    versions: tuple[KeyVersion, ...] = ()
    fingerprint: str = ""

    @property
    def protected(self) -> bool:
        """Whether absence from the configuration may not destroy it (the default)."""
        deletion = self.attributes.get("deletion")
        return bool(deletion.get("protection", True)) if isinstance(deletion, dict) else True

    @property
    def observed(self) -> bool:
        """Whether it is only looked at: nothing of it was applied, so it is not keyplan's to end.

        Of a key that keyplan manages at least what it was made with is managed.
        """
        return not self.managed

    @property
    def elements(self) -> Mapping[str, frozenset[str]]:
        """The managed elements of each collection: `{"labels": {"team"}}`."""
        found: dict[str, set[str]] = {}
        for path in self.managed:
            collection, colon, element = path.partition(":")
            if colon:
                found.setdefault(collection, set()).add(element)
        return {collection: frozenset(names) for collection, names in found.items()}


@dataclass(frozen=True, slots=True)
class State:
    """Everything keyplan remembers of a stack.

    `lineage` is the stack's identity for life (a UUID); `serial` counts commits.
    `outputs` are the values after the last apply. `closed_runs` are the ids of the
    journals folded in, newest last.
    """

    lineage: str
    serial: int = 0
    resources: Mapping[Address, ResourceState] = field(default_factory=dict)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    closed_runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSnapshot:
    """A state as it was loaded. `version` is the store's, for compare-and-swap (`None`: none yet).

    `open_run` names the journal of a run that did not end, if there is one.
    """

    state: State
    version: str | None
    open_run: str | None = None
