"""Keys of the state that cannot be where their provider is connected now.

Read from there, every one of them would be taken for gone, and somebody might follow the
advice to forget keys that live. So nothing is read, and nothing concluded.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.errors import PlanningError
from keyplan.session.session import ProviderSession
from keyplan.state.model import State


def refuse_elsewhere(state: State, sessions: Mapping[str, ProviderSession]) -> None:
    """Raise `PlanningError` for a provider whose keys are, by their ids, in another place."""
    for instance, session in sorted(sessions.items()):
        places = {
            item.address: place
            for item in state.resources.values()
            if item.provider == instance and (place := session.located.elsewhere(item.id))
        }
        if places:
            address, place = min(places.items())
            more = len(places) - 1
            raise PlanningError(
                f"provider {instance} is {session.identity.place} now, and {address} is in {place}",
                target=f"provider {instance}",
                why=f"State serial {state.serial} has {address}"
                + (f" and {more} more" if more else "")
                + " there. Seen from here they would be taken for gone, so nothing was read.",
                advice=f"Use the credentials and the settings of {place} for this block. For keys"
                f" in {session.identity.place} declare another block, and give it to new keys.",
            )
