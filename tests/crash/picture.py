"""What there is, in one form: equal for two worlds that differ only in ids, tokens and times.

Every key of the provider is in it, by the address that the state knows it under; one
that the state does not know is a `stranger`. Beside it are the state, and the number of
keys as the service itself counts them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keyplan.app.plan import plan_stack
from keyplan.app.workspace import Workspace
from keyplan.model.observations import Observation
from keyplan.plans.options import PlanOptions
from keyplan.session.session import ProviderSession
from keyplan.state.model import State

_TIME = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)")


def picture(folder: Path) -> dict[str, Any]:
    """The world and the state of a stack, and how many steps a plan would have."""
    workspace = Workspace(folder, environment=os.environ)
    state = workspace.snapshot().state
    names = {item.id: str(address) for address, item in state.resources.items()}
    with workspace.sessions(workspace.settings.providers, read_only=True) as sessions:
        live = [key for session in sessions.values() for key in _all(session)]
    found = {
        "keys": {
            names.get(key.id, f"stranger {number}"): _key(key, state)
            for number, key in enumerate(live)
        },
        "count": len(live),
        "resources": {str(address): _resource(item) for address, item in state.resources.items()},
        "outputs": dict(state.outputs),
        "planned": 0 if workspace.store.open_logs() else _planned(workspace),
    }
    text = json.dumps(found, default=str, sort_keys=True)
    for identifier, name in names.items():
        text = text.replace(identifier, f"id of {name}")
        text = text.replace(identifier.rpartition("/")[2], f"short id of {name}")
    for account in {str(key.attributes.get("account", "")) for key in live} - {""}:
        text = text.replace(account, "ACCOUNT")
    normal: dict[str, Any] = json.loads(_TIME.sub("TIME", text))
    return normal


def _planned(workspace: Workspace) -> int:
    return len(plan_stack(workspace, PlanOptions()).plan.steps)


def _all(session: ProviderSession) -> list[Observation]:
    """Every key of the place that is not the service's own."""
    found = session.scan()
    return [key for key in found if key.attributes.get("manager") in (None, "customer")]


def _comparable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without digests of how a policy is spelt, account number and all: the policy is there."""
    return {name: value for name, value in attributes.items() if name != "spellings"}


def _key(key: Observation, state: State) -> dict[str, Any]:
    return {
        "attributes": _comparable(key.attributes),
        "ours": key.owner is not None and key.owner.stack == state.lineage,
        "versions": [(version.number, version.state) for version in key.versions],
        "pending": key.deletion_at is not None,
    }


def _resource(item: Any) -> dict[str, Any]:
    found = asdict(item)
    for varying in ("owner", "fingerprint", "address"):
        del found[varying]
    return {
        **found,
        "attributes": _comparable(item.attributes),
        "managed": sorted(item.managed),
        "recorded": sorted(item.recorded),
        "dependencies": sorted(map(str, item.dependencies)),
        "versions": [(version.number, version.state) for version in item.versions],
        "marked": item.owner is not None,
        "seen": bool(item.fingerprint),
    }
