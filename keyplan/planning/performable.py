"""Steps that their provider does not perform: found in the plan, not half-way through an apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.operations import CancelDeletion, ChangeState, is_remote
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Step
from keyplan.sdk.capabilities import Capabilities


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
    """Steps on a key that is not active when their turn comes, and that need one that is."""
    states = {address: key.state for address, key in live.items()}
    seen: set[tuple[str, str]] = set()
    for step in steps:
        match step.operation:
            case ChangeState(after=after):
                states[step.address] = after
            case CancelDeletion():
                states[step.address] = KeyState.SUSPENDED
            case _:
                pass
        state = states.get(step.address, KeyState.ACTIVE)
        needs = step.call in capabilities[step.provider].active_only
        if needs and state is not KeyState.ACTIVE and (step.address, step.call) not in seen:
            seen.add((step.address, step.call))
            yield Finding(
                "KP-PLAN-012",
                Severity.ERROR,
                f"{step.provider} refuses {step.call} for {step.address}, which is {state.value}",
                step.address,
                None,
                "Write `state: active` on it, and suspend it again afterwards; or take that out.",
            )
