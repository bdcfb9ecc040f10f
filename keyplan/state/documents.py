"""Strict reading of JSON documents: what is missing, unknown or of the wrong type is named.

Rules: nothing is guessed, converted or defaulted; a document has exactly the fields that
its writer gives it. A mistake raises `MalformedError` with the path to it, such as
`resources["key.root"].owner.token`. Paths are only built once something is wrong, because
a state of 10,000 keys is read field by field.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

Document: TypeAlias = dict[str, Any]
Decoded = TypeVar("Decoded")

_KINDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


class MalformedError(ValueError):
    """A document that is not what was written. `path` says where, `problem` what."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


def under(path: str, name: str) -> str:
    """The path of a field: `settlement.until`, `resources["key.root"]`."""
    if not name.isidentifier():
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name


def joined(path: str, rest: str) -> str:
    """The path `rest`, seen from where `path` is the beginning."""
    if not rest or rest.startswith("["):
        return path + rest
    return f"{path}.{rest}" if path else rest


def document(data: object, fields: frozenset[str], path: str) -> Document:
    """An object with exactly these fields."""
    if type(data) is not dict:
        raise MalformedError(path, f"expected an object, found {_kind(data)}")
    if data.keys() != fields:
        if missing := fields - data.keys():
            raise MalformedError(under(path, min(missing)), "is missing")
        raise MalformedError(under(path, min(data.keys() - fields)), "is not a known field")
    return data


def text(data: Document, name: str, path: str) -> str:
    """The field as text."""
    return _expect(str, data, name, path)


def number(data: Document, name: str, path: str) -> int:
    """The field as a whole number; `true` is none."""
    return _expect(int, data, name, path)


def flag(data: Document, name: str, path: str) -> bool:
    """The field as `true` or `false`."""
    return _expect(bool, data, name, path)


def mapping(data: Document, name: str, path: str) -> Document:
    """The field as an object of any fields."""
    return _expect(dict, data, name, path)


def items(data: Document, name: str, path: str) -> list[Any]:
    """The field as a list of anything."""
    return _expect(list, data, name, path)


def texts(data: Document, name: str, path: str) -> list[str]:
    """The field as a list of texts."""
    found = _expect(list, data, name, path)
    for index, item in enumerate(found):
        if type(item) is not str:
            raise MalformedError(
                f"{under(path, name)}[{index}]", f"expected text, found {_kind(item)}"
            )
    return found


def converted(
    convert: Callable[[str], Decoded], data: Document, name: str, path: str, what: str
) -> Decoded:
    """The field as `convert` reads its text; `what` names what it should have been."""
    found = text(data, name, path)
    try:
        return convert(found)
    except ValueError:
        raise MalformedError(under(path, name), f"{json.dumps(found)} is not {what}") from None


def _expect(kind: type[Decoded], data: Document, name: str, path: str) -> Decoded:
    found = data[name]
    if type(found) is not kind:
        raise MalformedError(under(path, name), f"expected {_KINDS[kind]}, found {_kind(found)}")
    return found


def _kind(data: object) -> str:
    return _KINDS.get(type(data), type(data).__name__)
