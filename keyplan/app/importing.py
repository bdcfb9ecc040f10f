"""Finding the one existing key that `keyplan import` takes over, and the address for it."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.app.workspace import Workspace
from keyplan.config.nearness import nearest
from keyplan.errors import NotFoundError, StateError, UnknownNameError
from keyplan.model.address import Address

_NEAR = 0.6


def entry_for(workspace: Workspace, written: str, wanted: str) -> Mapping[Address, str]:
    """The declared address with the provider's own id of the key.

    `wanted` is an id, or an alias where no key has that id. Raises `UnknownNameError` for
    an address that is not declared, `StateError` for one in the state already,
    `NotFoundError` if there is no such key, and the errors of configuration, store and
    providers.
    """
    keys = workspace.graph.keys
    key = next((key for address, key in keys.items() if address == written), None)
    if key is None:
        near = nearest(written, [str(address) for address in keys], _NEAR)
        raise UnknownNameError(
            f"{written} is not declared",
            advice=f"Did you mean {near}?"
            if near
            else f"Declare it first, or let keyplan write it: keyplan discover {_OUT}",
        )
    held = workspace.idle_snapshot().state.resources.get(key.address)
    if held is not None:
        raise StateError(
            f"{key.address} is {held.id} already",
            advice=f"To let go of that key first: keyplan state rm '{key.address}'",
        )
    with workspace.sessions([key.provider], read_only=True) as sessions:
        session = sessions[key.provider]
        found = session.read([wanted]).get(wanted)
        if found is not None:
            return {key.address: found.id}
        aliased = session.find_alias(wanted.removeprefix("alias/"))
    if aliased is None:
        raise NotFoundError(
            f"there is no key {wanted}",
            target=f"provider {key.provider}",
            why="Neither an id nor an alias there has that name.",
            advice="See what is there: keyplan discover",
        )
    return {key.address: aliased}


_OUT = "--generate-config-out FILE"
