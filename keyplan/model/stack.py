"""What a stack says about itself: its settings, its providers, its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyplan.diagnostics import Position
from keyplan.model.values import Value


class StackMode(StrEnum):
    """`observe` reads and reports, and writes nothing at all."""

    MANAGE = "manage"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Safety:
    """Brakes on how much one apply may change, as parts of the existing keys.

    They count changes of access, state and existence, not labels, and act only from
    `min_existing` keys up.
    """

    max_delete: float = 0.3
    max_update: float = 0.3
    min_existing: int = 10


@dataclass(frozen=True, slots=True)
class StoreBlock:
    """`state: {local: {path: keyplan.state.json}}`, settings not yet validated.

    `sealed` says what opens it where what the store keeps is encrypted.
    """

    name: str = "local"
    settings: Mapping[str, Value] = field(default_factory=dict)
    position: Position | None = None
    sealed: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class ProviderBlock:
    """One provider instance (`hsm`, `aws.dr`), settings as plain data."""

    instance: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    position: Position | None = None
    snippet: str = ""

    @property
    def type(self) -> str:
        """`aws` for the instance `aws.dr`."""
        return self.instance.partition(".")[0]


@dataclass(frozen=True, slots=True)
class OutputBlock:
    """One output; its value may wait for apply."""

    name: str
    value: Value
    description: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """The `keyplan` block, and the name people know the stack by (its folder's)."""

    name: str
    mode: StackMode = StackMode.MANAGE
    store: StoreBlock = StoreBlock()
    safety: Safety = Safety()
