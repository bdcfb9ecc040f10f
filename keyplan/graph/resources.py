"""The resource graph: everything declared, evaluated and linked. What planning reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyplan.model.address import Address
from keyplan.model.principals import Principal
from keyplan.model.resources import DesiredKey, Imported, Moved, Removed
from keyplan.model.stack import OutputBlock, ProviderBlock, Stack


@dataclass(frozen=True, slots=True)
class ResourceGraph:
    """A linked stack.

    `keys` is in dependency order: parents and whatever else a key refers to come
    before it. `edges` maps a key to what it depends on (parent, references,
    `depends_on`). Policies are already merged into their keys.
    """

    stack: Stack
    providers: Mapping[str, ProviderBlock] = field(default_factory=dict)
    principals: Mapping[Address, Principal] = field(default_factory=dict)
    keys: Mapping[Address, DesiredKey] = field(default_factory=dict)
    edges: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict)
    removed: tuple[Removed, ...] = ()
    moved: tuple[Moved, ...] = ()
    imported: Mapping[Address, Imported] = field(default_factory=dict)
    outputs: Mapping[str, OutputBlock] = field(default_factory=dict)
