"""From a decoded configuration to the resource graph. The stage that knows all blocks.

Rules: instances first, then principals, then keys in dependency order, then policies on
keys, then outputs. All mistakes of a run are reported together. Whatever further rules
the caller has (`keyplan.rules`) are given as `checks`, so that theirs are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from keyplan.config.blocks import Configuration, Positions, Snippets
from keyplan.config.collector import collector_paused
from keyplan.config.loader import VariableInputs, read
from keyplan.diagnostics import ConfigurationError, Diagnostic, Diagnostics, Position
from keyplan.graph.drafts import Draft
from keyplan.graph.entries import imported_keys, moved_keys, removed_keys
from keyplan.graph.instances import Home, is_declared
from keyplan.graph.keys import Keys
from keyplan.graph.modules import Modules
from keyplan.graph.policies import Policies
from keyplan.graph.replicas import ReplicaPlaces, narrowed
from keyplan.graph.resources import ResourceGraph
from keyplan.graph.sensitive import SHOWN, check_sensitive, masked
from keyplan.graph.world import Everything, World
from keyplan.model.address import Address
from keyplan.model.policies import EffectivePolicy
from keyplan.model.resources import DesiredKey
from keyplan.model.stack import OutputBlock
from keyplan.sdk.provider import Plugin

Check: TypeAlias = Callable[[ResourceGraph], Iterable[Diagnostic]]
"""A pure rule over a linked graph."""


def load_graph(
    root: Path,
    *,
    inputs: VariableInputs | None = None,
    plugins: Mapping[str, Plugin],
    environment: Mapping[str, str],
    now: datetime | None = None,
    checks: Sequence[Check] = (),
) -> tuple[ResourceGraph, Diagnostics]:
    """Load, link and check the stack at `root`; the diagnostics are warnings and notes.

    Raises `ConfigurationError` with every diagnostic of all stages, in file order.
    """
    diagnostics = Diagnostics()
    with collector_paused():
        configuration = read(
            root,
            inputs=inputs or VariableInputs(),
            plugins=plugins,
            environment=environment,
            diagnostics=diagnostics,
        )
        if configuration is None:
            raise ConfigurationError(diagnostics.in_order())
        graph, world = link_into(configuration, plugins=plugins, now=now, diagnostics=diagnostics)
        for check in checks:
            diagnostics.extend(_used_by(world, found) for found in check(graph))
    diagnostics.raise_if_errors()
    return graph, diagnostics


def link(
    configuration: Configuration,
    *,
    plugins: Mapping[str, Plugin],
    now: datetime | None = None,
) -> tuple[ResourceGraph, Diagnostics]:
    """The resource graph, and warnings and notes. Raises `ConfigurationError`.

    `now` is the instant of the run; only `max_ttl` constraints need it.
    """
    diagnostics = Diagnostics()
    diagnostics.extend(configuration.warnings)
    graph, _ = link_into(configuration, plugins=plugins, now=now, diagnostics=diagnostics)
    diagnostics.raise_if_errors()
    return graph, diagnostics


def _used_by(world: World, found: Diagnostic) -> Diagnostic:
    """A message about something in a module, with the places that use it."""
    if not found.address.startswith("module."):
        return found
    within = world.report(found.address).within
    return replace(found, related=(*found.related, *within))


def link_into(
    configuration: Configuration,
    *,
    plugins: Mapping[str, Plugin],
    now: datetime | None,
    diagnostics: Diagnostics,
) -> tuple[ResourceGraph, World]:
    """As `link`, with mistakes added to `diagnostics`; the graph lacks what they spoilt."""
    world, keys = _evaluated(configuration, plugins, now, diagnostics)
    elsewhere = {
        address: draft for family in keys.replicas.values() for address, draft in family.items()
    }
    policies = Policies(world, keys.drafts.values())
    policies.evaluate_shared()
    finish = _Finish(policies)
    desired = {
        item.address: finish.key(item)
        for address, draft in keys.drafts.items()
        for item in (draft, *keys.replicas[address].values())
    }
    graph = ResourceGraph(
        stack=configuration.stack,
        providers=configuration.providers,
        principals=world.principal_values,
        keys=desired,
        edges={
            address: elsewhere[address].depends_on
            if address in elsewhere
            else tuple(keys.edges[address])
            for address in desired
        },
        removed=removed_keys(world, elsewhere),
        moved=moved_keys(world, elsewhere),
        imported=imported_keys(world, keys, elsewhere),
        outputs=_outputs(world),
    )
    return graph, world


def load_scope(
    root: Path,
    *,
    inputs: VariableInputs | None = None,
    plugins: Mapping[str, Plugin],
    environment: Mapping[str, str],
    now: datetime | None = None,
) -> Mapping[str, object]:
    """What an expression of the stack at `root` may read, by name, once keys are linked.

    Raises `ConfigurationError`.
    """
    diagnostics = Diagnostics()
    configuration = read(
        root,
        inputs=inputs or VariableInputs(),
        plugins=plugins,
        environment=environment,
        diagnostics=diagnostics,
    )
    if configuration is None:
        raise ConfigurationError(diagnostics.in_order())
    world, _ = _evaluated(configuration, plugins, now, diagnostics)
    diagnostics.raise_if_errors()
    return masked(world)


def _evaluated(
    configuration: Configuration,
    plugins: Mapping[str, Plugin],
    now: datetime | None,
    diagnostics: Diagnostics,
) -> tuple[World, Keys]:
    """All instances, and every key in dependency order."""
    homes: dict[str, Home] = {}
    world = World(
        configuration,
        plugins,
        {kind: plugins[kind].capabilities() for kind in _used(configuration)},
        homes,
        Everything("principal", homes),
        Everything("policy", homes),
        Everything("key", homes),
        diagnostics,
        now,
    )
    keys = Keys(world)
    modules = Modules(world, keys)
    modules.open()
    keys.evaluate()
    modules.finish()
    return world, keys


def _used(configuration: Configuration) -> list[str]:
    """The provider types that are declared: asking for another plugin would import it."""
    return sorted({block.type for block in configuration.providers.values()})


class _Finish:
    """Puts keys and policies together. Blocks share their maps of positions."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._places: dict[int, tuple[Positions, Snippets]] = {}

    def key(self, draft: Draft) -> DesiredKey:
        """The finished key, or replica."""
        positions, snippets = self._places_of(draft)
        policy: EffectivePolicy | None = self._policies.effective(draft)
        replica = draft.address.replica_of is not None
        return DesiredKey(
            draft.address,
            draft.provider,
            draft.tier,
            draft.usage,
            draft.algorithm,
            None if draft.parent is None else draft.parent.address,
            draft.relation,
            narrowed(draft.attributes) if replica else draft.attributes,
            policy,
            draft.keep_policy,
            draft.lifecycle,
            draft.depends_on,
            draft.unenforced,
            draft.settings,
            positions,
            snippets,
        )

    def _places_of(self, draft: Draft) -> tuple[Mapping[str, Position], Mapping[str, str]]:
        block, name = draft.block, draft.address.parts.replica
        if name is not None:
            places = ReplicaPlaces(block, name)
            return places.positions(), places.snippets()
        found = self._places.get(id(block))
        if found is None:
            found = self._places[id(block)] = (Positions(block), Snippets(block))
        return found


def _outputs(world: World) -> dict[str, OutputBlock]:
    """Outputs whose values could be evaluated; they may wait for apply."""
    result: dict[str, OutputBlock] = {}
    stack = world.homes[""]
    scope = stack.scope(stack.names)
    hidden = check_sensitive(world)
    for name, block in world.configuration.outputs.items():
        address = Address.of("output", name)
        report = world.report(address)
        if not is_declared(block, None, stack, report):
            continue
        values = block.values(scope, report)
        if "value" in values:
            description = values.get("description")
            value = SHOWN if name in hidden else values["value"]
            result[name] = OutputBlock(
                name, value, description if isinstance(description, str) else ""
            )
    return result
