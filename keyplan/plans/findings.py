"""What guards found: findings about the declaration, and brakes on the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address

UNREADABLE = "KP-PLAN-015"
"""The rule about what cannot be read."""

IDLE = "KP-PLAN-020"
"""The rule about keys that are suspended and stay so."""


class BrakeName(StrEnum):
    """What `--allow` can release (CLI.md)."""

    IRREVERSIBLE = "irreversible"
    ROOT = "root"
    MAX_DELETE = "max-delete"
    MAX_UPDATE = "max-update"
    TAKEOVER = "takeover"
    LOCKOUT = "lockout"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a rule. Level error blocks applying; `advice` is what to write.

    `released_by` is the brake that lets a plan be applied in spite of it; most errors have none.
    """

    rule: str
    level: Severity
    summary: str
    address: Address | None = None
    position: Position | None = None
    advice: str = ""
    released_by: BrakeName | None = None

    @property
    def blocks(self) -> bool:
        """Whether a plan with this finding may not be applied."""
        return self.level is Severity.ERROR


def blind_spots(findings: Iterable[Finding]) -> int:
    """How many attributes of a provider cannot be read, of those that somebody cares for."""
    return sum(item.rule == UNREADABLE and item.level is Severity.WARNING for item in findings)


def is_blind(findings: Iterable[Finding]) -> bool:
    """Whether something that somebody cares for could not be read, be it a whole key."""
    return any(item.rule == UNREADABLE and item.level is not Severity.NOTE for item in findings)


@dataclass(frozen=True, slots=True)
class Brake:
    """A brake that this plan needs released, why, and for which steps."""

    name: BrakeName
    why: str
    steps: tuple[int, ...] = ()
