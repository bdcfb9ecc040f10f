"""The parts that states and journals share, as JSON documents and back.

Rules: what was written reads back equal; every field is always written, so that a missing
one is a mistake and never a default; nothing here may hold an `Unknown` but an inverse.
Instants are RFC 3339 in UTC, to the microsecond where there is one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from keyplan.model.address import Address
from keyplan.model.encoding import decode_operation, encode_operation
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.operations import Operation
from keyplan.model.timing import parse_instant
from keyplan.state import documents
from keyplan.state.documents import Document, MalformedError, under
from keyplan.state.entries import Settlement
from keyplan.state.model import Phase

_OWNER = frozenset({"stack", "token"})
_VERSION = frozenset({"created_at", "number", "state"})
_OBSERVATION = frozenset({"attributes", "deletion_at", "id", "owner", "unreadable", "versions"})
_INVERSE = frozenset({"grade", "operations", "residue"})
_SETTLEMENT = frozenset({"dependencies", "drop", "manage", "phase", "record", "unmanage", "until"})


def encode_owner(owner: OwnerMark | None) -> Document | None:
    """`{"stack": lineage, "token": token}`, or null."""
    return None if owner is None else {"stack": owner.stack, "token": owner.token}


def decode_owner(data: object, path: str) -> OwnerMark | None:
    """The inverse of `encode_owner`."""
    if data is None:
        return None
    found = documents.document(data, _OWNER, path)
    return OwnerMark(documents.text(found, "stack", path), documents.text(found, "token", path))


def encode_version(version: KeyVersion) -> Document:
    """`{"created_at": instant, "number": 1, "state": "active"}`."""
    return {
        "created_at": encode_instant(version.created_at),
        "number": version.number,
        "state": version.state.value,
    }


def decode_version(data: object, path: str) -> KeyVersion:
    """The inverse of `encode_version`."""
    found = documents.document(data, _VERSION, path)
    number = documents.number(found, "number", path)
    created_at = documents.text(found, "created_at", path)
    state = documents.text(found, "state", path)
    try:
        return _version(number, created_at, state)
    except ValueError as error:
        raise MalformedError(path, str(error)) from None


@lru_cache(maxsize=4096)
def _version(number: int, created_at: str, state: str) -> KeyVersion:
    """Cached, because the keys of one apply were made in the same seconds."""
    return KeyVersion(number, parse_instant(created_at), KeyState(state))


def encode_instant(instant: datetime) -> str:
    """`2027-06-30T12:00:00Z`, with a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def decode_instant(data: Document, name: str, path: str) -> datetime:
    """The inverse of `encode_instant`."""
    return documents.converted(parse_instant, data, name, path, "an instant")


def encode_observation(observation: Observation) -> Document:
    """Every field of the observation, sets and versions in order."""
    instant = observation.deletion_at
    return {
        "id": observation.id,
        "attributes": dict(observation.attributes),
        "owner": encode_owner(observation.owner),
        "versions": [encode_version(version) for version in observation.versions],
        "deletion_at": None if instant is None else encode_instant(instant),
        "unreadable": sorted(observation.unreadable),
    }


def decode_observation(data: object, path: str = "observation") -> Observation:
    """The inverse of `encode_observation`."""
    found = documents.document(data, _OBSERVATION, path)
    versions = documents.items(found, "versions", path)
    return Observation(
        id=documents.text(found, "id", path),
        attributes=documents.mapping(found, "attributes", path),
        owner=decode_owner(found["owner"], under(path, "owner")),
        versions=tuple(
            decode_version(version, f"{path}.versions[{index}]")
            for index, version in enumerate(versions)
        ),
        deletion_at=(
            None if found["deletion_at"] is None else decode_instant(found, "deletion_at", path)
        ),
        unreadable=frozenset(documents.texts(found, "unreadable", path)),
    )


def encode_inverse(inverse: Inverse) -> Document:
    """`{"grade": "exact", "operations": [...], "residue": ""}`."""
    return {
        "grade": inverse.grade.value,
        "operations": [encode_operation(operation) for operation in inverse.operations],
        "residue": inverse.residue,
    }


def decode_inverse(data: object, path: str = "inverse") -> Inverse:
    """The inverse of `encode_inverse`."""
    found = documents.document(data, _INVERSE, path)
    operations = documents.items(found, "operations", path)
    return Inverse(
        grade=documents.converted(Grade, found, "grade", path, "a grade"),
        operations=tuple(
            operation_at(operation, f"{path}.operations[{index}]")
            for index, operation in enumerate(operations)
        ),
        residue=documents.text(found, "residue", path),
    )


def operation_at(data: Any, path: str) -> Operation:
    """An operation, with the path to it in the error."""
    if type(data) is not dict:
        raise MalformedError(path, "expected an object")
    try:
        return decode_operation(data)
    except KeyError as error:
        raise MalformedError(path, f"lacks {error}") from None
    except (ValueError, TypeError) as error:
        raise MalformedError(path, str(error)) from None


def encode_settlement(settlement: Settlement) -> Document:
    """Every field of the settlement."""
    dependencies = settlement.dependencies
    return {
        "record": settlement.record,
        "drop": list(settlement.drop),
        "manage": list(settlement.manage),
        "unmanage": list(settlement.unmanage),
        "dependencies": None if dependencies is None else list(dependencies),
        "phase": None if settlement.phase is None else Phase(settlement.phase).value,
        "until": settlement.until,
    }


def decode_settlement(data: object, path: str = "settlement") -> Settlement:
    """The inverse of `encode_settlement`."""
    found = documents.document(data, _SETTLEMENT, path)
    return Settlement(
        record=documents.mapping(found, "record", path),
        drop=tuple(documents.texts(found, "drop", path)),
        manage=tuple(documents.texts(found, "manage", path)),
        unmanage=tuple(documents.texts(found, "unmanage", path)),
        dependencies=(
            None if found["dependencies"] is None else addresses(found, "dependencies", path)
        ),
        phase=(
            None
            if found["phase"] is None
            else documents.converted(Phase, found, "phase", path, "a phase").value
        ),
        until=None if found["until"] is None else documents.text(found, "until", path),
    )


def addresses(data: Document, name: str, path: str) -> tuple[Address, ...]:
    """The field as a list of addresses."""
    try:
        return tuple([Address(item) for item in documents.texts(data, name, path)])
    except MalformedError:
        raise
    except ValueError as error:
        raise MalformedError(under(path, name), str(error)) from None
