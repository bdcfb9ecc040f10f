"""One output, or all of them, as the last apply left them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from keyplan.app.show import read_state
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError
from keyplan.model.values import Value


def read_outputs(workspace: Workspace) -> Mapping[str, Value]:
    """Every output of the state."""
    return read_state(workspace).outputs


def read_output(workspace: Workspace, name: str) -> Value:
    """One output; raises `KeyplanError` that suggests a near name."""
    outputs = read_outputs(workspace)
    if name not in outputs:
        near = difflib.get_close_matches(name, outputs, n=1)
        known = f"There are: {', '.join(sorted(outputs))}." if outputs else "There are none yet."
        raise KeyplanError(
            f"the state has no output {name}",
            why=f"Did you mean {near[0]}?" if near else known,
            advice="Outputs are written by apply: declare it, then keyplan apply.",
        )
    return outputs[name]
