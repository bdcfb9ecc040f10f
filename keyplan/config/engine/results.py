"""From what evaluation works with to plain values: what leaves the engine.

Rules: durations and dates become their canonical text, a `Lookup` its value, everything
else stays. What is known only after apply leaves as a lone reference, as text around
references, or inside what `attributes` collected, and no other way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from keyplan.config.engine.limits import not_known_yet, weigh
from keyplan.config.engine.operators import kind_of, to_text
from keyplan.config.engine.run import Expression, Run
from keyplan.config.faults import Fault
from keyplan.config.scope import At, Lookup
from keyplan.model.values import Unknown, Value

_SCALARS = frozenset({str, int, bool, float, type(None)})


def finished(value: object, expression: Expression, run: Run) -> Value:
    """The result of a lone expression."""
    if type(value) in _SCALARS:
        return value  # type: ignore[return-value]
    if isinstance(value, Lookup):
        value = value.as_value(expression.at(run))
    if isinstance(value, Unknown):
        if expression.is_reference:
            return value
        return expression.operand(run)  # type: ignore[return-value]  # raises
    try:
        run.charge(weigh(value, unknown=True) >> 2)
    except Fault as fault:
        raise expression.at(run).error_from(fault) from None
    return _plain(value, expression.at(run))


def known_value(value: object) -> Value:
    """A value with nothing unknown in it, for a function that spells it out."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case timedelta() | date():
            return to_text(value)
        case list() | tuple():
            return [known_value(item) for item in value]
        case Mapping():
            return {str(name): known_value(item) for name, item in value.items()}
        case Unknown():
            raise not_known_yet()
        case _:
            raise Fault("KP-EXPR-009", f"{kind_of(value)} is not a value")


def _plain(value: object, at: At) -> Value:
    """The value; the same object where nothing in it had to change."""
    if type(value) in _SCALARS or isinstance(value, (str, Unknown)):
        return value  # type: ignore[return-value]
    if isinstance(value, (timedelta, date)):
        return to_text(value)
    if isinstance(value, Lookup):
        return _plain(value.as_value(at), at)
    if isinstance(value, (list, tuple)):
        items = [_plain(item, at) for item in value]
        same = type(value) is list and all(a is b for a, b in zip(items, value, strict=True))
        return value if same else items  # type: ignore[return-value]
    if isinstance(value, Mapping):
        entries = {str(name): _plain(item, at) for name, item in value.items()}
        same = type(value) is dict and all(entries[name] is value[name] for name in value)
        return value if same else entries  # type: ignore[return-value]
    raise TypeError(f"{type(value).__name__} is not a value of the language")
