"""Declared, last applied and live, compared for every chosen key: what differs, and drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.model.keys import Relation
from keyplan.model.resources import DesiredKey, Manage
from keyplan.planning.adopting import diff_imported
from keyplan.planning.aliases import without_moved_aliases
from keyplan.planning.changes import parents_of
from keyplan.planning.compare import elements, ignored
from keyplan.planning.diff import KeyResult, World, diff_declared
from keyplan.planning.drift import DriftContext, drift_of
from keyplan.planning.families import hold_parents, orphans, out_of_use, protectors
from keyplan.planning.inputs import Inputs
from keyplan.planning.intents import KeyDiff
from keyplan.planning.moving import with_renames
from keyplan.planning.refreshonly import accept_drift
from keyplan.planning.remediating import covered, reduced, suspect
from keyplan.planning.replicas import hold_primaries, misplaced
from keyplan.planning.retire import Leaving, diff_leaving, removal_of
from keyplan.planning.visible import hidden
from keyplan.plans.changes import DriftItem, Due
from keyplan.plans.findings import Finding
from keyplan.plans.plan import PlanMode


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing found."""

    diffs: Mapping[Address, KeyDiff]
    drift: tuple[DriftItem, ...]
    findings: tuple[Finding, ...] = ()
    due: tuple[Due, ...] = ()


def compare(inputs: Inputs) -> Compared:
    """Drift first, then what to do about everything."""
    drift = tuple(_drift(inputs)) if inputs.options.refresh else ()
    if inputs.options.mode is PlanMode.REFRESH_ONLY:
        refused = inputs.world.hidden
        unseen = tuple(
            hidden(address, refused[address], looked_at=True)
            for address in sorted(inputs.chosen & refused.keys())
        )
        accepted = accept_drift(drift, inputs.state, inputs.world.live, inputs.chosen)
        return Compared(accepted, drift, unseen)
    results = dict(_results(inputs))
    found = {address: result.diff for address, result in results.items() if result.diff}
    if inputs.options.remediating:
        blocked = {a for a, result in results.items() if any(f.blocks for f in result.findings)}
        return _remedies(inputs, {a: d for a, d in found.items() if a not in blocked}, drift)
    protected_by = protectors(inputs.state, found)
    diffs, held, later = hold_primaries(
        without_moved_aliases(found, _awaited_aliases(inputs)),
        inputs.state,
        inputs.world.live,
        inputs.primaries,
    )
    families = hold_parents(diffs, inputs.state, protected_by, inputs.context.now)
    diffs = with_renames(families.diffs, inputs.relocation)
    findings = [finding for result in results.values() for finding in result.findings]
    declared = () if inputs.options.mode is PlanMode.DESTROY else inputs.graph.keys
    findings += orphans(found, inputs.state, protected_by, declared=declared)
    findings += out_of_use(found, inputs.world.live)
    findings += misplaced(found, inputs.world.live, inputs.primaries)
    due = {due for address, result in results.items() if address not in held for due in result.due}
    due |= {*families.due, *later}
    ordered = sorted(due, key=lambda item: (item.at, item.address, item.what))
    return Compared(diffs, drift, tuple(findings), tuple(ordered))


def _remedies(
    inputs: Inputs, found: Mapping[Address, KeyDiff], drift: tuple[DriftItem, ...]
) -> Compared:
    """Only what undoes drift; keys that are about to get another address wait for that."""
    renamed = inputs.relocation.renames
    staying = {a: d for a, d in found.items() if a not in renamed}
    diffs = reduced(staying, inputs.capabilities, suspect(drift))
    done = covered(diffs)
    return Compared(diffs, tuple(item for item in drift if (item.address, item.path) in done))


def _drift(inputs: Inputs) -> Iterable[DriftItem]:
    context = DriftContext(
        inputs.options.mode,
        inputs.observe,
        inputs.context.now,
        inputs.capabilities,
        inputs.view,
        inputs.primaries.names,
    )
    known = inputs.state.resources.keys() - inputs.world.hidden.keys()
    for address in sorted(inputs.chosen & known):
        live = inputs.world.live.get(address)
        yield from drift_of(
            inputs.state.resources[address], live, inputs.wanted.get(address), context
        )


def _results(inputs: Inputs) -> Iterable[tuple[Address, KeyResult]]:
    """Each chosen key compared: declared ones, then those on the way out."""
    state, live = inputs.state, inputs.world.live
    world = World(
        now=inputs.context.now,
        lineage=state.lineage,
        new_token=inputs.context.new_token,
        capabilities=inputs.capabilities,
        aliases=inputs.world.aliases,
        owners_of={(item.provider, item.id): item.address for item in state.resources.values()},
        edges=inputs.graph.edges,
        derived_from=_derived_from(inputs),
        primaries=inputs.primaries,
        adopting={
            (key.provider, live[address].id): address
            for address in inputs.graph.imported
            if (key := inputs.graph.keys.get(address)) and address in live
        },
        observed=frozenset(item for item in state.resources if _only_observed(inputs, item)),
    )
    destroying = inputs.options.mode is PlanMode.DESTROY
    declared = {} if destroying else inputs.wanted
    imported = inputs.graph.imported
    for address, wanted in declared.items():
        if address in inputs.world.hidden:
            yield address, _not_compared(inputs, wanted.key)
        elif address in imported and address not in state.resources:
            yield address, diff_imported(wanted, imported[address], live.get(address), world)
        else:
            resource = state.resources.get(address)
            yield address, diff_declared(wanted, resource, live.get(address), world)
    for address in sorted(inputs.chosen & (state.resources.keys() - declared.keys())):
        leaving = Leaving(
            resource=state.resources[address],
            live=live.get(address),
            world=world,
            removed=removal_of(address, inputs.graph.removed),
            destroying=destroying,
            refusal=inputs.world.hidden.get(address),
        )
        yield address, diff_leaving(leaving)


def _not_compared(inputs: Inputs, key: DesiredKey) -> KeyResult:
    """A declared key of which nothing may be read stays as it is, and holds up its plan."""
    if ignored(key, "lifecycle"):
        return KeyResult()  # it is to be left alone
    looked_at = key.lifecycle.manage is Manage.OBSERVE
    refusal = inputs.world.hidden[key.address]
    return KeyResult(findings=(hidden(key.address, refusal, looked_at=looked_at),))


def _derived_from(inputs: Inputs) -> frozenset[Address]:
    """Keys that others, declared or in the state, are derived from."""
    parents = parents_of(inputs.graph, inputs.state)
    derived = {
        address
        for address, item in inputs.state.resources.items()
        if item.attributes.get("relation") == Relation.DERIVES
    }
    derived |= {
        address for address, key in inputs.graph.keys.items() if key.relation is Relation.DERIVES
    }
    return frozenset(parent for address in derived if (parent := parents.get(address)))


def _awaited_aliases(inputs: Inputs) -> frozenset[tuple[str, str]]:
    """Aliases that declared keys want which `--target` or `--exclude` leaves out."""
    return frozenset(
        (key.provider, alias)
        for address, key in inputs.graph.keys.items()
        if address not in inputs.chosen
        for alias in elements(key.attributes.get("aliases"))
    )


def _only_observed(inputs: Inputs, address: Address) -> bool:
    """Whether a key of the state is not to be touched in any way, not even to be destroyed.

    So says the declaration or, unless it takes the key over, what the last apply made of it.
    """
    key = inputs.graph.keys.get(address)
    declared = key is not None and key.lifecycle.manage is Manage.OBSERVE
    taken_over = key is not None and inputs.options.mode is not PlanMode.DESTROY
    return declared or (inputs.state.resources[address].observed and not taken_over)
