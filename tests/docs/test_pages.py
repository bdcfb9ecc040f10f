"""Links lead somewhere, stacks load, and pages are plain ASCII."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from keyplan.app.workspace import Workspace
from keyplan.diagnostics import ConfigurationError
from tests.docs.pages import DOCS, PAGES, ROOT, Block, anchors, blocks, links, name_of, prose

_PATH = re.compile(r"`((?:tests|keyplan|providers|state|docs|examples|benchmarks)/[\w/.*-]*)`")
_YAML = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]
_STACKS = [block for block in _YAML if not block.fragment and block.file is None]
_FRAGMENTS = [block for block in _YAML if block.fragment]
_PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {link}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{name_of(page)} links to {link}"


@pytest.mark.parametrize("block", _STACKS, ids=str)
def test_every_stack_is_accepted(block: Block, tmp_path: Path) -> None:
    (tmp_path / "keyplan.yaml").write_text(block.text, encoding="utf-8")
    try:
        graph = Workspace(tmp_path, environment={}).graph
    except ConfigurationError as error:
        pytest.fail(f"{block}: {error}")
    assert graph.stack.name


@pytest.mark.parametrize("block", _FRAGMENTS, ids=str)
def test_every_fragment_is_yaml(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_are_ascii(page: Path) -> None:
    assert page.read_text(encoding="utf-8").isascii()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = set(_PATH.findall(prose(page)))
    assert sorted(path for path in named if not any(ROOT.glob(path.rstrip("/")))) == []


def test_the_index_names_every_page() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "index.md")}
    assert {page for page in DOCS.glob("*.md") if page.name != "index.md"} <= linked


@pytest.mark.parametrize("block", _PYTHON, ids=str)
def test_every_python_block_can_be_compiled(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_every_page_on_a_concept_says_where_it_was_proven() -> None:
    others = {"architecture", "errors", "formats", "index", "performance"}
    concepts = [page for page in DOCS.glob("*.md") if page.stem not in others]
    unproven = [
        page.name for page in concepts if "\n## Proven\n" not in page.read_text(encoding="utf-8")
    ]
    assert concepts
    assert unproven == []
