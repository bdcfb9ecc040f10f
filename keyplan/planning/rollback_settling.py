"""What the state is to say again once a step is taken back.

A settlement is computed from the key as the state had it before the step and after it,
so that what only the state knows (tier, managed paths, dependencies, the phase on the way
out) returns to exactly what it was. What a provider reports comes back by being read.
"""

from __future__ import annotations

from keyplan.state.entries import Settlement
from keyplan.state.model import ResourceState

NOTHING = Settlement()


def settlement_back(after: ResourceState | None, before: ResourceState | None) -> Settlement:
    """From the key after a step to the key before it; nothing for a key that was not there."""
    if before is None:
        return NOTHING
    was = {name: before.attributes[name] for name in before.recorded if name in before.attributes}
    if after is None:
        return Settlement(
            record=was,
            manage=tuple(sorted(before.managed)),
            dependencies=before.dependencies,
            phase=before.phase.value,
            until=before.until,
        )
    moved = (after.phase, after.until) != (before.phase, before.until)
    return Settlement(
        record={
            name: value
            for name, value in was.items()
            if name not in after.recorded or after.attributes.get(name) != value
        },
        drop=tuple(sorted(after.recorded - before.recorded)),
        manage=tuple(sorted(before.managed - after.managed)),
        unmanage=tuple(sorted(after.managed - before.managed)),
        dependencies=None if before.dependencies == after.dependencies else before.dependencies,
        phase=before.phase.value if moved else None,
        until=before.until if moved else None,
    )


def merged(first: Settlement, then: Settlement) -> Settlement:
    """Both, one after the other, as one."""
    return Settlement(
        record={
            **{name: value for name, value in first.record.items() if name not in then.drop},
            **then.record,
        },
        drop=tuple(sorted({*first.drop, *then.drop} - then.record.keys())),
        manage=tuple(sorted({*first.manage, *then.manage} - set(then.unmanage))),
        unmanage=tuple(sorted({*first.unmanage, *then.unmanage} - set(then.manage))),
        dependencies=first.dependencies if then.dependencies is None else then.dependencies,
        phase=then.phase or first.phase,
        until=then.until if then.phase else first.until,
    )


def still_due(settlement: Settlement, now: ResourceState) -> Settlement:
    """The part of it that the state does not say yet."""
    differs = (now.phase.value, now.until) != (settlement.phase, settlement.until)
    moved = settlement.phase is not None and differs
    again = settlement.dependencies
    return Settlement(
        record={
            name: value
            for name, value in settlement.record.items()
            if name not in now.recorded or now.attributes.get(name) != value
        },
        drop=tuple(name for name in settlement.drop if name in now.recorded),
        manage=tuple(path for path in settlement.manage if path not in now.managed),
        unmanage=tuple(path for path in settlement.unmanage if path in now.managed),
        dependencies=None if again == now.dependencies else again,
        phase=settlement.phase if moved else None,
        until=settlement.until if moved else None,
    )
