"""Short wordings that several views of a plan share."""

from __future__ import annotations

from typing import assert_never

from keyplan.diagnostics import Position
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ActivateVersion,
    CancelDeletion,
    ChangeState,
    CreateGrant,
    DestroyKey,
    DestroyVersion,
    IssueCertificate,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.model.values import Value
from keyplan.plans.changes import Action, DriftResponse, Reason
from keyplan.plans.plan import Step
from keyplan.render.values import attribute_text

MARKS: dict[Action, str] = {
    Action.NO_OP: " ",
    Action.CREATE: "+",
    Action.READ: "=",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.FORGET: ".",
}
"""The mark of each action; `=` takes an existing key over as it is."""

RESPONSES: dict[DriftResponse, str] = {
    DriftResponse.REVERT: "puts it back",
    DriftResponse.REPORT: "does nothing (lifecycle.on_drift: report)",
    DriftResponse.IGNORE: "does nothing (lifecycle.ignore_changes)",
    DriftResponse.OBSERVE: "does nothing (only observed)",
    DriftResponse.LEAVE: "does nothing (not managed)",
    DriftResponse.ACCEPT: "writes it to the state and changes no key",
    DriftResponse.AGREED: "does nothing: the declaration says the same by now",
    DriftResponse.BLOCK: "cannot go on until a person has decided",
}
"""What a plan does about drift."""


def place(position: Position | None) -> str:
    """`file:line`, as editors and terminals open it; empty where there is none."""
    return f"{position.file}:{position.line}" if position else ""


def reason_text(reason: Reason) -> str:
    """Why something changes, where that is not simply what was declared."""
    match reason:
        case Reason.DECLARED:
            return ""
        case Reason.DRIFT:
            return "changed outside keyplan; put back"
        case Reason.DUE:
            return "due"
        case Reason.WITHDRAWN:
            return "no longer declared"
        case Reason.REMOVED:
            return "a `removed` entry names it"
        case Reason.ABSENT:
            return "no longer declared, and not protected"
        case Reason.DESTROY:
            return "keyplan destroy"
        case Reason.RESCUE:
            return "declared, and pending deletion: taken back"
        case Reason.ADOPT:
            return "taken over by this stack"
        case Reason.MOVED:
            return "a `moved` entry gives it this address"
        case Reason.ROLLBACK:
            return "taken back"
        case _:
            assert_never(reason)


def undo_text(inverse: Inverse) -> str:
    """The way back in a word or two, for the right-hand column."""
    match inverse.grade:
        case Grade.EXACT:
            return "exact"
        case Grade.NONE:
            return "NONE"
        case Grade.TIME_LIMITED:
            return _time_limited(inverse)
        case Grade.COMPENSATING:
            return _compensation(inverse)
        case Grade.UNPROVEN:
            return "unproven"
        case _:
            assert_never(inverse.grade)


def _time_limited(inverse: Inverse) -> str:
    for operation in inverse.operations:
        if isinstance(operation, CancelDeletion):
            return f"for {operation.window}"
    return "for a time"


def _compensation(inverse: Inverse) -> str:
    match inverse.operations:
        case (ChangeState(after=KeyState.SUSPENDED), *_):
            return "suspend"
        case (ScheduleDeletion(), *_):
            return "delete again"
        case (CreateGrant(), *_):
            return "new grant"
        case (ActivateVersion(after=version), *_):
            return f"version {version}"
        case _:
            return "in part"


def irreversible_text(step: Step) -> str:
    """What a step does for ever: `makes key.reports exportable`."""
    key = step.address
    match step.operation:
        case SetAttribute(attribute="exportable", after=True):
            return f"makes {key} exportable, for ever"
        case SetAttribute(attribute=attribute, after=after):
            return f"sets {attribute} of {key} to {short(attribute, after)}, for ever"
        case DestroyKey():
            return f"destroys {key}, for ever"
        case ScheduleDeletion(window=window):
            return f"ends {key} after {window}"
        case DestroyVersion(version=version):
            return f"destroys version {version} of {key}, for ever"
        case ChangeState(after=after):
            return f"makes {key} {after.value}, for ever"
        case IssueCertificate(version=version):
            return f"certifies version {version} of {key}"
        case _:
            return f"({step.call}) changes {key} for ever"


def short(attribute: str, value: Value) -> str:
    """A value inside a sentence: at most 40 characters, then its kind only."""
    text = attribute_text(attribute, value)
    return text if len(text) <= 40 else "another value"
