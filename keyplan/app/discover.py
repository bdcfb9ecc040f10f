"""Finding the keys that exist and that nobody declared. Reads only; writes one new file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keyplan.app.formatting import format_text
from keyplan.app.workspace import Workspace
from keyplan.config.report import suggest_or_list
from keyplan.errors import KeyplanError, UnknownNameError
from keyplan.model.keys import Tier
from keyplan.model.timing import format_date
from keyplan.planning.discovering import Managed, Seen, propose
from keyplan.planning.elsewhere import refuse_elsewhere
from keyplan.plans.discovery import Discovery
from keyplan.render.configuration import configuration_yaml


def discover(workspace: Workspace, providers: Sequence[str] = ()) -> Discovery:
    """Scan the declared providers, or those named.

    Raises `UnknownNameError` for a provider that is not declared, `ConfigurationError`,
    `BusyError` for an open run, `PlanningError` for a provider that is not where its keys are,
    and the errors of store and providers.
    """
    declared = workspace.settings.providers
    for name in providers:
        if name not in declared:
            raise UnknownNameError(
                f"there is no provider {name} in this stack",
                advice=suggest_or_list(name, declared, "Declared") or "None is declared.",
            )
    graph, state = workspace.graph, workspace.idle_snapshot().state
    known = {(item.provider, item.id): item.address for item in state.resources.values()}
    known |= {
        (graph.keys[address].provider, entry.id): address
        for address, entry in graph.imported.items()
        if address in graph.keys
    }
    tiers = {
        address: Tier(str(item.attributes.get("tier", Tier.SERVICE)))
        for address, item in state.resources.items()
    }
    tiers |= {address: key.tier for address, key in graph.keys.items()}
    names = {address.rpartition("key.")[2].partition("[")[0] for address in tiers}
    seen: list[Seen] = []
    with workspace.sessions(providers or declared, read_only=True) as sessions:
        refuse_elsewhere(state, sessions)
        for name, session in sessions.items():
            seen += [Seen(name, key, session.capabilities) for key in session.scan()]
    return propose(seen, Managed(state.lineage, known, tiers, names))


def write_configuration(workspace: Workspace, found: Discovery, path: Path) -> None:
    """Declare and import everything found, in a file that must not exist yet.

    Raises `KeyplanError` if it does, or cannot be written.
    """
    header = (
        f"Made by keyplan discover on {format_date(workspace.clock.now())}. Importing these keys"
        " changes none of them.\nNames, tiers and parents that only govern are guesses: look at"
        " them before the first apply."
    )
    made = configuration_yaml(found, header=header).encode()
    content = format_text(path.name, made).after
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise KeyplanError(
            "the file exists already, and nothing was written",
            target=str(path),
            advice="Name a new file, or move this one away.",
        ) from None
    except OSError as error:
        raise KeyplanError(
            f"the file cannot be written: {error.strerror}",
            target=str(path),
            advice="Check the folder, its permissions and the space that is left.",
        ) from None
