"""The schema that is published for the fake providers, and data as an editor validates it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from keyplan.config.schema.document import Installed, stack_schema
from keyplan.config.source import SourceFile
from keyplan.config.tree import ListNode, Node, ScalarNode, parse
from keyplan.diagnostics import Diagnostics
from keyplan.session.registry import load_registry
from keyplan.testing.fake import fake_plugin

FAKES = {name: fake_plugin(name) for name in ("hsm", "aws")}
INSTALLED = Installed(
    providers={name: plugin.settings_model for name, plugin in FAKES.items()},
    stores={"local": load_registry().stores["local"].settings_model},
)
SCHEMA = stack_schema(INSTALLED, "0.1.0")

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "true": True, "false": False,
    "True": True, "False": False, "TRUE": True, "FALSE": False, "Null": None, "NULL": None,
}  # fmt: skip


def plain(node: Node) -> Any:
    """A node as the core schema of YAML 1.2 resolves it: what an editor validates."""
    if isinstance(node, ScalarNode):
        return node.text if node.quoted else resolved(node.text)
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {name: plain(entry.value) for name, entry in node.entries.items()}


def resolved(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def load(text: str) -> Any:
    """A file's data; `None` with `False` if it is not YAML."""
    diagnostics = Diagnostics()
    node = parse(SourceFile.of("keyplan.yaml", Path("keyplan.yaml"), text), diagnostics)
    return None if node is None or diagnostics.has_errors else plain(node)


def complaints(data: Any, schema: Mapping[str, Any] = SCHEMA) -> list[str]:
    return [
        f"{'/'.join(map(str, error.path))}: {error.message[:80]}"
        for error in Draft202012Validator(schema).iter_errors(data)
    ]
