"""Records (frozen dataclasses of the model) as JSON data and back, driven by their types.

Rules: decoding is strict: what does not fit the annotation raises `ValueError` with the
path to it. Field order never matters; a missing field takes its default if it has one.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from keyplan.model.address import Address
from keyplan.model.encoding import decode_operation, decode_value, encode_operation, encode_value
from keyplan.model.operations import Operation
from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Unknown

Record = TypeVar("Record")
_Decoder: TypeAlias = Callable[[Any], Any]

_OPERATIONS = frozenset(get_args(Operation))
_PLAIN = frozenset({str, int, float, bool, type(None), Address})


class _AnyValue:
    """Stands for `Value` while annotations are read: the recursive union cannot be evaluated."""


class _AnyOperation:
    """Stands for `Operation`, so that the closed union is decoded by its own codec."""


_STAND_INS = {"Value": _AnyValue, "Operation": _AnyOperation}


def encode_record(item: Any) -> Any:
    """Plain JSON data for a record, or for anything that may stand in one."""
    kind = type(item)
    if kind in _PLAIN:
        return item
    if kind is dict:
        return {name: encode_record(part) for name, part in item.items()}
    if kind is tuple or kind is list:
        return [encode_record(part) for part in item]
    if kind in _OPERATIONS:
        return encode_operation(item)
    if is_dataclass(kind) and kind is not Unknown:
        return {name: encode_record(getattr(item, name)) for name in _names(kind)}
    return _encode_leaf(item)


def _encode_leaf(item: Any) -> Any:
    match item:
        case datetime():
            return format_instant(item)
        case Enum():
            return item.value
        case str():
            return str(item)
        case Unknown():
            return encode_value(item)
        case frozenset() | set():
            return sorted(encode_record(part) for part in item)
        case Mapping():
            return {str(name): encode_record(part) for name, part in item.items()}
        case _:
            raise TypeError(f"cannot be written: {type(item).__name__}")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(part.name for part in fields(kind))


def decode_record(kind: type[Record], data: Any) -> Record:
    """The inverse of `encode_record` for a record of type `kind`."""
    decode: _Decoder = _decoder(kind)  # type: ignore[arg-type]  # a class is hashable
    decoded: Record = decode(data)
    return decoded


@cache
def _decoder(kind: Any) -> _Decoder:
    if kind is _AnyOperation:
        return decode_operation
    if kind is _AnyValue:
        return decode_value
    if kind in (str, int, float, bool):
        return _exactly(kind)
    if kind is datetime:
        return parse_instant
    if isinstance(kind, type) and (issubclass(kind, Enum) or kind is Address):
        return kind
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind)
    return _container(kind)


def _exactly(kind: type) -> _Decoder:
    def decode(data: Any) -> Any:
        if kind is float and type(data) is int:
            return float(data)
        if type(data) is not kind:
            raise ValueError(f"expected {kind.__name__}, found {type(data).__name__}")
        return data

    return decode


def _container(kind: Any) -> _Decoder:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin in (tuple, frozenset, list):
        part = _decoder(arguments[0])
        return lambda data: origin(part(item) for item in _listed(data))
    if origin is not None and issubclass(origin, Mapping):
        key, part = _decoder(arguments[0]), _decoder(arguments[1])
        return lambda data: {key(name): part(item) for name, item in _mapped(data).items()}
    raise TypeError(f"no decoder for {kind!r}")


def _union(arguments: tuple[Any, ...]) -> _Decoder:
    rest = [argument for argument in arguments if argument is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"no decoder for a union of {rest!r}")
    only = _decoder(rest[0])
    return lambda data: None if data is None else only(data)


def _listed(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"expected a list, found {type(data).__name__}")
    return data


def _mapped(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"expected an object, found {type(data).__name__}")
    return data


def _record(kind: type) -> _Decoder:
    hints = get_type_hints(kind, localns=_STAND_INS)
    parts = [
        (
            part.name,
            _decoder(hints[part.name]),
            part.default is MISSING and part.default_factory is MISSING,
        )
        for part in fields(kind)
    ]
    names = {name for name, _, _ in parts}

    def decode(data: Any) -> Any:
        given = _mapped(data)
        if unknown := given.keys() - names:
            raise ValueError(f"{kind.__name__} has no {min(unknown)}")
        arguments = {}
        for name, part, required in parts:
            if name in given:
                try:
                    arguments[name] = part(given[name])
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"{name}: {error}") from None
            elif required:
                raise ValueError(f"{kind.__name__} lacks {name}")
        return kind(**arguments)

    return decode
