"""The state of a stack, read without any provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.app.workspace import Workspace
from keyplan.model.values import Value
from keyplan.state.model import State


@dataclass(frozen=True, slots=True)
class StateResult:
    """The state, where it is, and the run that did not end, if there is one."""

    state: State
    store: str
    open_run: str | None

    @property
    def outputs(self) -> Mapping[str, Value]:
        """The outputs after the last apply."""
        return self.state.outputs


def read_state(workspace: Workspace) -> StateResult:
    """Load the state. Raises `ConfigurationError`, `StateError`."""
    snapshot = workspace.snapshot()
    return StateResult(snapshot.state, workspace.store.describe(), snapshot.open_run)
