"""One output, or all of them, as the last apply left them."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.app.show import read_state
from keyplan.app.workspace import Workspace
from keyplan.config.report import suggest_or_list
from keyplan.errors import UnknownNameError
from keyplan.model.values import Value


def read_outputs(workspace: Workspace) -> Mapping[str, Value]:
    """Every output of the state."""
    return read_state(workspace).outputs


def read_output(workspace: Workspace, name: str) -> Value:
    """One output; raises `UnknownNameError` that suggests a near name."""
    outputs = read_outputs(workspace)
    if name not in outputs:
        raise UnknownNameError(
            f"the state has no output {name}",
            why=suggest_or_list(name, outputs, "There are") or "There are none yet.",
            advice="Outputs are written by apply: declare it, then keyplan apply.",
        )
    return outputs[name]
