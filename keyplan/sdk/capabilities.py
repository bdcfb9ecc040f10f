"""What a provider says about its service before anything is attempted.

Planning reads this: what is not supported is an error in the plan, with the line
that asked for it, not a failure half-way through an apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from keyplan.model.keys import KeyState, Relation, Usage
from keyplan.model.operations import ChangeState, Operation, PutLabels, SetAttribute, SetOwner


class Reading(StrEnum):
    """How an attribute lives with a provider (LANGUAGE.md §3)."""

    OBSERVED = "observed"  # read back and compared three ways
    RECORDED = "recorded"  # kept in the state only; never drifts


class Mutability(StrEnum):
    """Whether an attribute can change once the key exists."""

    MUTABLE = "mutable"
    ONE_WAY = "one_way"  # it can be set, never taken back
    IMMUTABLE = "immutable"


class Deletion(StrEnum):
    """How material is destroyed; it decides who holds the clock."""

    SCHEDULED = "scheduled"  # the service counts the window
    IMMEDIATE = "immediate"  # keyplan counts it, and destroys in a later apply
    FORBIDDEN = "forbidden"


class Finding(StrEnum):
    """How a create whose answer was lost is found again."""

    NATIVE = "native"  # the service takes an idempotency token
    TAGGED = "tagged"  # the token is written with the object
    NAMED = "named"  # the name is the token; create must expect absence
    NONE = "none"


class Rotation(StrEnum):
    """Who makes a new version when it is due."""

    NATIVE = "native"  # the service, by itself
    PLANNED = "planned"  # keyplan, as a change with `reason: due`
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Attribute:
    """How one attribute of LANGUAGE.md §4 lives with the provider.

    `at_create`: whether `CreateKey` carries it, so that it needs no call of its own.
    """

    reading: Reading
    mutability: Mutability = Mutability.MUTABLE
    at_create: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The manifest of a provider.

    `attributes` names every attribute the provider honours; one that is absent is
    unsupported, and declaring it is an error. `operations` names every member of the
    closed union it performs. `algorithms` maps an algorithm to the usages it can have
    there. `rates` are requests a second per operation; 0 or absent: no limit.
    With `paces_itself` a connection keeps to limits of its own (quotas differ between
    accounts), and `rates` only tell what is usual.
    With `grants_by_terms` two grants of one name but other terms live side by side, so that
    one is replaced without a gap: the provider reports the newest under the name and each
    other one as `name~` and something of its own, and takes back the one with those terms.
    `calls` names the service's own call of an operation, as plans show it; where one
    operation has several, also by attribute or state (`set_attribute:rotation`,
    `set_attribute:rotation:none`, `change_state:active`, `put_labels:none`). `states` are
    those that a key can be put into there. `active_only` are calls, by the service's names,
    that it refuses for a key that is not active: a plan that needs one is refused.
    `max_labels` are the labels that a key can have at once, whoever set them. With
    `aliases_keep_kind` an alias moves only between keys of one kind and usage.
    """

    attributes: Mapping[str, Attribute]
    operations: frozenset[str]
    algorithms: Mapping[str, frozenset[Usage]]
    relations: frozenset[Relation]
    default_relation: Relation
    deletion: Deletion = Deletion.SCHEDULED
    min_window: timedelta = timedelta()
    max_window: timedelta | None = None
    default_window: timedelta = timedelta(days=30)
    finding: Finding = Finding.TAGGED
    rotation: Rotation = Rotation.PLANNED
    threads: int = 8
    read_batch: int = 100
    read_lag: timedelta = timedelta()
    rates: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    grants_by_terms: bool = False
    paces_itself: bool = False
    active_only: frozenset[str] = frozenset()
    max_labels: int | None = None
    aliases_keep_kind: bool = False
    states: frozenset[KeyState] = frozenset(
        {KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.DEACTIVATED, KeyState.COMPROMISED}
    )

    def call(self, operation: Operation) -> str:
        """The service's name for an operation, or the neutral one."""
        name = operation.name
        for named in (*(f"{name}:{facet}" for facet in _facets(operation)), name):
            if named in self.calls:
                return self.calls[named]
        return name.replace("_", " ")


def _facets(operation: Operation) -> tuple[str, ...]:
    """What an operation may have a call of its own for, the most particular first."""
    match operation:
        case SetAttribute(attribute=name, after=None):
            return (f"{name}:none", name)
        case SetAttribute(attribute=name):
            return (name,)
        case ChangeState(after=state):
            return (state.value,)
        case SetOwner(after=None):
            return ("none",)
        case PutLabels(put=put) if not put:
            return ("none",)
        case _:
            return ()
