"""The schema of a file of a stack: every block, and what is installed beside the core.

Rules: blocks and fields come from `language_stack.STACK` alone. Settings of providers
and stores come from their own models, so the schema fits the installation that made it,
as `keyplan validate` does there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from keyplan.config.fields import Field, Kind, Record, Table
from keyplan.config.language import DEFAULTS, NAME
from keyplan.config.language_policy import IDENTITY
from keyplan.config.language_stack import INSTANCE, STACK, documentation
from keyplan.config.schema.scalars import MARK, NO_TEMPLATE, Schema, whole
from keyplan.config.schema.settings import settings_schema
from keyplan.config.schema.shapes import KIND, Site, field_schema, record_schema, shape_schema

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE = r"\s*(?:string|number|bool|any|key|policy|principal|provider|(?:list|set|map)\(.+\))\s*"


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed beside the core, by name: settings of providers, stores and keys.

    A provider type without settings for keys takes any there.
    """

    providers: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    keys: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    stores: Mapping[str, type[BaseModel]] = field(default_factory=dict)


def stack_schema(installed: Installed, version: str) -> Schema:
    """JSON Schema 2020-12 of one file of a stack."""
    return _Document(installed).schema(version)


class _Document:
    """Collects definitions while the blocks are described."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed
        self._definitions: dict[str, Schema] = {
            "template": {
                "type": "string",
                "pattern": MARK,
                "description": "Text with ${expression} in it.",
            },
            "literal": {
                "description": "Data that is taken as it is written: no ${...} in it.",
                "type": ["null", "boolean", "number", "string", "array", "object"],
                "pattern": NO_TEMPLATE,
                "items": {"$ref": "#/$defs/literal"},
                "additionalProperties": {"$ref": "#/$defs/literal"},
            },
            "type": _type_schema(
                _TYPE, "Write string, number, bool, list(string) or {map: string}."
            ),
            "entry": _type_schema(
                rf"{_TYPE}(?:\?\s*)?", "Write a type, with ? behind it if the entry may be missing."
            ),
        }

    def schema(self, version: str) -> Schema:
        """The whole."""
        blocks = {block.name: self._block(block) for block in STACK.fields}
        return {
            "$schema": DIALECT,
            "$id": f"urn:keyplan:language:{version}",
            "title": f"keyplan {version}",
            "description": "A file of a keyplan stack: keyplan.yaml, or *.keyplan.yaml beside it.",
            "type": ["object", "null"],
            "properties": blocks,
            "additionalProperties": False,
            "$defs": self._definitions,
        }

    def _block(self, block: Field) -> Schema:
        """A top-level block. One with nothing below it is allowed: people comment things out."""
        match block.name:
            case "keyplan":
                found = self._keyplan(block)
            case "provider":
                found = self._providers()
            case "defaults":
                found = self._defaults(block)
            case _ if isinstance(block.shape, Table) and isinstance(block.shape.item, Record):
                found = self._named(block.name, block.shape, block.shape.item)
            case _:
                found = shape_schema(block.shape, Site((block.name,), block.kind))
        kinds = [str(found["type"])] if isinstance(found["type"], str) else ["object"]
        return {
            "title": block.name,
            "description": documentation((block.name,), block),
            KIND: block.kind.value,
            **{word: value for word, value in found.items() if word != "pattern"},
            "type": [*kinds, "null"],
        }

    def _named(self, kind: str, table: Table, record: Record) -> Schema:
        """Blocks of one kind by name, such as `key`."""
        site = Site((kind,), Kind.LITERAL, complete=kind not in DEFAULTS)
        item = self._record(kind, record, site)
        if kind in ("key", "policy", "principal", "output"):
            item["type"] = ["object", "null"]
        return {
            "type": "object",
            "patternProperties": {whole(table.names): item},
            "additionalProperties": False,
        }

    def _record(self, kind: str, record: Record, site: Site) -> Schema:
        """The fields of a block, with those that providers add."""
        item = record_schema(record, replace(site, extra=self._extensions(kind)))
        if kind == "principal":
            item["properties"] |= {name: self._identity(name) for name in self._installed.providers}
            # An identity with a provider that is not installed here is no mistake.
            others = rf"(?!(?:{'|'.join(item['properties'])})$){INSTANCE}"
            item["patternProperties"] = {whole(others): self._identity("")}
        if kind == "variable":
            item["properties"]["type"] |= {"$ref": "#/$defs/type"}
        return item

    def _identity(self, provider: str) -> Schema:
        named = replace(IDENTITY, name=provider or "provider")
        return field_schema(named, Site(("principal",), Kind.TEMPLATE))

    def _extensions(self, kind: str) -> dict[str, Schema]:
        """What only a provider has, on a key or a policy."""
        found: dict[str, Schema] = {}
        for provider in sorted(self._installed.providers):
            settings: Schema = {"type": "object"}
            if kind == "key" and provider in self._installed.keys:
                settings = self._settings(f"key.{provider}", self._installed.keys[provider])
            found[provider] = {
                "title": f"{kind}.{provider}",
                KIND: Kind.TEMPLATE.value,
                "description": f"What only {provider} has.",
                **settings,
            }
        return found

    def _defaults(self, block: Field) -> Schema:
        record = block.shape
        fields = record.fields if isinstance(record, Record) else ()
        kinds: dict[str, Schema] = {}
        for kind in fields:
            if isinstance(kind.shape, Record):
                site = Site(("defaults", kind.name), Kind.TEMPLATE, complete=False)
                kinds[kind.name] = {
                    "title": f"defaults.{kind.name}",
                    "description": documentation(site.path, kind),
                    KIND: kind.kind.value,
                    **self._record(kind.name, kind.shape, site),
                    "type": ["object", "null"],
                }
        return {"type": "object", "properties": kinds, "additionalProperties": False}

    def _keyplan(self, block: Field) -> Schema:
        from keyplan.session.sealed_settings import SealedSettings  # noqa: PLC0415  (cryptography)

        found = shape_schema(block.shape, Site((block.name,), block.kind))
        stores = {
            name: self._settings(f"state.{name}", model)
            for name, model in sorted(self._installed.stores.items())
        }
        stores["sealed"] = self._settings("state.sealed", SealedSettings)
        found["properties"]["state"] |= {
            "type": "object",
            "properties": stores,
            "patternProperties": {},
            "minProperties": 1,
            # One store, and beside it perhaps what seals it.
            "if": {"required": ["sealed"]},
            "then": {"minProperties": 2, "maxProperties": 2},
            "else": {"maxProperties": 1},
        }
        return found

    def _providers(self) -> Schema:
        """One schema per installed type; any alias of it has the same settings."""
        found: dict[str, Schema] = {}
        for name, model in sorted(self._installed.providers.items()):
            settings = self._settings(f"provider.{name}", model)
            self._definitions[f"provider.{name}"] = {**settings, "type": ["object", "null"]}
            found[name] = {"$ref": f"#/$defs/provider.{name}"}
        return {
            "type": "object",
            "properties": dict(found),
            "patternProperties": {rf"^{name}\.{NAME}$": item for name, item in found.items()},
            "additionalProperties": False,
        }

    def _settings(self, name: str, model: type[BaseModel]) -> Schema:
        schema, definitions = settings_schema(model, name)
        self._definitions |= definitions
        return schema


def _type_schema(pattern: str, message: str) -> Schema:
    """The type of a variable: a word, `list(string)`, or a map with one of the constructors."""
    inner: Schema = {"$ref": "#/$defs/type"}
    return {
        "type": ["string", "object"],
        "pattern": whole(pattern),
        "patternErrorMessage": message,
        "properties": {
            "list": inner,
            "set": inner,
            "map": inner,
            "object": {"type": "object", "additionalProperties": {"$ref": "#/$defs/entry"}},
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
