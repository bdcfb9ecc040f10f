"""The plan: an ordered, reversible program of operations, and why each is in it.

Plan and apply cannot disagree, because apply only steps through `Plan.steps` and never
sees configuration. Renderers read the same object.

`Plan.checksum` covers what will be done and the live values it rests on, nothing else:
no serial, token, clock, file order, commit or version. So the plan of a pull request
and the plan after its merge compare equal if, and only if, they do the same to the
same world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from keyplan.model.address import Address
from keyplan.model.canonical import digest
from keyplan.model.encoding import encode_operation
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.operations import Operation
from keyplan.plans.changes import (
    AccessChange,
    Action,
    DriftItem,
    Due,
    OutputChange,
    Reason,
    ResourceChange,
)
from keyplan.plans.findings import Brake, Finding
from keyplan.sdk.provider import Identity
from keyplan.state.entries import Settlement


class PlanMode(StrEnum):
    """What was asked for."""

    NORMAL = "normal"
    DESTROY = "destroy"
    REFRESH_ONLY = "refresh-only"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the program.

    `number` counts from 1 in the order shown. `depends_on` are numbers of steps that
    must have succeeded. `expects` is the fingerprint of the live key that the plan
    rests on (empty: the key is not there yet, or no call is made). `call` is the
    service's own name of the call and `detail` what to say about it.
    """

    number: int
    address: Address
    provider: str
    operation: Operation
    inverse: Inverse
    settlement: Settlement
    reason: Reason
    call: str
    detail: str = ""
    expects: str = ""
    depends_on: tuple[int, ...] = ()

    @property
    def irreversible(self) -> bool:
        """Whether there is no way back."""
        return self.inverse.grade is Grade.NONE


@dataclass(frozen=True, slots=True)
class Pace:
    """What a service's own limits make of a time: `seconds` at least, because of `call`.

    `rate` is that call's limit a second; all are empty where nothing is limited.
    """

    seconds: float = 0.0
    call: str = ""
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of the line that CI tools grep for."""

    add: int = 0
    change: int = 0
    destroy: int = 0
    imported: int = 0
    forget: int = 0

    @property
    def any(self) -> bool:
        """Whether anything at all changes."""
        return bool(self.add or self.change or self.destroy or self.imported or self.forget)


@dataclass(frozen=True)
class Plan:
    """A whole plan.

    `keys` is the number of keys declared or in the state, `read` how many were read.
    `refs` maps each existing key that a step speaks of to its provider's id.
    `refreshed` is false for `--no-refresh`; `complete` is false when `--target` or
    `--exclude` left something out. `pace` is what limits make of applying it, and
    `reading_pace` of making it: how long the service takes, not how long it took.
    """

    stack: str
    store: str
    keyplan_version: str
    mode: PlanMode
    lineage: str
    serial: int
    state_version: str | None
    now: datetime
    identities: Mapping[str, Identity]
    changes: tuple[ResourceChange, ...]
    steps: tuple[Step, ...]
    refs: Mapping[Address, str] = field(default_factory=dict)
    drift: tuple[DriftItem, ...] = ()
    access: tuple[AccessChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    brakes: tuple[Brake, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    due: tuple[Due, ...] = ()
    lockout: str = ""
    keys: int = 0
    read: int = 0
    refreshed: bool = True
    complete: bool = True
    observe: bool = False
    pace: Pace = Pace()
    reading_pace: Pace = Pace()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over operations and the live preconditions they rest on."""
        return digest(
            [
                [
                    step.provider,
                    _without_tokens(encode_operation(step.operation)),
                    step.settlement.phase,
                    step.expects,
                ]
                for step in sorted(
                    self.steps, key=lambda step: (step.address, step.operation.name, step.call)
                )
            ]
        )

    @property
    def counts(self) -> Counts:
        """How many keys are added, changed, destroyed, forgotten."""
        tally = dict.fromkeys(Action, 0)
        for change in self.changes:
            tally[change.action] += 1
        return Counts(
            add=tally[Action.CREATE],
            change=tally[Action.UPDATE],
            destroy=tally[Action.DELETE],
            imported=tally[Action.READ],
            forget=tally[Action.FORGET],
        )

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to apply, outputs included."""
        return bool(self.steps) or any(output.before != output.after for output in self.outputs)

    @property
    def errored(self) -> bool:
        """Whether a guard forbids applying it."""
        return any(finding.blocks for finding in self.findings)

    @property
    def releasable(self) -> bool:
        """Whether brakes release every finding that forbids applying it."""
        return all(item.released_by is not None for item in self.findings if item.blocks)

    @property
    def applyable(self) -> bool:
        """Whether `apply` would do something and may."""
        return self.has_changes and not self.errored and not self.observe


def _without_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """An encoded operation without what differs between two plans of the same change."""
    cleaned = dict(document)
    for name, value in document.items():
        if isinstance(value, dict) and value.keys() == {"stack", "token"}:
            cleaned[name] = "owner"
    return cleaned
