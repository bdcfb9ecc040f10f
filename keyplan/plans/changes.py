"""What differs and why, before anything is turned into steps. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from keyplan.diagnostics import Position
from keyplan.model.address import Address
from keyplan.model.values import Value


class Action(StrEnum):
    """Terraform's words, so that rules written for its plans work here. Never a replacement."""

    NO_OP = "no-op"
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    FORGET = "forget"


class Reason(StrEnum):
    """Why something changes."""

    DECLARED = "declared"  # the declaration says something else
    DRIFT = "drift"  # the world was changed outside keyplan
    DUE = "due"  # time passed (LANGUAGE.md §7)
    WITHDRAWN = "withdrawn"  # keyplan applied it and it is no longer declared
    REMOVED = "removed"  # a `removed` entry names the key
    ABSENT = "absent"  # no longer declared, and not protected
    DESTROY = "destroy"  # `keyplan destroy`
    RESCUE = "rescue"  # declared, and pending deletion
    ADOPT = "adopt"  # keyplan takes it over
    MOVED = "moved"  # a `moved` entry gives it another address
    ROLLBACK = "rollback"  # `keyplan rollback` takes it back


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute, or one element of a collection.

    `path` is `description` or `labels:team`. `before` is the live value (for recorded
    attributes the one in the state), `after` the wanted one; `None` is absence.
    `one_way` marks what cannot be taken back. `note` is a short remark for people.
    """

    path: str
    before: Value
    after: Value
    reason: Reason = Reason.DECLARED
    recorded: bool = False
    one_way: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """Everything that happens to one key.

    `before` and `after` are whole attribute maps (`None` where the key is not), for
    machine-readable plans; `after` may hold unknowns. `steps` are numbers of the plan's
    steps. `previous` is the address that a `moved` entry takes it from. `notes` are
    complete sentences for people, `depth` is how far below its root.
    """

    address: Address
    provider: str
    action: Action
    reason: Reason
    before: Mapping[str, Value] | None
    after: Mapping[str, Value] | None
    attributes: tuple[AttributeChange, ...] = ()
    steps: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    parent: Address | None = None
    previous: Address | None = None
    depth: int = 0
    position: Position | None = None


class DriftKind(StrEnum):
    """Classes of drift, worst first."""

    VANISHED = "vanished"
    DESTRUCTIVE = "destructive"
    ACCESS_WIDENED = "access widened"
    AVAILABILITY = "availability"
    ACCESS_NARROWED = "access narrowed"
    METADATA = "metadata"
    UNMANAGED = "unmanaged"  # a key that nobody declared: no drift by itself
    NORMALISATION = "normalisation"  # another spelling of the same: never drift


class DriftResponse(StrEnum):
    """What this plan does about it."""

    REVERT = "revert"  # puts it back
    REPORT = "report"  # leaves it alone, as `lifecycle.on_drift` says
    IGNORE = "ignore"  # leaves it alone, as `lifecycle.ignore_changes` says
    OBSERVE = "observe"  # leaves it alone: the key or the whole stack is only observed
    LEAVE = "leave"  # not managed: said, never changed
    ACCEPT = "accept"  # refresh-only: the state takes it over
    AGREED = "agreed"  # the declaration says the same by now
    BLOCK = "block"  # needs a person first


@dataclass(frozen=True, slots=True)
class DriftItem:
    """One attribute that is not as keyplan left it. `applied` is from the state, `live` is now.

    `declared` is what the declaration says, where `written` says that it says anything.
    `note` says in words all that changed, where the values would hide it.
    """

    address: Address
    provider: str
    path: str
    applied: Value
    live: Value
    kind: DriftKind
    response: DriftResponse
    position: Position | None = None
    declared: Value = None
    written: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class AccessChange:
    """Who gains, loses or keeps with other limits.

    `principal` is an identity as the provider spells it, `name` the declared principal
    if there is one. `before` and `after` are the limits of the access as short texts
    (`context tenant=acme`, `until 2027-06-30`); `None` where there is no access.
    """

    address: Address
    provider: str
    principal: str
    name: str
    operations: tuple[str, ...]
    before: str | None
    after: str | None
    wider: bool


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output. Values may be unknown before apply."""

    name: str
    before: Value
    after: Value
    description: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """The next thing that time brings to a key, for people and cron."""

    address: Address
    what: str
    at: datetime
