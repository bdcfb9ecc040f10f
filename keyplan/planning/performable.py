"""Steps that their provider does not perform: found in the plan, not half-way through an apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.keys import ALGORITHMS, KeyState
from keyplan.model.observations import ROTATIONS_LEFT, Observation
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateKey,
    MoveAlias,
    PutLabels,
    ReplicateKey,
    RotateKey,
    is_remote,
)
from keyplan.model.values import Value
from keyplan.planning.compare import elements
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Step
from keyplan.sdk.capabilities import Capabilities

FEW_ROTATIONS = 5
"""So many rotations before the last one the plan begins to warn."""


def unsupported(
    steps: Iterable[Step], capabilities: Mapping[str, Capabilities]
) -> Iterator[Finding]:
    """Steps of a plan that their provider does not perform, once per key and operation."""
    seen: set[tuple[str, str]] = set()
    for step in steps:
        name = step.operation.name
        if not is_remote(step.operation) or name in capabilities[step.provider].operations:
            continue
        if (step.address, name) not in seen:
            seen.add((step.address, name))
            yield Finding(
                "KP-PLAN-012",
                Severity.ERROR,
                f"{step.provider} cannot {name.replace('_', ' ')}, which {step.address} needs",
                step.address,
                None,
                f"See what it performs: keyplan providers {step.provider.partition('.')[0]}",
            )


def refused_while_stopped(
    steps: Iterable[Step],
    live: Mapping[Address, Observation],
    capabilities: Mapping[str, Capabilities],
) -> Iterator[Finding]:
    """Findings for steps that need an active key on one that is not, once per key and call."""
    seen: set[tuple[str, str]] = set()
    for step, state in on_stopped_keys(steps, live, capabilities):
        if (step.address, step.call) not in seen:
            seen.add((step.address, step.call))
            yield Finding(
                "KP-PLAN-012",
                Severity.ERROR,
                f"{step.provider} refuses {step.call} for {step.address}, which is {state.value}",
                step.address,
                None,
                "Write `state: active` on it, and suspend it again afterwards; or take that out.",
            )


def worn_out(
    chosen: Iterable[Address], live: Mapping[Address, Observation], steps: Iterable[Step]
) -> Iterator[Finding]:
    """Findings for keys with few rotations on demand left, or fewer than are planned."""
    planned = Counter(step.address for step in steps if isinstance(step.operation, RotateKey))
    for address in sorted(set(chosen) & live.keys()):
        left = live[address].attributes.get(ROTATIONS_LEFT)
        if isinstance(left, int) and left <= FEW_ROTATIONS:
            often = f"{left} times more" if left else "no more"
            yield Finding(
                "KP-PLAN-023",
                Severity.ERROR if planned[address] > left else Severity.WARNING,
                f"{address} can be rotated on demand {often}",
                address,
                None,
                "The limit is for the key's life. Let it rotate by itself, or move to a new key.",
            )


def overfull(
    steps: Iterable[Step],
    live: Mapping[Address, Observation],
    capabilities: Mapping[str, Capabilities],
) -> Iterator[Finding]:
    """Findings for steps after which a key has more labels than it can, and more than before."""
    labels = {address: {*elements(key.attributes.get("labels"))} for address, key in live.items()}
    before = {address: len(held) for address, held in labels.items()}
    for step in steps:
        match step.operation:
            case CreateKey(attributes=attributes) | ReplicateKey(attributes=attributes):
                after = {*elements(attributes.get("labels"))}
            case PutLabels(put=put, remove=remove):
                after = (labels.get(step.address, set()) | put.keys()) - {*remove}
            case _:
                continue
        most = capabilities[step.provider].max_labels
        if most is not None and len(after) > max(most, before.get(step.address, 0)):
            yield Finding(
                "KP-PLAN-012",
                Severity.ERROR,
                f"{step.provider} refuses {step.call} for {step.address}, which would have"
                f" {len(after)} labels: it has room for {most}",
                step.address,
                None,
                "Labels that keyplan does not manage, and those that every key gets, count too."
                " Take some off: the limit is the service's, and is not raised.",
            )
        labels[step.address] = after


def moved_to_another_kind(
    steps: Iterable[Step],
    live: Mapping[Address, Observation],
    capabilities: Mapping[str, Capabilities],
) -> Iterator[Finding]:
    """Findings for aliases that would move to a key of another kind, where none can."""
    kinds = {
        address: _kind(key.attributes.get("algorithm"), key.attributes.get("usage"))
        for address, key in live.items()
    }
    for step in steps:
        match step.operation:
            case CreateKey(usage=usage, algorithm=algorithm):
                kinds[step.address] = _kind(algorithm, usage)
            case ReplicateKey(primary=primary):
                kinds[step.address] = kinds.get(primary)
            case MoveAlias(alias=alias, source=source) if capabilities[
                step.provider
            ].aliases_keep_kind:
                before, after = kinds.get(source), kinds.get(step.address)
                if None not in (before, after) and before != after:
                    yield Finding(
                        "KP-PLAN-012",
                        Severity.ERROR,
                        f"{step.provider} moves no alias to a key of another kind or usage:"
                        f" {alias} points to {source}, and is wanted for {step.address}",
                        step.address,
                        None,
                        f"Take it off {source} in an apply of its own, then give it to"
                        f" {step.address}. In between, what asks for {alias} finds no key.",
                    )
            case _:
                pass


def _kind(algorithm: Value, usage: Value) -> tuple[bool, Value] | None:
    """Symmetric or not, and the usage; to a service, wrapping is encrypting."""
    facts = ALGORITHMS.get(str(algorithm))
    return None if facts is None else (facts.symmetric, "encrypt" if usage == "wrap" else usage)


def on_stopped_keys(
    steps: Iterable[Step],
    live: Mapping[Address, Observation],
    capabilities: Mapping[str, Capabilities],
) -> Iterator[tuple[Step, KeyState]]:
    """Steps that need an active key and whose key is not when their turn comes, with its state."""
    states = {address: key.state for address, key in live.items()}
    for step in steps:
        match step.operation:
            case ChangeState(after=after):
                states[step.address] = after
            case CancelDeletion():
                states[step.address] = KeyState.SUSPENDED
            case _:
                pass
        state = states.get(step.address, KeyState.ACTIVE)
        if step.call in capabilities[step.provider].active_only and state is not KeyState.ACTIVE:
            yield step, state
