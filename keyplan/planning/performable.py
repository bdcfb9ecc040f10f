"""Steps that their provider does not perform: found in the plan, not half-way through an apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.model.operations import is_remote
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
