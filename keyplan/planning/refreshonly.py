"""`--refresh-only`: the state takes over what the world says, and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.planning.drift_versions import CURRENT, renewed
from keyplan.planning.intents import KeyDiff, TakeNote
from keyplan.plans.changes import Action, AttributeChange, DriftItem, DriftResponse, Reason
from keyplan.state.model import State


def accept_drift(
    drift: Iterable[DriftItem],
    state: State,
    live: Mapping[Address, Observation],
    chosen: AbstractSet[Address],
) -> dict[Address, KeyDiff]:
    """One state-only update for each key whose drift is accepted, or that has new material.

    Once a service has rotated a key itself, what others do to it is seen only from what the
    state knows of the material since then.
    """
    accepted: dict[Address, set[str]] = {}
    for item in drift:
        if item.response is DriftResponse.ACCEPT:
            accepted.setdefault(item.address, set()).add(item.path.partition(":")[0])
    for address in chosen & state.resources.keys() & live.keys():
        if renewed(state.resources[address], live[address]):
            accepted.setdefault(address, set()).add(CURRENT)
    return {
        address: KeyDiff(
            address=address,
            provider=state.resources[address].provider,
            action=Action.UPDATE,
            reason=Reason.ADOPT,
            resource=state.resources[address],
            live=live[address],
            recorded=tuple(
                AttributeChange(
                    name,
                    state.resources[address].attributes.get(name),
                    live[address].attributes.get(name),
                    Reason.ADOPT,
                    recorded=True,
                )
                for name in sorted(names - {CURRENT})
            ),
            intents=(TakeNote(),) if CURRENT in names else (),
        )
        for address, names in accepted.items()
    }
