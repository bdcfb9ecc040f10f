"""`provider` blocks and the provider's own block on a key, checked by the provider's models.

Rules: settings are data; secrets stay where they are (`{env: X}`, `{file: Y}`). The
provider's own model decides what a setting may be, and its complaints are shown at the
line of the setting, without the value: it might be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from keyplan.config.report import Place, Report, at, at_key, suggest_or_list
from keyplan.config.tree import Entry, ListNode, MapNode, Node, ScalarNode
from keyplan.model.values import Value

if TYPE_CHECKING:
    from pydantic import BaseModel


def check_settings(
    model: type[BaseModel],
    settings: Mapping[str, Value],
    entry: Entry,
    label: str,
    report: Report,
    *,
    code: str = "KP-DECL-023",
) -> dict[str, Value] | None:
    """The settings that were given, in the model's canonical JSON form; `None` after a report."""
    from pydantic import ValidationError  # noqa: PLC0415  # takes 60 ms; only stacks need it

    try:
        checked = model.model_validate(dict(settings))
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            _Complaint(model, entry, label, report, code).add(
                found["type"], found["loc"], found["msg"]
            )
        return None
    result: dict[str, Value] = checked.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return result


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What a model says, at the line it is about."""

    model: type[BaseModel]
    entry: Entry
    label: str
    report: Report
    code: str

    def add(self, kind: str, path: tuple[int | str, ...], message: str) -> None:
        """One complaint; `kind` and `path` are the model's own."""
        place, depth = _place(self.entry, path, value=kind not in ("extra_forbidden", "missing"))
        shown = path[: depth + (kind == "missing")]
        name = ".".join([self.label, *(str(part) for part in shown)])
        if kind == "extra_forbidden" and path:
            self.report.error(
                self.code,
                place,
                f"{name} is not a setting",
                advice=suggest_or_list(str(path[-1]), _settings(self.model, path[:-1]), "Settings"),
            )
        elif kind == "missing":
            self.report.error(self.code, place, f"{name} is missing", advice=f"Add {path[-1]}.")
        elif kind == "model_type":
            fields = ", ".join(_settings(self.model, path))
            self.report.error(
                self.code,
                _without_value(place),
                f"{name} is a map, and this is none",
                advice=f"Write a map with {fields}." if fields else "",
                why="the line is not shown in full: what stands here may be a secret",
            )
        else:
            self.report.error(
                self.code, place, f"{name} cannot have this value", why=_lower(message)
            )


def _place(entry: Entry, path: tuple[int | str, ...], *, value: bool) -> tuple[Place, int]:
    """The deepest place that a model's path leads to, and how many parts of it were found.

    With `value` it is that of a scalar's text, otherwise that of its name.
    """
    place, node = at_key(entry), entry.value
    for depth, part in enumerate(path):
        below: Node
        if isinstance(node, MapNode) and part in node.entries:
            inner = node.entries[str(part)]
            below = inner.value
            place = at(below) if value and isinstance(below, ScalarNode) else at_key(inner)
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            below = node.items[part]
            place = at(below)
        else:
            return place, depth
        node = below
    return place, len(path)


def _without_value(place: Place) -> Place:
    """The place with its line up to the value: a secret written where its place belongs."""
    start = place.position.column - 1
    return Place(replace(place.position, end_column=0), f"{place.snippet[:start]}...")


def _settings(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The names that the model takes at a path, as far as plain nesting tells."""
    fields = model.model_fields
    for part in path:
        inner = fields[part].annotation if isinstance(part, str) and part in fields else None
        members = (inner, *get_args(inner))
        nested = next(
            (item.model_fields for item in members if hasattr(item, "model_fields")), None
        )
        if nested is None:
            return []
        fields = nested
    return [field.alias or name for name, field in fields.items()]


def _lower(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
