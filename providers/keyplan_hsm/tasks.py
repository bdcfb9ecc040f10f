"""The kinds of calls of the data plane, and what every one of them must pass.

Rules: usage, state and policy must all permit a call; a version is used only while it
is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.errors import NotFoundError, RejectedError
from keyplan.model.keys import KeyState, Usage
from keyplan_hsm.authority import authorise
from keyplan_hsm.device import Session
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.rows import Rows
from keyplan_hsm.rules import require_use

Context = Mapping[str, str]
"""An encryption context."""


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of call: its neutral operation, the usage it needs, whether it protects anew."""

    operation: str
    usage: Usage | None
    applies: bool


ENCRYPT = Task("encrypt", Usage.ENCRYPT, applies=True)
DECRYPT = Task("decrypt", Usage.ENCRYPT, applies=False)
SIGN = Task("sign", Usage.SIGN, applies=True)
VERIFY = Task("verify", Usage.SIGN, applies=False)
MAC = Task("generate_mac", Usage.MAC, applies=True)
VERIFY_MAC = Task("verify_mac", Usage.MAC, applies=False)
WRAP = Task("wrap", Usage.WRAP, applies=True)
UNWRAP = Task("unwrap", Usage.WRAP, applies=False)
DERIVE = Task("derive", Usage.DERIVE, applies=True)
EXPORT = Task("export", None, applies=True)
PUBLIC_KEY = Task("get_public_key", None, applies=False)

TASKS = (
    ENCRYPT, DECRYPT, SIGN, VERIFY, MAC, VERIFY_MAC, WRAP, UNWRAP, DERIVE, EXPORT, PUBLIC_KEY,
)  # fmt: skip
"""Everything the data plane does."""


def find(rows: Rows, name: str) -> KeyRecord:
    """A key by id or alias. Raises `NotFoundError`."""
    record = rows.key(name) or rows.key(rows.alias(name) or "")
    if record is None:
        raise NotFoundError(
            "no key has this id or alias", target=name, advice="See `keyplan hsm keys`."
        )
    return record


def require(
    session: Session, record: KeyRecord, task: Task, actor: str, context: Context | None
) -> None:
    """Usage, state, policy: all three must permit the task."""
    if task.usage is not None and record.usage is not task.usage:
        raise RejectedError(
            f"a key for {record.usage.value} does not {task.operation.replace('_', ' ')}",
            target=record.id,
            why="A key has one usage (SP 800-57 §5.2).",
        )
    if task is not PUBLIC_KEY:
        require_use(session.rows, record, applies=task.applies)
    authorise(record, task.operation, actor, session, dict(context or {}))


def current(session: Session, record: KeyRecord) -> tuple[int, bytes]:
    """The version that protects anew, and its material."""
    number = record.current.number
    return number, session.vault.material(session.rows, record, number)


def version_material(session: Session, record: KeyRecord, number: int) -> bytes:
    """The material of a version. Raises `RejectedError` unless it is accepted."""
    version = record.version(number)
    if version is None or not version.state.may_process:
        state = "unknown" if version is None else version.state.value
        raise RejectedError(
            f"version {number} of the key is {state} and not accepted",
            target=record.id,
            advice="Accept the version again, if it was retired."
            if state == KeyState.SUSPENDED.value
            else "",
        )
    return session.vault.material(session.rows, record, number)


def accepted_materials(session: Session, record: KeyRecord) -> list[bytes]:
    """The material of every accepted version, newest first."""
    return [
        session.vault.material(session.rows, record, version.number)
        for version in reversed(record.versions)
        if version.state.may_process
    ]
