"""What somebody else does to the keys of a stack on the HSM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keyplan.app.workspace import Workspace
from keyplan.model.address import Address
from keyplan.model.operations import CreateAlias, PutLabels

ROOT, PAYMENTS = Address("key.root"), Address("key.payments")
RELABELLED = PutLabels(PAYMENTS, {"team": "theirs"}, [], {"team": "payments"})
RENAMED = CreateAlias(ROOT, "theirs")


def behind(stack: Path, *operations: Any) -> None:
    """Somebody else changes keys of the HSM."""
    workspace = Workspace(stack, environment={})
    state = workspace.snapshot().state
    ids = {address: item.id for address, item in state.resources.items()}
    with workspace.sessions(["hsm"], read_only=False) as sessions:
        for operation in operations:
            sessions["hsm"].execute(operation, ids)
