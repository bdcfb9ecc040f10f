"""The open connection: every call reads the JSON file, and a write replaces it.

A file lock makes calls from several threads and processes take turns.
"""

from __future__ import annotations

import fcntl
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from keyplan.errors import ConflictError, NotFoundError, RejectedError
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateKey,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.timing import format_instant, parse_duration, parse_instant
from keyplan.sdk.provider import Bindings, Identity, OpenContext, Outcome, Page

Record = dict[str, Any]


class Vault:
    """`keys` in the file maps an id to `{"attributes", "owner", "deletion_at"}`."""

    def __init__(self, path: Path, context: OpenContext) -> None:
        self._path = path
        self._now = context.now
        self._read_only = context.read_only

    def identify(self) -> Identity:
        """The file, as Acme's root."""
        return Identity(str(self._path), "acme:root", f"{self._path.name} as acme:root")

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Those that are there."""
        keys = self._load()
        return {key_id: observe(key_id, keys[key_id]) for key_id in ids if key_id in keys}

    def scan(self, cursor: str | None = None) -> Page:
        """Three keys at a time, in the order of their ids."""
        keys = self._load()
        rest = sorted(key_id for key_id in keys if key_id > (cursor or ""))
        page = [observe(key_id, keys[key_id]) for key_id in rest[:3]]
        return Page(page, rest[2] if len(rest) > 3 else None)

    def find(self, token: str) -> Observation | None:
        """By the token in the owner mark."""
        for key_id, record in self._load().items():
            if record["owner"] and record["owner"]["token"] == token:
                return observe(key_id, record)
        return None

    def find_alias(self, alias: str) -> str | None:
        """There are no aliases here."""
        return None

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,
        deadline: float | None = None,
    ) -> Outcome:
        """One operation, under the lock of the file."""
        if self._read_only:
            raise RejectedError("the vault is open for reading", operation=operation.name)
        with self._locked() as keys:
            if isinstance(operation, CreateKey):
                key_id = create(keys, operation)
            else:
                key_id = bindings[operation.target]
                if key_id not in keys:
                    raise NotFoundError("there is no such key", target=key_id)
                changed = change(keys[key_id], operation, self._now)
                if changed == keys[key_id]:
                    return Outcome(key_id, observe(key_id, changed))
                if expects and expects != observe(key_id, keys[key_id]).fingerprint:
                    raise ConflictError("the key has changed", target=key_id, advice="Plan again.")
                keys[key_id] = changed
            return Outcome(key_id, observe(key_id, keys[key_id]))

    def close(self) -> None:
        """Nothing is held."""

    def _load(self) -> dict[str, Record]:
        if not self._path.exists():
            return {}
        keys: dict[str, Record] = json.loads(self._path.read_text())["keys"]
        return {
            key_id: record
            for key_id, record in keys.items()
            if not record["deletion_at"] or parse_instant(record["deletion_at"]) > self._now
        }

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Record]]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self._load()
            yield keys
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps({"keys": keys}, indent=2, sort_keys=True))
            fresh.replace(self._path)


def observe(key_id: str, record: Record) -> Observation:
    """A record as keyplan wants to see it."""
    owner, end = record["owner"], record["deletion_at"]
    return Observation(
        key_id,
        record["attributes"],
        owner=OwnerMark(**owner) if owner else None,
        deletion_at=parse_instant(end) if end else None,
    )


def create(keys: dict[str, Record], operation: CreateKey) -> str:
    """A new record, or the one that has the token already."""
    owner = _mark(operation.owner)
    for key_id, record in keys.items():
        if record["owner"] == owner:
            return key_id
    if (operation.algorithm, operation.usage) not in {
        ("aes-256", "encrypt"), ("aes-256", "wrap"), ("ed25519", "sign"),
    }:  # fmt: skip
        raise RejectedError("the vault has no such keys", target=operation.target)
    given = {"usage": operation.usage, "algorithm": operation.algorithm, "state": "active"}
    unset: Record = {"description": None, "labels": {}, "policy": None}
    key_id = uuid.uuid4().hex
    keys[key_id] = {
        "attributes": unset | operation.attributes | given,
        "owner": owner,
        "deletion_at": None,
    }
    return key_id


def change(record: Record, operation: RemoteOperation, now: datetime) -> Record:
    """The record after an operation; the same one if it is done already."""
    attributes = record["attributes"]
    match operation:
        case SetOwner(after=after):
            return record | {"owner": _mark(after) if after else None}
        case ChangeState(before=before, after=after):
            return _moved(record, before, after)
        case SetAttribute(attribute="description", after=after):
            return record | {"attributes": attributes | {"description": after}}
        case PutLabels(put=put, remove=remove):
            kept = {name: text for name, text in attributes["labels"].items() if name not in remove}
            return record | {"attributes": attributes | {"labels": kept | put}}
        case PutPolicy(after=after):
            return record | {"attributes": attributes | {"policy": after}}
        case ScheduleDeletion(window=window):
            if attributes["state"] == "active":
                raise RejectedError("suspend the key first", operation=operation.name)
            end = format_instant(now + parse_duration(window))
            return record | {"deletion_at": record["deletion_at"] or end}
        case CancelDeletion():
            return record | {"deletion_at": None}
        case _:
            raise RejectedError("the vault does not offer this", operation=operation.name)


def _moved(record: Record, before: KeyState, after: KeyState) -> Record:
    state = KeyState(record["attributes"]["state"])
    if state is after:
        return record
    if state is not before or after not in TRANSITIONS[before] or record["deletion_at"]:
        raise RejectedError(f"a key that is {state.value} cannot become {after.value}")
    return record | {"attributes": record["attributes"] | {"state": after.value}}


def _mark(owner: OwnerMark) -> Record:
    return {"stack": owner.stack, "token": owner.token}
