"""What `keyplan drift` found: every deviation, what would put it right, and what is left.

Rules: pure data. A spelling that means the same is a note and never drift; a key that
nobody declared is no drift either, unless it was asked for. The digest of a report tells
drift from drift, not one check from the next: receivers use it to see what they know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.canonical import digest
from keyplan.model.inverses import Grade
from keyplan.plans.changes import DriftItem, DriftKind
from keyplan.plans.findings import IDLE, Finding, blind_spots

LEVELS: Final[Mapping[DriftKind, Severity]] = MappingProxyType(
    {
        DriftKind.VANISHED: Severity.ERROR,
        DriftKind.DESTRUCTIVE: Severity.ERROR,
        DriftKind.ACCESS_WIDENED: Severity.ERROR,
        DriftKind.AVAILABILITY: Severity.WARNING,
        DriftKind.ACCESS_NARROWED: Severity.WARNING,
        DriftKind.METADATA: Severity.NOTE,
        DriftKind.UNMANAGED: Severity.NOTE,
        DriftKind.NORMALISATION: Severity.NOTE,
    }
)
"""How loudly each class is told where a format has levels."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One operation that helps to put it right. `undo` is the grade of its own way back."""

    call: str
    detail: str
    undo: Grade


@dataclass(frozen=True, slots=True)
class Drifted:
    """One attribute that is not as keyplan left it.

    `id` is the provider's, `tier`, `usage` and `algorithm` are of the key. `by_apply` is
    what `keyplan apply` would do about it and `by_remedy` what `keyplan drift --remediate`
    would; `left` says why the latter does nothing. `until` is when it can be saved no more.
    """

    item: DriftItem
    id: str
    tier: str = ""
    usage: str = ""
    algorithm: str = ""
    by_apply: tuple[Repair, ...] = ()
    by_remedy: tuple[Repair, ...] = ()
    left: str = ""
    until: datetime | None = None

    @property
    def level(self) -> Severity:
        """How loudly it is told."""
        return LEVELS[self.item.kind]

    @property
    def fingerprint(self) -> str:
        """The same for the same deviation in every check, whatever moved in the files."""
        return digest([self.item.address, self.item.path, self.item.kind.value])


@dataclass(frozen=True, slots=True)
class Stray:
    """A key of a declared provider that neither the state nor the configuration names."""

    provider: str
    id: str
    usage: str = ""
    algorithm: str = ""
    state: str = ""
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """As that of a deviation."""
        return digest([self.provider, self.id, DriftKind.UNMANAGED.value])


@dataclass(frozen=True, slots=True)
class Respelt:
    """An attribute that is not drift and not the same: its service writes it in other words.

    `note` says what is different about it.
    """

    address: Address
    provider: str
    attribute: str
    note: str = "is spelled otherwise and means the same"


@dataclass(frozen=True)
class DriftReport:
    """A whole check.

    `keys` is how many the state has and `read` how many were there; of `hidden` nothing at
    all could be read. `strays` are `None`
    where nobody asked for keys that are not managed. `findings` say what could not be seen.
    `blocked` is the first finding that forbids `keyplan apply` at present. `complete` is
    false when `--target` or `--exclude` left something out.
    """

    stack: str
    store: str
    keyplan_version: str
    lineage: str
    serial: int
    now: datetime
    providers: tuple[str, ...]
    keys: int
    read: int
    hidden: int = 0
    drifted: tuple[Drifted, ...] = ()
    strays: tuple[Stray, ...] | None = None
    of_other_stacks: int = 0
    of_services: int = 0
    respelt: tuple[Respelt, ...] = ()
    findings: tuple[Finding, ...] = ()
    blocked: str = ""
    complete: bool = True

    @property
    def found(self) -> bool:
        """Whether there is anything for exit code 2."""
        return bool(self.drifted or self.strays)

    @property
    def exit_code(self) -> int:
        """2 with drift; 1 where none was found and not all that matters could be looked at."""
        if self.found:
            return 2
        return 1 if self.blind else 0

    @property
    def blind(self) -> bool:
        """Whether something that is declared or was applied could not be read."""
        return bool(self.hidden or self.unreadable)

    @cached_property
    def unreadable(self) -> int:
        """How many attributes that are declared or were applied could not be read."""
        return blind_spots(self.findings)

    @cached_property
    def idle(self) -> str:
        """Which keys are suspended while nothing will enable them; empty for none."""
        return next((item.summary for item in self.findings if item.rule == IDLE), "")

    @cached_property
    def drifted_keys(self) -> int:
        """How many keys drifted."""
        return len({entry.item.address for entry in self.drifted})

    @cached_property
    def counts(self) -> Mapping[DriftKind, int]:
        """How much of each class there is, worst first, zeros included."""
        tally = dict.fromkeys(DriftKind, 0)
        for entry in self.drifted:
            tally[entry.item.kind] += 1
        tally[DriftKind.UNMANAGED] = len(self.strays or ())
        tally[DriftKind.NORMALISATION] = len(self.respelt)
        return tally

    @cached_property
    def digest(self) -> str:
        """Of what drifted and to what: the same drift found twice has one digest."""
        return digest([self.lineage, *sorted(self._marks())])

    def _marks(self) -> Iterator[str]:
        for entry in self.drifted:
            yield digest([entry.fingerprint, entry.item.live])
        for stray in self.strays or ():
            yield stray.fingerprint
