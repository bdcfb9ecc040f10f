"""Checking a configuration offline: no store, no provider connection, no credentials."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.app.workspace import Workspace
from keyplan.diagnostics import ConfigurationError, Diagnostic, Severity
from keyplan.rules.capability import check_policies


@dataclass(frozen=True, slots=True)
class Validation:
    """Everything that was found, in file order; `keys` is how many keys are declared."""

    diagnostics: tuple[Diagnostic, ...]
    keys: int

    @property
    def valid(self) -> bool:
        """Whether a plan could be made."""
        return not any(item.severity is Severity.ERROR for item in self.diagnostics)


def validate(workspace: Workspace) -> Validation:
    """Load and link the stack; mistakes are part of the result and not raised."""
    try:
        graph = workspace.graph
    except ConfigurationError as error:
        return Validation(tuple(error.diagnostics), 0)
    found = (*workspace.warnings, *check_policies(graph, workspace.registry.plugins))
    return Validation(found, len(graph.keys))
