"""Journal entries: what a run is about to do and what became of it.

Rules: `StepStarted` is durable before its effect; a step is decided by `StepSucceeded`,
`StepFailed` or `StepSkipped`; `StepUndecided` says that the answer was lost and keeps the
run open. A run that is resumed may start a step again that was found not done, or was
never attempted. Every entry can be folded into a state without asking anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from keyplan.model.address import Address
from keyplan.model.inverses import Inverse
from keyplan.model.observations import Observation
from keyplan.model.operations import Operation
from keyplan.model.values import Value


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the state holds once a step has succeeded, beyond the operation's own effect.

    `record` are recorded attributes (tier, scope, owner, deletion, ...) to write, `drop`
    those to remove; `manage` and `unmanage` are paths for `ResourceState.managed`;
    `dependencies` replaces the list unless `None`; `phase` and `until` likewise.
    """

    record: dict[str, Value] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    manage: tuple[str, ...] = ()
    unmanage: tuple[str, ...] = ()
    dependencies: tuple[Address, ...] | None = None
    phase: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The head of a journal. `operation` is `apply`, `destroy`, ...; `holder` is user@host.

    `places` maps each provider instance to the place it was connected to: what became
    of a step may be asked there and nowhere else. `on_failure` is `stop` or `rollback`:
    what is to follow if a step fails.
    """

    kind: ClassVar[str] = "run_started"
    run: str
    operation: str
    checksum: str
    lineage: str
    serial: int
    holder: str
    allowed: tuple[str, ...]
    at: str
    places: dict[str, str] = field(default_factory=dict)
    on_failure: str = "stop"


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """The whole program of the run, so that it can be finished without the plan's file.

    `program` is the document of `keyplan.plans.program`; nothing here looks into it.
    """

    kind: ClassVar[str] = "run_planned"
    program: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step is about to be attempted. `expects` is the fingerprint it rests on, or empty."""

    kind: ClassVar[str] = "step_started"
    step: int
    provider: str
    operation: Operation
    inverse: Inverse
    settlement: Settlement
    expects: str = ""


@dataclass(frozen=True, slots=True)
class StepSucceeded:
    """Done. `observation` is the key afterwards where the provider said so at once."""

    kind: ClassVar[str] = "step_succeeded"
    step: int
    id: str
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class StepFailed:
    """Decided: it had no effect. `error_class` is that of `keyplan.errors`."""

    kind: ClassVar[str] = "step_failed"
    step: int
    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class StepUndecided:
    """The answer was lost; the effect may have happened."""

    kind: ClassVar[str] = "step_undecided"
    step: int
    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """Decided: it was never attempted (interrupted, or something before it failed)."""

    kind: ClassVar[str] = "step_skipped"
    step: int
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A key read back after the writes, in the batched pass."""

    kind: ClassVar[str] = "verified"
    address: Address
    observation: Observation


@dataclass(frozen=True, slots=True)
class OutputsSet:
    """The outputs as they are after the run."""

    kind: ClassVar[str] = "outputs_set"
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class StateReplaced:
    """Another state takes the place of the one that the run began with: `keyplan state push`.

    `content` is the text of its file, `edited` whether its digest does not count.
    """

    kind: ClassVar[str] = "state_replaced"
    content: str
    edited: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Every step is decided. `outcome` is `succeeded`, `failed` or `interrupted`."""

    kind: ClassVar[str] = "run_ended"
    outcome: str
    at: str


Entry: TypeAlias = (
    RunStarted
    | RunPlanned
    | StepStarted
    | StepSucceeded
    | StepFailed
    | StepUndecided
    | StepSkipped
    | Verified
    | OutputsSet
    | StateReplaced
    | RunEnded
)
