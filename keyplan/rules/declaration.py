"""The rules that every declaration must meet, as `graph.link.load_graph` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from keyplan.graph.link import Check
from keyplan.rules.capability import check_capabilities, check_with_providers
from keyplan.rules.hierarchy import check_hierarchy
from keyplan.rules.names import check_aliases
from keyplan.sdk.provider import Plugin


def declaration_checks(plugins: Mapping[str, Plugin]) -> tuple[Check, ...]:
    """Hierarchy, names, capabilities, and the providers' own checks, each over a graph."""
    return (
        check_hierarchy,
        check_aliases,
        partial(check_capabilities, plugins=plugins),
        partial(check_with_providers, plugins=plugins),
    )
