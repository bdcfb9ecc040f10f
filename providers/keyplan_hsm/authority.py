"""Who may: key policies and grants, asked for every call of both planes.

Rules: a key with a policy is used only by whom its policy or grants allow; what the HSM
does not know is not allowed. The security officer administers every key: that right
comes with the PIN, and is outside of key policies.
"""

from __future__ import annotations

from keyplan.access.atoms import Request, Verdict
from keyplan.access.evaluation import evaluate
from keyplan.errors import DeniedError
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    ReplicateKey,
    RevokeGrant,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan_hsm.device import Session
from keyplan_hsm.policy import atoms
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.settings import OFFICER


def neutral_operation(operation: RemoteOperation) -> str:
    """The operation of LANGUAGE.md §5 that a key's policy must allow."""
    match operation:
        case ScheduleDeletion() | DestroyKey() | DestroyVersion():
            return "schedule_deletion"
        case CancelDeletion():
            return "cancel_deletion"
        case ChangeState(after=after):
            return "enable" if after is KeyState.ACTIVE else "disable"
        case PutPolicy() | SetAttribute(attribute="exportable"):
            return "set_policy"
        case CreateGrant() | RevokeGrant():
            return "grant"
        case CreateAlias() | MoveAlias() | DeleteAlias():
            return "alias"
        case SetOwner() | PutLabels() | SetAttribute(attribute="description"):
            return "label"
        case ReplicateKey() | ChangePrimary():
            return "replicate"
        case _:
            return "rotate"


def authorise(
    key: KeyRecord,
    operation: str,
    actor: str,
    session: Session,
    context: dict[str, str] | None = None,
) -> None:
    """Raise `DeniedError` unless the key's policy and grants allow it."""
    grants = key.attributes["grants"]
    decision = evaluate(
        atoms(key.attributes["policy"], grants if isinstance(grants, dict) else {}),
        Request(actor, operation, session.now, context or {}),
    )
    if decision.verdict is Verdict.ALLOWED:
        return
    if decision.because is not None and decision.verdict is Verdict.DENIED:
        why = f"Statement {decision.because.source} denies it."
    elif decision.missing:
        why = f"It depends on {', '.join(decision.missing)}, which the HSM does not know."
    else:
        why = "No statement of its policy and no grant allows it in this situation."
    raise DeniedError(
        f"{actor} may not {operation.replace('_', ' ')} with this key",
        target=key.id,
        why=why,
        advice="Act as somebody whom its policy allows it, or change the policy.",
        operation=operation,
    )


def authorise_control(key: KeyRecord, operation: str, actor: str, session: Session) -> None:
    """The same for administration, which is always the officer's."""
    if actor != OFFICER:
        authorise(key, operation, actor, session)


def authorise_child(
    session: Session, operation: CreateKey, parent_id: str | None, actor: str
) -> None:
    """Hanging a key under a parent takes the right to use the parent so, or to administer it."""
    use = {"wraps": "wrap", "derives": "derive", "signs": "sign"}.get(operation.relation or "wraps")
    parent = None if parent_id is None or use is None else session.rows.key(parent_id)
    if actor == OFFICER or parent is None or use is None:
        return
    try:
        authorise(parent, "rotate", actor, session)
    except DeniedError:
        authorise(parent, use, actor, session)
