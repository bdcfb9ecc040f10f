"""A bench for planning without YAML and without the applier: declare, plan, perform, plan again.

For tests of planning and for authors of providers who want to see what is planned for
their capabilities. Everything runs in memory on a manual clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from keyplan.applying.known import Known
from keyplan.applying.reading_back import read_back
from keyplan.applying.run import adopted
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.operations import AdoptKey, is_remote
from keyplan.model.policies import Effect, Policy, Statement, merge
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import (
    DesiredKey,
    Imported,
    Lifecycle,
    Moved,
    Removed,
    RemovedMode,
)
from keyplan.model.stack import OutputBlock, ProviderBlock, Safety, Stack
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.planning.survey import Survey, survey
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, PlanMode
from keyplan.sdk.provider import OpenContext
from keyplan.session.session import ProviderSession
from keyplan.state.entries import RunEnded, RunStarted, StepStarted, StepSucceeded
from keyplan.state.fold import fold
from keyplan.state.model import State, StateSnapshot
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin

LINEAGE = "11111111-1111-4111-8111-111111111111"
ADMINS = Principal(Address("principal.admins"), PrincipalKind.HUMAN, {"fake": ("who:admins",)})
READER = Principal(Address("principal.reader"), PrincipalKind.WORKLOAD, {"fake": ("who:reader",)})


def key(
    name: str,
    tier: str = "service",
    usage: str = "encrypt",
    parent: str | None = None,
    *,
    relation: str = "wraps",
    algorithm: str = "aes-256",
    policy: Any = None,
    provider: str = "fake",
    lifecycle: Lifecycle = Lifecycle(),  # noqa: B008
    depends_on: tuple[str, ...] = (),
    **attributes: Any,
) -> DesiredKey:
    """A declared key in as few words as possible."""
    return DesiredKey(
        address=Address(name),
        provider=provider,
        tier=Tier(tier),
        usage=Usage(usage),
        algorithm=algorithm,
        parent=Address(parent) if parent else None,
        relation=Relation(relation) if parent else None,
        attributes=attributes,
        policy=policy,
        lifecycle=lifecycle,
        depends_on=tuple(Address(other) for other in depends_on),
    )


def replica(of: DesiredKey, name: str, provider: str, **attributes: Any) -> DesiredKey:
    """A replica of a declared key, which must say `multi_region`."""
    declared = {
        "state": of.attributes.get("state"),
        "description": of.attributes.get("description"),
        "deletion": of.attributes.get("deletion"),
        **attributes,
    }
    return replace(
        of,
        address=of.address.replica(name),
        provider=provider,
        parent=None,
        relation=None,
        attributes={name: value for name, value in declared.items() if value is not None},
        depends_on=(of.address,),
    )


def policy(*readers: str, administrators: bool = True, **statement: Any) -> Any:
    """An effective policy: the admins administer, the reader may decrypt."""
    statements = [
        Statement(
            sid=f"Read{index}",
            effect=Effect.ALLOW,
            principals=(READER.address,),
            operations=frozenset({operation}),
            **statement,
        )
        for index, operation in enumerate(readers)
    ]
    declared = Policy(
        Address("policy.p"),
        administrators=(ADMINS.address,) if administrators else (),
        statements=tuple(statements),
    )
    return merge([declared], {ADMINS.address: ADMINS, READER.address: READER})


def destroyable(**more: Any) -> dict[str, Any]:
    """Terms of deletion without protection."""
    return {"protection": False, "soak": "0d", "window": "30d", **more}


@dataclass
class Bench:
    """State, provider and clock, with `plan` and `perform`.

    `places` are more instances of the provider (`fake.dr`), each in a place of that name.
    """

    plugin: FakePlugin = field(default_factory=fake_plugin)
    state: State = field(default_factory=lambda: State(LINEAGE))
    safety: Safety = field(default_factory=Safety)
    tokens: Iterator[int] = field(default_factory=itertools.count)
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        context = OpenContext(Path(), self.plugin.clock.now())
        self.sessions = {
            instance: ProviderSession(
                instance, self.plugin, self.plugin.open(FakeSettings(place=place), context)
            )
            for instance, place in {
                "fake": "memory",
                **{instance: instance.partition(".")[2] for instance in self.places},
            }.items()
        }
        self.session = self.sessions["fake"]

    def plan(
        self,
        *keys: DesiredKey,
        removed: dict[str, str] | None = None,
        moved: dict[str, str] | None = None,
        imported: dict[str, str] | None = None,
        outputs: dict[str, Any] | None = None,
        mode: PlanMode = PlanMode.NORMAL,
        **options: Any,
    ) -> Plan:
        """Plan these keys, and nothing else, against the bench's state and world."""
        graph = self.graph_of(
            *keys, removed=removed, moved=moved, imported=imported, outputs=outputs
        )
        return self.plan_graph(graph, mode=mode, **options)

    def graph_of(
        self,
        *keys: DesiredKey,
        removed: dict[str, str] | None = None,
        moved: dict[str, str] | None = None,
        imported: dict[str, str] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> ResourceGraph:
        """These keys, and nothing else, linked."""
        edges = {
            item.address: tuple(
                dict.fromkeys((*([item.parent] if item.parent else []), *item.depends_on))
            )
            for item in keys
        }
        return ResourceGraph(
            stack=Stack("demo", safety=self.safety),
            providers={instance: ProviderBlock(instance) for instance in self.sessions},
            principals={ADMINS.address: ADMINS, READER.address: READER},
            keys={item.address: item for item in keys},
            edges=edges,
            removed=tuple(Removed(name, RemovedMode(how)) for name, how in (removed or {}).items()),
            moved=tuple(Moved(Address(old), Address(new)) for old, new in (moved or {}).items()),
            imported={
                Address(name): Imported(Address(name), identifier)
                for name, identifier in (imported or {}).items()
            },
            outputs={name: OutputBlock(name, value) for name, value in (outputs or {}).items()},
        )

    def plan_graph(
        self, graph: ResourceGraph, *, mode: PlanMode = PlanMode.NORMAL, **options: Any
    ) -> Plan:
        """Plan a linked graph against the bench's state and world."""
        return make_plan(
            graph,
            StateSnapshot(self.state, None if not self.state.serial else "v"),
            self.sessions,
            options=PlanOptions(mode=mode, **options),
            context=self._context(),
        )

    def survey(self, graph: ResourceGraph, *, unmanaged: bool = False, **options: Any) -> Survey:
        """Look for drift between a linked graph, the bench's state and its world."""
        return survey(
            graph,
            StateSnapshot(self.state, None if not self.state.serial else "v"),
            self.sessions,
            options=PlanOptions(**options),
            context=self._context(),
            unmanaged=unmanaged,
        )

    def _context(self) -> PlanContext:
        return PlanContext(
            self.plugin.clock.now(), "memory", "0.1", lambda: f"token-{next(self.tokens)}"
        )

    def perform(self, plan: Plan) -> None:
        """Execute every step in order, without the applier, and fold what happened."""
        assert not plan.errored, plan.findings
        entries: list[Any] = [
            RunStarted(
                f"run-{self.state.serial}", "apply", plan.checksum, LINEAGE, self.state.serial,
                "a@b", (), "2027-01-01T00:00:00Z",
            )
        ]  # fmt: skip
        known = Known.of_plan(plan, self.state, self.sessions)
        for step in plan.steps:
            operation = known.resolved_operation(step.operation)
            entries.append(
                StepStarted(step.number, step.provider, operation, step.inverse, step.settlement)
            )
            identifier, observation = known.id_of(step.address) or "", None
            if isinstance(operation, AdoptKey):
                identifier = operation.id
            if is_remote(operation):
                bindings = known.bindings(operation)
                outcome = self.sessions[step.provider].execute(operation, bindings)
                identifier, observation = outcome.id, outcome.observation
            known.learn(step.address, identifier, observation)
            entries.append(StepSucceeded(step.number, identifier, observation))
        entries += read_back(entries, known, self.sessions, also=adopted(plan))[0]
        entries.append(RunEnded("succeeded", "2027-01-01T00:00:00Z"))
        self.state = fold(self.state, entries)

    def converge(self, *keys: DesiredKey, **options: Any) -> None:
        """Plan and perform, and see that nothing is left to do."""
        self.perform(self.plan(*keys, **options))
        again = self.plan(*keys)
        assert [(step.address, step.operation) for step in again.steps] == []

    def live(self, name: str) -> Any:
        """The live key behind an address."""
        resource = self.state.resources[Address(name)]
        return self.sessions[resource.provider].read([resource.id])[resource.id]

    def behind(self, operation: Any) -> None:
        """Somebody else changes the world."""
        known = Known(self.state, self.sessions)
        session = self.sessions[self.state.resources[operation.target].provider]
        session.execute(operation, known.bindings(operation))
