from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from keyplan.errors import ProviderDefectError, ProviderError, StoreError
from keyplan.session.registry import COMMANDS, PROVIDERS, STORES, Registry, load_registry
from keyplan.testing.fake import fake_plugin
from keyplan.testing.memory_store import MemoryStorePlugin


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("an_adapter")
    made.PLUGIN = fake_plugin()  # type: ignore[attr-defined]
    made.STORE = MemoryStorePlugin()  # type: ignore[attr-defined]
    made.NONSENSE = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_adapter", made)
    return made


def _registry(*points: EntryPoint) -> Registry:
    def find(group: str) -> Iterable[EntryPoint]:
        return [point for point in points if point.group == group]

    return load_registry(find)


def test_names_are_listed_without_importing() -> None:
    registry = _registry(
        EntryPoint("zeta", "not_there:PLUGIN", PROVIDERS),
        EntryPoint("alpha", "not_there:PLUGIN", PROVIDERS),
        EntryPoint("s3", "not_there:STORE", STORES),
        EntryPoint("hsm", "not_there:app", COMMANDS),
    )
    assert list(registry.plugins) == ["alpha", "zeta"]
    assert list(registry.stores) == ["s3"]
    assert registry.commands["hsm"].value == "not_there:app"
    assert "alpha" in registry.plugins
    assert len(registry.plugins) == 2


def test_nothing_is_looked_for_before_it_is_needed() -> None:
    asked: list[str] = []
    registry = load_registry(lambda group: asked.append(group) or [])
    assert asked == []
    assert list(registry.stores) == []
    assert asked == [STORES]


def test_plugins_are_imported_once(module: ModuleType) -> None:
    registry = _registry(
        EntryPoint("fake", "an_adapter:PLUGIN", PROVIDERS),
        EntryPoint("memory", "an_adapter:STORE", STORES),
    )
    assert registry.plugins["fake"] is module.PLUGIN
    assert registry.plugins["fake"] is registry.plugins["fake"]
    assert registry.stores["memory"] is module.STORE


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        _registry().plugins["aws"]


def test_a_missing_sdk_says_what_to_install() -> None:
    registry = _registry(EntryPoint("aws", "sdk_that_is_missing:PLUGIN [aws]", PROVIDERS))
    with pytest.raises(ProviderError) as caught:
        registry.plugins["aws"]
    assert "sdk_that_is_missing" in caught.value.what
    assert "[aws]'" in caught.value.advice
    with pytest.raises(StoreError, match="sdk_that_is_missing"):
        _registry(EntryPoint("s3", "sdk_that_is_missing:STORE", STORES)).stores["s3"]


def test_an_import_that_fails_is_an_error_of_its_user_only(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = _registry(
        EntryPoint("fake", "an_adapter:PLUGIN", PROVIDERS),
        EntryPoint("bad", "an_adapter:NOTHING", PROVIDERS),
    )
    assert registry.plugins["fake"] is module.PLUGIN
    with pytest.raises(ProviderError, match="cannot be imported"):
        registry.plugins["bad"]


def test_what_is_no_plugin_is_a_defect(module: ModuleType) -> None:
    registry = _registry(
        EntryPoint("other", "an_adapter:PLUGIN", PROVIDERS),
        EntryPoint("fake", "an_adapter:NONSENSE", PROVIDERS),
        EntryPoint("memory", "an_adapter:NONSENSE", STORES),
    )
    for name in ("other", "fake"):
        with pytest.raises(ProviderDefectError, match=f"is not the provider {name}"):
            registry.plugins[name]
    with pytest.raises(StoreError, match="is not the store memory"):
        registry.stores["memory"]


def test_a_name_that_two_distributions_claim_is_refused(module: ModuleType) -> None:
    registry = _registry(
        EntryPoint("fake", "an_adapter:PLUGIN", PROVIDERS),
        EntryPoint("fake", "another:PLUGIN", PROVIDERS),
    )
    with pytest.raises(ProviderError, match="several installed distributions"):
        registry.plugins["fake"]


def test_what_is_installed_here_is_found() -> None:
    registry = load_registry()
    assert "hsm" in registry.plugins
    assert "local" in registry.stores
