"""A real YAML language server accepts the templates, completes, and finds mistakes.

Runs where `yaml-language-server` is on the path: npm install -g yaml-language-server
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyplan.app.starting import SCHEMA_FILE, TEMPLATES, start
from keyplan.session.registry import load_registry
from tests.editor.language_server import LanguageServer

PROGRAM = shutil.which("yaml-language-server")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="yaml-language-server is not installed")

BEING_TYPED = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
key:
  root:
    provider: hsm
    {""}
    tier: {""}
    rotation: {{every: 90}}
    usge: wrap
provider:
  hsm:
    {""}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new stack."""
    start(tmp_path, "hierarchy", load_registry())
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[LanguageServer]:
    """A server for its files."""
    with LanguageServer([str(PROGRAM), "--stdio"], folder) as running:
        yield running


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_templates_are_accepted(template: str, tmp_path: Path) -> None:
    made = start(tmp_path, template, load_registry())
    with LanguageServer([str(PROGRAM), "--stdio"], tmp_path) as server:
        for name in made.files:
            if name.endswith(".yaml"):
                assert server.complaints(name, (tmp_path / name).read_text()) == []


def test_mistakes_are_found_as_they_are_typed(server: LanguageServer) -> None:
    found = server.complaints("new.keyplan.yaml", BEING_TYPED)
    assert any("usge is not allowed" in item for item in found)
    assert any(item.startswith("7:") for item in found), "90 is no duration"


def test_fields_values_and_settings_are_completed(server: LanguageServer) -> None:
    server.complaints("new.keyplan.yaml", BEING_TYPED)
    assert {"parent", "algorithm", "policies"} <= server.words("new.keyplan.yaml", 5, 5)
    assert {"root", "master", "service", "data"} <= server.words("new.keyplan.yaml", 6, 11)
    assert {"store", "pin"} <= server.words("new.keyplan.yaml", 11, 5)
