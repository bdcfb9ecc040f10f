"""What providers and stores accept in their own blocks, from their own models.

A model says what it wants of data; in a stack that data is written in YAML, where a
template may stand for any scalar and every scalar keeps its text. Rules: whatever the
model accepts of a stack is accepted; defaults are left out, since a default is not what
keyplan manages; nothing recurses into a model's own recursion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyplan.config.schema.scalars import MARK, TEMPLATE, Schema

if TYPE_CHECKING:
    from pydantic import BaseModel

_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_DROPPED = frozenset({"default", "title", "const", "format", "discriminator"})


def settings_schema(model: type[BaseModel], name: str) -> tuple[Schema, dict[str, Schema]]:
    """The schema of a block, and the definitions that it refers to, named after `name`."""
    written: dict[str, Any] = model.model_json_schema(by_alias=True)
    definitions = written.pop("$defs", {})
    relaxed = _Relaxing(f"{name}.")
    return (
        relaxed.schema(written),
        {f"{name}.{key}": relaxed.schema(item) for key, item in definitions.items()},
    )


class _Relaxing:
    """Turns a model's schema into that of its YAML."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def schema(self, written: Any) -> Any:
        """One schema."""
        if not isinstance(written, dict):
            return written
        if "$ref" in written:
            target = str(written["$ref"]).rpartition("/")[2]
            return {"$ref": f"#/$defs/{self._prefix}{target}", **self._kept(written, "$ref")}
        if "enum" in written or "const" in written:
            values = written.get("enum", [written.get("const")])
            return {**self._kept(written, "enum"), "anyOf": [{"enum": values}, TEMPLATE]}
        for union in ("anyOf", "oneOf"):
            if union in written:
                members = [self.schema(item) for item in written[union] if not _is_null(item)]
                return {**self._kept(written, union), "anyOf": members}
        kind = written.get("type")
        if kind in _SCALARS:
            return self._scalar(written)
        found = self._kept(written)
        for keyword in ("properties", "patternProperties"):
            if keyword in written:
                found[keyword] = {
                    name: self.schema(item) for name, item in written[keyword].items()
                }
        for keyword in ("items", "additionalProperties"):
            if keyword in written:
                found[keyword] = self.schema(written[keyword])
        return found

    def _scalar(self, written: dict[str, Any]) -> Schema:
        """Any scalar may be written as text; a text may look like a number."""
        found = self._kept(written)
        if written["type"] == "string":
            found["type"] = ["string", "number", "boolean"]
            if "pattern" in written:
                found["pattern"] = f"(?:{written['pattern']})|{MARK}"
            for keyword in ("minLength", "maxLength"):
                if keyword == "maxLength":
                    found.pop(keyword, None)  # a template may be longer than its value
        else:
            found["type"] = [written["type"], "string"]
        return found

    @staticmethod
    def _kept(written: dict[str, Any], *handled: str) -> Schema:
        """Everything that means the same in a stack."""
        nested = {"properties", "patternProperties", "items", "additionalProperties"}
        return {
            keyword: value
            for keyword, value in written.items()
            if keyword not in _DROPPED | nested | set(handled)
        }


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"
