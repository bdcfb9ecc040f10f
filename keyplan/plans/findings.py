"""What guards found: findings about the declaration, and brakes on the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address

CALLER_OUT = "KP-LOCK-004"
"""The rule that whoever applies a policy can set it again."""

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
    """One result of a rule. Level error blocks applying; `advice` is what to write."""

    rule: str
    level: Severity
    summary: str
    address: Address | None = None
    position: Position | None = None
    advice: str = ""

    @property
    def blocks(self) -> bool:
        """Whether a plan with this finding may not be applied."""
        return self.level is Severity.ERROR

    @property
    def released_by(self) -> BrakeName | None:
        """The brake that lets a plan be applied in spite of it; most errors have none."""
        return BrakeName.LOCKOUT if self.rule == CALLER_OUT else None


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
