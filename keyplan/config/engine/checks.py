"""What can stand after `is`: tests of a value's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keyplan.config.engine.operators import is_number

CHECKS: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "none": lambda value: value is None,
        "defined": lambda value: value is not None,
        "undefined": lambda value: value is None,
        "true": lambda value: value is True,
        "false": lambda value: value is False,
        "boolean": lambda value: isinstance(value, bool),
        "string": lambda value: isinstance(value, str),
        "number": is_number,
        "integer": lambda value: is_number(value) and isinstance(value, int),
        "mapping": lambda value: isinstance(value, Mapping),
        "sequence": lambda value: isinstance(value, list),
    }
)
"""By name, as Jinja2 calls them. A missing entry is `none`, and not defined."""
