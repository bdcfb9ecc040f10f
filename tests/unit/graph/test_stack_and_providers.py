"""The `keyplan` block, provider blocks, a provider's own block on a key, `removed`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from keyplan.diagnostics import Diagnostic
from keyplan.graph.link import load_graph
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.resources import RemovedMode
from keyplan.model.stack import Safety, StackMode, StoreBlock
from keyplan.sdk.provider import Plugin
from keyplan.testing.fake import FakePlugin, fake_plugin

Link = Callable[..., ResourceGraph]
Mistakes = Callable[..., list[Diagnostic]]


class Secret(BaseModel):
    model_config = ConfigDict(extra="forbid")
    env: str = ""
    file: str = ""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    store: str
    pin: Secret | None = None
    retries: int = Field(default=3, le=10)
    audit: bool = True
    level: Literal["low", "high"] = "low"


class KeySettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    partition: int
    tags: list[str] = []


@dataclasses.dataclass(frozen=True, slots=True)
class StrictPlugin(FakePlugin):
    @property
    def settings_model(self) -> type[BaseModel]:
        return Settings

    @property
    def key_settings_model(self) -> type[BaseModel] | None:
        return KeySettings


def strict() -> Mapping[str, Plugin]:
    return {"hsm": StrictPlugin("hsm", fake_plugin().manifest, fake_plugin().clock)}


ROOT = "key:\n  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256%s}\n"


def test_the_stack_has_defaults_and_the_name_of_its_folder(link: Link, tmp_path: Any) -> None:
    stack = link("locals: {}\n").stack
    assert stack.name == tmp_path.name
    assert (stack.mode, stack.safety) == (StackMode.MANAGE, Safety())
    assert stack.store == StoreBlock()


def test_the_keyplan_block_may_be_spread_over_files(link: Link) -> None:
    stack = link(
        {
            "a.keyplan.yaml": "keyplan:\n  required_version: '>=0.0.1,<99'\n  mode: observe\n",
            "b.keyplan.yaml": "keyplan:\n  safety: {max_delete: 0.5, min_existing: 20}\n"
            "  state: {s3: {bucket: acme-keyplan}}\n",
        }
    ).stack
    assert stack.mode is StackMode.OBSERVE
    assert stack.safety == Safety(max_delete=0.5, max_update=0.3, min_existing=20)
    assert (stack.store.name, stack.store.settings) == ("s3", {"bucket": "acme-keyplan"})


def test_settings_are_data_and_secrets_stay_where_they_are(link: Link) -> None:
    graph = link(
        "variable: {place: {type: string, default: state}}\n"
        "provider:\n"
        "  hsm: {store: '${var.place}/hsm.db', pin: {env: HSM_PIN}, retries: 5, audit: false}\n"
        "  hsm.dr: {store: 012}\n",
        plugins=strict(),
    )
    assert graph.providers["hsm"].settings == {
        "store": "state/hsm.db", "pin": {"env": "HSM_PIN"}, "retries": "5", "audit": "false",
    }  # fmt: skip
    assert graph.providers["hsm.dr"].settings == {"store": "012"}
    assert graph.providers["hsm.dr"].type == "hsm"


@pytest.mark.parametrize(
    ("settings", "place", "summary", "advice"),
    [
        ("store: x, sotre: y", "1:28", "provider.hsm.sotre is not a setting", "'store'"),
        ("pin: {env: A}", "1:12", "provider.hsm.store is missing", "Add store"),
        ("store: x, retries: 99", "1:37", "provider.hsm.retries cannot have this value", ""),
        ("store: x, pin: {evn: A}", "1:34", "provider.hsm.pin.evn is not a setting", ""),
        ("store: x, level: mid", "1:35", "provider.hsm.level cannot have this value", ""),
    ],
)
def test_the_providers_complaints_are_shown_at_their_lines(
    mistakes: Mistakes, settings: str, place: str, summary: str, advice: str
) -> None:
    (found,) = mistakes(f"provider: {{hsm: {{{settings}}}}}\n", plugins=strict())
    assert (found.code, str(found.position), found.summary) == (
        "KP-DECL-023",
        f"keyplan.yaml:{place}",
        summary,
    )
    assert advice in found.advice


def test_a_refused_setting_is_never_repeated(mistakes: Mistakes) -> None:
    (found,) = mistakes("provider:\n  hsm:\n    store: x\n    pin: hunter2\n", plugins=strict())
    assert "hunter2" not in f"{found.summary}{found.why}{found.advice}"


def test_the_providers_own_block_is_checked_and_typed(link: Link) -> None:
    graph = link("provider: {hsm: {store: x}}\n" + ROOT % ", hsm: {partition: 7}", plugins=strict())
    assert graph.keys[Address("key.root")].settings == {"partition": 7}


def test_the_providers_own_block_has_errors_of_its_own(mistakes: Mistakes) -> None:
    found = mistakes(
        "provider: {hsm: {store: x}}\n" + ROOT % ", hsm: {partition: seven, tag: [a]}",
        plugins=strict(),
    )
    assert [item.summary for item in found] == [
        "hsm.partition cannot have this value",
        "hsm.tag is not a setting",
    ]


def test_a_provider_block_without_settings_may_be_empty(link: Link) -> None:
    assert link("provider:\n  hsm:\n").providers["hsm"].settings == {}


def test_a_failed_provider_is_not_called_undeclared_as_well(mistakes: Mistakes) -> None:
    (found,) = mistakes("provider: {hsm: {}}\n" + ROOT % "", plugins=strict())
    assert found.summary == "provider.hsm.store is missing"


class Untouched(dict[str, Plugin]):
    """Plugins of which only `hsm` may be imported."""

    def __getitem__(self, name: str) -> Plugin:
        assert name == "hsm"
        return super().__getitem__(name)


def test_plugins_that_are_not_used_are_not_imported(tmp_path: Any) -> None:
    (tmp_path / "keyplan.yaml").write_text(
        "provider: {hsm: {}}\nprincipal: {a: {kind: human, aws: x}}\n" + ROOT % ""
    )
    plugins = Untouched(hsm=fake_plugin("hsm"), aws=fake_plugin("aws"))
    graph, _ = load_graph(tmp_path, plugins=plugins, environment={})
    assert list(graph.keys) == ["key.root"]


def test_removed_entries_keep_their_patterns_and_places(link: Link) -> None:
    graph = link(
        "removed:\n  - {from: key.retired, mode: destroy}\n"
        "  - from: 'key.old[\"*\"]'\n    mode: forget\n"
    )
    assert [(item.pattern, item.mode) for item in graph.removed] == [
        ("key.retired", RemovedMode.DESTROY),
        ('key.old["*"]', RemovedMode.FORGET),
    ]
    assert [str(item.position) for item in graph.removed] == [
        "keyplan.yaml:2:12",
        "keyplan.yaml:3:11",
    ]


@pytest.mark.parametrize("pattern", ['key.it["a"]', 'key.it["*"]'])
def test_an_instance_that_is_still_declared_cannot_be_removed(
    mistakes: Mistakes, pattern: str
) -> None:
    (found,) = mistakes(
        "provider: {hsm: {}}\n"
        + (ROOT % ", for_each: [a, b]").replace("root", "it").replace("tier: it", "tier: root")
        + f"removed: [{{from: '{pattern}', mode: forget}}]\n"
    )
    assert (found.code, str(found.position)) == ("KP-DECL-027", "keyplan.yaml:4:18")


def test_what_was_one_key_can_be_removed_while_its_block_has_instances(link: Link) -> None:
    graph = link(
        "provider: {hsm: {}}\n"
        + ROOT % ", for_each: [a]"
        + "removed: [{from: key.root, mode: forget}, {from: 'key.root[\"b\"]', mode: forget}]\n"
    )
    assert [item.pattern for item in graph.removed] == ["key.root", 'key.root["b"]']


def test_an_identity_with_a_provider_that_is_not_installed_is_a_warning(tmp_path: Any) -> None:
    (tmp_path / "keyplan.yaml").write_text("principal: {a: {kind: human, openbao: x, hsm: y}}\n")
    plugins = {"hsm": fake_plugin("hsm")}
    _, diagnostics = load_graph(tmp_path, plugins=plugins, environment={})
    assert [item.code for item in diagnostics] == ["KP-DECL-028"]
