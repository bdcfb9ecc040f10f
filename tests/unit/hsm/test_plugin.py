"""The offline half: light, pure, and ahead of what would fail later."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from keyplan.diagnostics import Position
from keyplan.errors import ProviderDefectError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation, Tier, Usage
from keyplan.model.resources import DesiredKey
from keyplan.sdk.capabilities import Deletion, Finding, Mutability, Reading
from keyplan.sdk.provider import OpenContext, Plugin, Provider
from keyplan_hsm.plugin import PLUGIN
from tests.unit.hsm.bench import NOW, Bench

HEAVY = ("cryptography", "sqlite3", "pydantic", "rich")


@pytest.mark.parametrize("module", ["keyplan_hsm.plugin", "keyplan_hsm.commands"])
def test_what_help_imports_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*(set(sys.modules) & set({HEAVY!r})))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == []


def test_it_is_a_plugin_and_opens_a_provider(hsm: Bench) -> None:
    assert isinstance(PLUGIN, Plugin)
    assert isinstance(hsm.provider, Provider)


def test_other_settings_than_its_own_are_a_defect(hsm: Bench) -> None:
    class Others(BaseModel):
        pass

    with pytest.raises(ProviderDefectError):
        PLUGIN.open(Others(), OpenContext(hsm.folder, NOW))


def test_the_manifest_is_constant_and_says_what_lives_where() -> None:
    manifest = PLUGIN.capabilities()
    assert manifest is PLUGIN.capabilities()
    attributes = manifest.attributes
    recorded = {name for name in attributes if attributes[name].reading is Reading.RECORDED}
    assert recorded == {"tier", "scope", "owner", "deletion"}
    assert attributes["exportable"].mutability is Mutability.ONE_WAY
    assert not attributes.keys() & {"multi_region", "replicas", "primary"}
    assert manifest.deletion is Deletion.SCHEDULED
    assert manifest.finding is Finding.NATIVE
    assert manifest.default_relation is Relation.WRAPS
    assert Usage.AGREE not in frozenset().union(*manifest.algorithms.values())
    assert KeyState.DESTROYED not in manifest.states
    assert set(manifest.calls) == manifest.operations


def test_every_command_that_needs_a_permission_finds_it() -> None:
    needed = {command for item in PLUGIN.permissions() for command in item.needed_for}
    assert needed == {"plan", "drift", "apply"}


def desired(algorithm: str, relation: Relation | None = None, **attributes: Any) -> DesiredKey:
    return DesiredKey(
        Address("key.k"),
        "hsm",
        Tier.SERVICE,
        Usage.SIGN if algorithm == "ed25519" else Usage.ENCRYPT,
        algorithm,
        parent=None if relation is None else Address("key.p"),
        relation=relation,
        attributes=attributes,
        positions={name: Position("k.yaml", 7, 3) for name in ("", "relation", *attributes)},
        snippets={name: f"    {name}: ..." for name in ("relation", *attributes)},
    )


PROFILE = {"subject": "CN=k", "valid": "30d", "usages": ["code_signing"]}


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        (desired("aes-256"), []),
        (desired("aes-256", Relation.DERIVES), []),
        (desired("ed25519", Relation.SIGNS, certificate=PROFILE), []),
        (desired("aes-256", protection="hsm"), []),
        (desired("ed25519", Relation.DERIVES), ["KP-HSM-001"]),
        (desired("aes-256", Relation.SIGNS), ["KP-HSM-002"]),
        (desired("ed25519", Relation.WRAPS, certificate=PROFILE), ["KP-HSM-003"]),
        (
            desired("ed25519", Relation.SIGNS, certificate=PROFILE | {"subject": "k"}),
            ["KP-HSM-004"],
        ),
        (desired("ed25519", Relation.SIGNS, certificate={"usages": ["x"]}), ["KP-HSM-004"]),
        (desired("aes-256", protection="external"), ["KP-HSM-005"]),
    ],
)
def test_what_the_hsm_would_refuse_is_found_offline(key: DesiredKey, codes: list[str]) -> None:
    found = PLUGIN.check(key)
    assert [diagnostic.code for diagnostic in found] == codes
    for diagnostic in found:
        assert diagnostic.position == Position("k.yaml", 7, 3)
        assert diagnostic.snippet
        assert diagnostic.advice


@pytest.mark.parametrize(
    ("name", "written", "spelt"),
    [
        ("aliases", ["b", "a", "b"], ["a", "b"]),
        ("rotation", {"every": "24h", "keep": 3}, {"every": "1d", "keep": 3}),
        ("expires_at", "2027-06-30", "2027-06-30T23:59:59Z"),
        (
            "grants",
            {"g": {"principal": ["b", "a"], "operations": ["sign", "sign"]}},
            {"g": {"principal": ["a", "b"], "operations": ["sign"], "context": {}}},
        ),
        (
            "certificate",
            {"subject": "CN=k", "valid": "48h"},
            {"subject": "CN=k", "valid": "2d", "usages": []},
        ),
        ("rotation", None, None),
        ("unheard_of", ["b", "a"], ["b", "a"]),
    ],
)
def test_each_attribute_has_one_spelling(name: str, written: Any, spelt: Any) -> None:
    once = PLUGIN.canonical({name: written})
    assert once == {name: spelt}
    assert PLUGIN.canonical(once) == once
