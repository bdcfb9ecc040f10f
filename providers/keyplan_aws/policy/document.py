"""The text of a policy: read strictly, written small and always the same.

Rules: a document that says one thing twice (a repeated JSON name) is refused, because
two readers may take different halves of it. What is written is the canonical value with
AWS's own spelling of names and a Sid for each statement; neither changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, NoReturn

from keyplan.errors import RejectedError
from keyplan.model.values import Value
from keyplan_aws.policy.names import spell_action, spell_key

ACCOUNT = "<account>"
"""The owning account, as long as nobody is connected who could tell its number."""

VERSION = "2012-10-17"
"""The language of policies that knows variables; the older one takes `${...}` literally."""

MAX_BYTES = 32_768
"""The largest key policy that KMS accepts; the quota is not adjustable."""


def parse(text: str) -> Value:
    """A policy text as a value. Raises `RejectedError` for what is no JSON object."""
    try:
        document: Value = json.loads(
            text, object_pairs_hook=_no_repetition, parse_constant=_no_number, parse_float=_finite
        )
    except ValueError as error:
        malformed(f"it is not JSON: {error}")
    except RecursionError:
        malformed("it is nested too deeply")
    if not isinstance(document, dict):
        malformed("it is not a JSON object")
    return document


def foreign_text(value: Value) -> str | None:
    """The text of a policy that could not be read (`foreign`); `None` of any other."""
    match value:
        case {"Unreadable": str(text), **others} if not others:
            return text
        case _:
            return None


def to_json(value: Value) -> str:
    """The text that AWS gets. Raises `RejectedError` while the account is not known."""
    text = written(value)
    if f'"{ACCOUNT}"' in text:
        malformed("the account that it speaks of is not known without a connection")
    return text


def written(value: Value) -> str:
    """The text, with the symbol in place of an account that is not known."""
    if (foreign := foreign_text(value)) is not None:
        return foreign
    document = {
        "Version": fields(value).get("Version", VERSION),
        "Statement": [
            {"Sid": sid, **_spelled(statement)}
            for sid, statement in zip(sids(value), statements(value), strict=True)
        ],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def size_of(value: Value) -> int:
    """The bytes of the text, once the account is known: its number has twelve digits."""
    return len(written(value).replace(ACCOUNT, "0" * 12).encode())


def sids(value: Value) -> list[str]:
    """A name for each statement: its own, or its effect and its place (`Allow2`)."""
    return [
        str(statement.get("Sid") or f"{statement.get('Effect', 'Allow')}{number}")
        for number, statement in enumerate(statements(value), start=1)
    ]


def statements(value: Value) -> list[Mapping[str, Any]]:
    """The statements of a document. Raises `RejectedError` where there can be none."""
    return [fields(statement) for statement in items(fields(value).get("Statement"))]


def fields(value: Any) -> Mapping[str, Any]:
    """A map, or `RejectedError`."""
    if not isinstance(value, Mapping):
        malformed(f"{type(value).__name__} stands where an object belongs")
    return value


def items(value: Any) -> list[Any]:
    """One or many: what may be written alone is a list of one, what is absent an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def texts(value: Any) -> list[str]:
    """`items` as text: `true` and `10` are written as JSON writes them."""
    return [_text(item) for item in items(value)]


def collapsed(values: Iterable[str]) -> Value:
    """Sorted, each once, and a single one without its list."""
    listed: list[Value] = [*sorted(set(values))]
    return listed[0] if len(listed) == 1 else listed


def malformed(why: str) -> NoReturn:
    """Refuse a document, saying why."""
    raise RejectedError(
        "this is not a key policy",
        why=why[:1].upper() + why[1:] + ".",
        advice="Declare the policy neutrally, or write the document as AWS documents it.",
    )


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case _:
            malformed(f"{type(value).__name__} stands where text belongs")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _spelled(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement with the names of actions and condition keys as AWS writes them."""
    written = dict(statement)
    for field in ("Action", "NotAction"):
        if field in statement:
            written[field] = collapsed(spell_action(item) for item in texts(statement[field]))
    if "Condition" in statement:
        written["Condition"] = {
            operator: {spell_key(key): values for key, values in fields(tests).items()}
            for operator, tests in fields(statement["Condition"]).items()
        }
    return written
