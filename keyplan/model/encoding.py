"""Operations and values as JSON documents, for plan files and journals.

Rules: what was written reads back equal; a document that is not one of ours raises
`ValueError` that names the field; nothing here executes what it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, get_args

from keyplan.model.address import Address
from keyplan.model.canonical import UNKNOWN_KEY
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import Operation
from keyplan.model.values import Reference, Unknown, Value

_KINDS: dict[str, type[Any]] = {kind.name: kind for kind in get_args(Operation)}


def encode_value(value: Value) -> Any:
    """Plain JSON data; an `Unknown` becomes `{"$unknown": [text | {"ref": "key.x.arn"}]}`."""
    match value:
        case Unknown(parts):
            return {
                UNKNOWN_KEY: [
                    part if isinstance(part, str) else {"ref": str(part)} for part in parts
                ]
            }
        case dict():
            return {name: encode_value(item) for name, item in value.items()}
        case list():
            return [encode_value(item) for item in value]
        case _:
            return value


def decode_value(data: Any) -> Value:
    """The inverse of `encode_value`."""
    match data:
        case {"$unknown": list(parts)} if len(data) == 1:
            return Unknown(
                tuple(part if isinstance(part, str) else _reference(part["ref"]) for part in parts)
            )
        case dict():
            return {str(name): decode_value(item) for name, item in data.items()}
        case list():
            return [decode_value(item) for item in data]
        case str() | int() | float() | bool() | None:
            return data
        case _:
            raise ValueError(f"not a value: {type(data).__name__}")


def _reference(text: str) -> Reference:
    address, _, attribute = text.rpartition(".")
    return Reference(Address(address), attribute)


def encode_operation(operation: Operation) -> dict[str, Any]:
    """`{"op": "create_alias", "target": "key.a", "alias": "x"}`."""
    document: dict[str, Any] = {"op": operation.name}
    for item in fields(operation):
        value = getattr(operation, item.name)
        if item.default is not MISSING and value == item.default:
            continue  # what an older version wrote and read stays the same
        if isinstance(value, OwnerMark):
            document[item.name] = {"stack": value.stack, "token": value.token}
        elif isinstance(value, str):
            document[item.name] = str(value)
        else:
            document[item.name] = encode_value(value)
    return document


def decode_operation(document: dict[str, Any]) -> Operation:
    """The inverse of `encode_operation`; raises `ValueError` for anything else."""
    kind = _KINDS.get(document.get("op", ""))
    if kind is None:
        raise ValueError(f"not an operation: {document.get('op')!r}")
    arguments = {}
    for item in fields(kind):
        if item.name not in document:
            if item.default is MISSING and item.default_factory is MISSING:
                raise ValueError(f"{kind.name} lacks {item.name}")
            continue
        arguments[item.name] = _decoder(str(item.type))(document[item.name])
    operation: Operation = kind(**arguments)
    return operation


def _decoder(annotation: str) -> Callable[[Any], Any]:
    return _DECODERS.get(annotation, decode_value)


def _optional(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda data: None if data is None else decode(data)


def _flag(data: Any) -> bool:
    if not isinstance(data, bool):
        raise ValueError(f"neither true nor false: {data!r}")
    return data


def _owner(data: Any) -> OwnerMark:
    return OwnerMark(stack=str(data["stack"]), token=str(data["token"]))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "Address": Address,
    "Address | None": _optional(Address),
    "KeyState": KeyState,
    "OwnerMark": _owner,
    "bool": _flag,
    "OwnerMark | None": _optional(_owner),
}
