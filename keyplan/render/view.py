"""A plan with what its sections look up again and again, each worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState
from keyplan.model.values import Value
from keyplan.plans.changes import Action, Due, ResourceChange
from keyplan.plans.plan import Plan, Step
from keyplan.render.explain import Explainer
from keyplan.render.options import TextOptions


@dataclass(frozen=True)
class PlanView:
    """A plan, how it is to be shown, and indexes over it."""

    plan: Plan
    options: TextOptions
    explainer: Explainer = field(default_factory=Explainer)

    @cached_property
    def changes(self) -> tuple[ResourceChange, ...]:
        """The changes that do something; an address that changes is one."""
        return tuple(
            item
            for item in self.plan.changes
            if item.action is not Action.NO_OP or item.previous is not None
        )

    @cached_property
    def by_address(self) -> Mapping[Address, ResourceChange]:
        """Every change by address, no-ops included."""
        return {item.address: item for item in self.plan.changes}

    @cached_property
    def steps(self) -> Mapping[int, Step]:
        """The steps by number."""
        return {step.number: step for step in self.plan.steps}

    @cached_property
    def enabled(self) -> frozenset[Address]:
        """The keys that this plan enables."""
        moves = (step.operation for step in self.plan.steps)
        return frozenset(
            move.target
            for move in moves
            if isinstance(move, ChangeState) and move.after is KeyState.ACTIVE
        )

    @cached_property
    def created(self) -> frozenset[Address]:
        """The keys that this plan makes."""
        return frozenset(item.address for item in self.changes if item.action is Action.CREATE)

    @cached_property
    def wider(self) -> frozenset[Address]:
        """Existing keys on which somebody gains."""
        return frozenset(item.address for item in self.plan.access if item.wider) - self.created

    @cached_property
    def due(self) -> Mapping[Address, tuple[Due, ...]]:
        """What time brings to each key, soonest first."""
        found: dict[Address, list[Due]] = {}
        for item in sorted(self.plan.due, key=lambda due: due.at):
            found.setdefault(item.address, []).append(item)
        return {address: tuple(items) for address, items in found.items()}

    def steps_of(self, change: ResourceChange) -> tuple[Step, ...]:
        """The steps that make the change."""
        return tuple(self.steps[number] for number in change.steps if number in self.steps)

    def facts(self, address: Address, provider: str = "") -> tuple[str, str, str, str]:
        """Provider, tier, usage and algorithm of a key; empty where the plan does not say."""
        change = self.by_address.get(address)
        if change is None:
            return (provider, "", "", "")
        known: Mapping[str, Value] = {**(change.before or {}), **(change.after or {})}
        tier, usage, algorithm = (
            str(known.get(name) or "") for name in ("tier", "usage", "algorithm")
        )
        return (change.provider, tier, usage, algorithm)

    @cached_property
    def widths(self) -> tuple[int, int, int]:
        """The widths of the columns tier, usage and algorithm."""
        rows = [self.facts(item.address) for item in self.changes]
        tier, usage, algorithm = (max((len(row[n]) for row in rows), default=0) for n in (1, 2, 3))
        return (max(7, tier), max(7, usage), max(7, algorithm))

    def facts_text(self, address: Address, provider: str = "") -> str:
        """The right-hand block of a key: provider and three aligned columns."""
        name, tier, usage, algorithm = self.facts(address, provider)
        if not (tier or usage or algorithm):
            return name
        first, second, third = self.widths
        return f"{name:<3}   {tier.ljust(first)}   {usage.ljust(second)}   {algorithm.ljust(third)}"
