"""A provider in memory: every operation of the vocabulary, every capability adjustable.

It behaves like a demanding service: strict state machine, unique aliases, windows that
really end, reads that lag if told so. It holds no material and has no data plane.

    plugin = fake_plugin(deletion=Deletion.IMMEDIATE, one_way={"exportable"})
    plugin.service().faults.add(FaultKind.LOST_AFTER, "create_key")
    plugin.clock.advance(timedelta(days=30))

Connections opened from one plugin with the same `place` see the same service; those of
other places hold replicas of its keys.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from keyplan.access.atoms import Atom
from keyplan.diagnostics import Diagnostic, Severity
from keyplan.model.keys import ALGORITHMS, Protection, Relation
from keyplan.model.operations import RemoteOperation
from keyplan.model.policies import EffectivePolicy
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Attribute, Capabilities, Deletion, Mutability, Reading
from keyplan.sdk.provider import (
    Identity,
    OpenContext,
    Permission,
    Plugin,
    PolicyReview,
    Provider,
)
from keyplan.testing import fake_canonical, fake_policy
from keyplan.testing.clock import ManualClock
from keyplan.testing.fake_provider import FakeProvider
from keyplan.testing.fake_service import FakeService

OPERATIONS: frozenset[str] = frozenset(kind.name for kind in get_args(RemoteOperation))
"""The names of every remote operation."""

_RECORDED = ("tier", "parent", "relation", "scope", "owner", "deletion", "replicas")
_IMMUTABLE = ("usage", "algorithm", "protection", "multi_region")
_AT_CREATE = ("labels", "description", "policy", "rotation", "expires_at", "exportable")
_LATER = ("state", "aliases", "grants", "certificate", "primary")


class FakeSettings(BaseModel):
    """The provider block. Instances with different places are different services."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str = "memory"


def attributes_of(
    *,
    recorded: Collection[str] = (),
    one_way: Collection[str] = (),
    immutable: Collection[str] = (),
    without: Collection[str] = (),
) -> Mapping[str, Attribute]:
    """How each attribute lives with the fake, with exceptions by name."""
    usual = {name: Attribute(Reading.RECORDED) for name in _RECORDED}
    usual |= {
        name: Attribute(Reading.OBSERVED, Mutability.IMMUTABLE, at_create=True)
        for name in _IMMUTABLE
    }
    usual |= {name: Attribute(Reading.OBSERVED, at_create=True) for name in _AT_CREATE}
    usual |= {name: Attribute(Reading.OBSERVED) for name in _LATER}
    found: dict[str, Attribute] = {}
    for name, facts in usual.items():
        mutability = facts.mutability
        if name in one_way:
            mutability = Mutability.ONE_WAY
        if name in immutable:
            mutability = Mutability.IMMUTABLE
        if name in recorded:
            found[name] = Attribute(Reading.RECORDED, mutability)
        elif name not in without:
            found[name] = Attribute(facts.reading, mutability, at_create=facts.at_create)
    return found


@dataclass(frozen=True, slots=True)
class FakePlugin:
    """The offline half; make one with `fake_plugin`."""

    name: str
    manifest: Capabilities
    clock: ManualClock
    conditions: frozenset[str] = fake_policy.CONDITIONS
    page_size: int = 100
    answers: bool = True
    _services: dict[str, FakeService] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """One line."""
        return "keys in memory, for tests; they are gone when the process ends"

    @property
    def settings_model(self) -> type[BaseModel]:
        """`FakeSettings`."""
        return FakeSettings

    @property
    def key_settings_model(self) -> type[BaseModel] | None:
        """There is no block of its own on a key."""
        return None

    def capabilities(self) -> Capabilities:
        """The manifest it was made with."""
        return self.manifest

    def located(self, identity: Identity, settings: BaseModel) -> Plugin:  # noqa: ARG002
        """The same everywhere."""
        return self

    def default_labels(self) -> Mapping[str, str]:
        """None."""
        return {}

    def elsewhere(self, key_id: str) -> str:  # noqa: ARG002
        """An id says nothing of its place."""
        return ""

    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        """An alias may not be longer than 256 characters."""
        aliases = key.attributes.get("aliases")
        return [
            Diagnostic(
                Severity.ERROR,
                "KP-FAKE-001",
                "an alias is too long for this service",
                why=f"It has {len(str(alias))} characters; 256 fit.",
                address=key.address,
                position=key.position("aliases"),
                snippet=key.snippet("aliases"),
            )
            for alias in (aliases if isinstance(aliases, list) else [])
            if len(str(alias)) > 256
        ]

    def canonical(self, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
        """One spelling per meaning."""
        return fake_canonical.canonical(attributes)

    def compile_policy(self, policy: EffectivePolicy, key: DesiredKey) -> Value:
        """The fake's own document (`keyplan.testing.fake_policy`)."""
        return fake_policy.compile_policy(policy, key, self.conditions)

    def access(self, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """The atoms of such a document and of grants."""
        return fake_policy.access(policy, grants)

    def review_policy(self, policy: Value, caller: str) -> PolicyReview | None:  # noqa: ARG002
        """The atoms say everything."""
        return None

    def defaults(self, key: DesiredKey) -> Mapping[str, Value]:  # noqa: ARG002  (the same for all)
        """Not exportable, in software."""
        return {"exportable": False, "protection": Protection.SOFTWARE.value}

    def permissions(self) -> Sequence[Permission]:
        """Two, so that there is something to print."""
        return (
            Permission("fake:read", ("plan", "apply", "drift"), "reads keys", reads=("policy",)),
            Permission("fake:write", ("apply",), "performs operations"),
        )

    def service(self, place: str = "memory") -> FakeService:
        """The service behind a place, for tests to inspect, disturb and break."""
        if place not in self._services:
            self._services[place] = FakeService(
                place,
                self.clock,
                read_lag=self.manifest.read_lag,
                page_size=self.page_size,
                siblings=self._services,
            )
        return self._services[place]

    def open(self, settings: BaseModel, context: OpenContext) -> Provider:
        """Connect to the service of the settings' place."""
        place = settings.place if isinstance(settings, FakeSettings) else "memory"
        return FakeProvider(
            self.service(place), self.manifest, answers=self.answers, read_only=context.read_only
        )


def fake_plugin(
    name: str = "fake",
    *,
    clock: ManualClock | None = None,
    recorded: Collection[str] = (),
    one_way: Collection[str] = (),
    immutable: Collection[str] = (),
    without: Collection[str] = (),
    unsupported: Collection[str] = (),
    conditions: Collection[str] = fake_policy.CONDITIONS,
    page_size: int = 100,
    answers: bool = True,
    **overrides: Any,
) -> FakePlugin:
    """A fake provider with a world of its own.

    `recorded`, `one_way`, `immutable` and `without` name attributes; `unsupported` names
    operations; `conditions` are those that its policies can express. Without `answers`
    an outcome carries no observation, as where a service answers with an id only.
    `overrides` are fields of `Capabilities`.
    """
    deletion = overrides.get("deletion", Deletion.SCHEDULED)
    missing = set(unsupported)
    if deletion is not Deletion.SCHEDULED:
        missing |= {"schedule_deletion", "cancel_deletion"}
    if deletion is not Deletion.IMMEDIATE:
        missing |= {"destroy_key"}
    usual: dict[str, Any] = {
        "attributes": attributes_of(
            recorded=recorded, one_way=one_way, immutable=immutable, without=without
        ),
        "operations": OPERATIONS - missing,
        "algorithms": {algorithm.name: algorithm.usages for algorithm in ALGORITHMS.values()},
        "relations": frozenset(Relation),
        "default_relation": Relation.WRAPS,
    }
    return FakePlugin(
        name=name,
        manifest=Capabilities(**usual | overrides),
        clock=clock or ManualClock(),
        conditions=frozenset(conditions),
        page_size=page_size,
        answers=answers,
    )
