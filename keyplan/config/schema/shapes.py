"""Fields, records, tables and lists as schemas.

Rules: each field is published with its path as title, its documentation and its kind
(`x-keyplan-kind`); what is not in a table is refused, as the decoder refuses it. A file
is only a part of a stack: what `defaults` of another file may supply is not required.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keyplan.config.fields import (
    Choice,
    Field,
    Flag,
    Items,
    Kind,
    Plain,
    Record,
    Shape,
    Table,
    Text,
    describe,
)
from keyplan.config.language_stack import documentation
from keyplan.config.schema.scalars import (
    MARK,
    TEMPLATE,
    Schema,
    alternatives,
    scalar_schema,
    whole,
)

KIND = "x-keyplan-kind"
NONE = "none"
"""The word that takes an attribute away."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a shape stands. `path` has field names only.

    `words` are spellings beside the shape, `none` among them where it is a value.
    `complete`: what is required must be here, since `defaults` cannot supply it.
    `extra`: fields that installed providers add to a record with `extensions`.
    """

    path: tuple[str, ...]
    kind: Kind
    words: tuple[str, ...] = ()
    complete: bool = True
    extra: Mapping[str, Schema] | None = None


def field_schema(field: Field, site: Site) -> Schema:
    """The schema of a field; `site` is that of the record it is in."""
    path = (*site.path, field.name)
    words = (*field.words, NONE) if field.nullable else field.words
    here = Site(path, field.kind, words, complete=site.complete)
    return {
        "title": ".".join(path),
        "description": _described(path, field),
        KIND: field.kind.value,
        **shape_schema(field.shape, here),
    }


def shape_schema(shape: Shape, site: Site) -> Schema:
    """The schema of a shape."""
    match shape:
        case Items():
            return _items(shape, site)
        case Table():
            return _table(shape, site)
        case Record():
            return _or_text(record_schema(shape, site), site)
        case Plain():
            return plain_schema(site.kind)
        case _:
            return scalar_schema(shape, site.kind, site.words)


def record_schema(record: Record, site: Site) -> Schema:
    """An object with these fields and no others."""
    fields = [field for field in record.fields if not field.later]
    properties = {field.name: field_schema(field, replace(site, extra=None)) for field in fields}
    if record.extensions:
        properties |= site.extra or {}
    found: Schema = {
        "type": "object", "properties": properties, "additionalProperties": False,
    }  # fmt: skip
    required = [field.name for field in fields if field.required]
    if required and site.complete:
        found["required"] = required
    return found


def plain_schema(kind: Kind) -> Schema:
    """Data of any shape; where the field is literal, without templates at any depth."""
    return {"$ref": "#/$defs/literal"} if kind is Kind.LITERAL else {}


def _items(shape: Items, site: Site) -> Schema:
    item = shape_schema(shape.item, replace(site, words=(), complete=True))
    found: Schema = {"type": "array", "items": item}
    if shape.unique and not isinstance(shape.item, Plain | Text):  # `1` and `1.0` are two texts
        found["uniqueItems"] = True
    others: list[Schema] = [{"enum": list(site.words)}] if site.words else []
    if shape.single:
        others += alternatives(item)
    elif site.kind is not Kind.LITERAL:
        others.append(TEMPLATE)
    return {"anyOf": [found, *others]} if others else found


def _table(shape: Table, site: Site) -> Schema:
    words = (NONE,) if shape.elements else ()
    item = shape_schema(shape.item, replace(site, words=words, complete=True))
    found: Schema = {
        "type": "object",
        "patternProperties": {whole(shape.names): item},
        "additionalProperties": False,
    }
    return _or_text(found, site)


def _or_text(found: Schema, site: Site) -> Schema:
    """The same, or a word of its own, or a template that gives it: keywords of text apply
    to text alone, so one schema says both."""
    patterns = [whole("|".join(site.words))] if site.words else []
    if site.kind is Kind.TEMPLATE:
        patterns.append(MARK)
    if site.kind in (Kind.EXPRESSION, Kind.REFERENCE):
        return {**found, "type": ["object", "string"]}
    if not patterns:
        return found
    return {**found, "type": ["object", "string"], "pattern": "|".join(patterns)}


def _described(path: tuple[str, ...], field: Field) -> str:
    """The documentation, and what it wants if the schema itself does not show that."""
    text = documentation(path, field)
    match field.shape:
        case Text(says="") | Choice() | Flag() | Items() | Table() | Record() | Plain():
            return text
        case shape:
            wanted = describe(shape)
            return f"{text} {wanted[:1].upper()}{wanted[1:]}.".strip()
