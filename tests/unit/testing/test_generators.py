"""Generated stacks are what they claim to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.hierarchy import PARENT_USAGE, tier_may_follow
from keyplan.model.keys import ALGORITHMS, Tier, Usage
from keyplan.testing.fake import fake_plugin
from keyplan.testing.stack_spec import KeySpec, StackSpec
from keyplan.testing.stacks import stack_text, write_stack
from keyplan.testing.strategies import Accident, AccidentKind, accidents, stacks


@given(stacks())
@settings(max_examples=50)
def test_random_stacks_keep_the_invariants(spec: StackSpec) -> None:
    seen = {}
    for key in spec.keys:
        if key.parent is None:
            assert key.tier is Tier.ROOT
        else:
            parent = seen[key.parent]
            assert tier_may_follow(parent.tier, key.tier)
            assert key.relation is not None
            assert PARENT_USAGE[key.relation] in (None, parent.usage)
            strength = ALGORITHMS[key.algorithm].strength
            assert strength <= ALGORITHMS[parent.algorithm].strength
        assert key.usage in ALGORITHMS[key.algorithm].usages
        seen[key.name] = key
    graph = spec.graph()
    for address, key in graph.keys.items():
        scope = key.attributes.get("scope", {})
        if key.parent is not None:
            above = graph.keys[key.parent].attributes.get("scope", {})
            assert above.items() <= scope.items()  # type: ignore[union-attr]
        assert graph.edges[address] == ((key.parent,) if key.parent else ())


@given(stacks(max_keys=5))
@settings(max_examples=50)
def test_the_text_of_a_random_stack_says_the_same(spec: StackSpec) -> None:
    document = yaml.safe_load(spec.yaml())
    assert list(document["key"]) == [key.name for key in spec.keys]
    for key in spec.keys:
        block = document["key"][key.name]
        assert block["algorithm"] == key.algorithm
        for name, value in key.attributes.items():
            assert block[name] == value, "YAML must give back exactly what was drawn"


@given(st.data())
@settings(max_examples=25)
def test_accidents_happen_to_keys_and_leave_a_trace(data: st.DataObject) -> None:
    service = fake_plugin().service()
    names = [service.plant(aliases=[f"a/{number}"]) for number in range(3)]
    for accident in data.draw(accidents(max_size=3)):
        hit = accident.happen(service)
        assert hit in names
        if accident.kind is AccidentKind.VANISHED:
            assert service.get(hit) is None  # type: ignore[arg-type]
    assert service.calls == ()


def test_no_accident_happens_where_there_is_no_key() -> None:
    service = fake_plugin().service()
    assert Accident(AccidentKind.VANISHED, 3).happen(service) is None


@pytest.mark.parametrize("count", [1, 2, 102, 103, 1000])
def test_a_stack_has_as_many_keys_as_asked_for_in_three_tiers(count: int, tmp_path: Path) -> None:
    file = write_stack(tmp_path / "stack", count, protection=False)
    document = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    keys = document["key"]
    assert len(keys) == count
    tiers = Counter(key["tier"] for key in keys.values())
    assert tiers["root"] == 1
    assert tiers["service"] <= 100 * tiers["master"]
    for key in keys.values():
        assert key["policies"]
        assert key["rotation"]
        assert key["labels"]
        assert "${" in str(key)
        assert key["deletion"] == {"protection": False}
        assert key["tier"] == "root" or key["parent"].removeprefix("key.") in keys


def test_settings_go_into_the_provider_block() -> None:
    document = yaml.safe_load(stack_text(1, provider="acme", settings="{path: keys.json}"))
    assert document["provider"] == {"acme": {"path": "keys.json"}}


def test_text_that_says_none_is_quoted() -> None:
    key = KeySpec("k", Tier.ROOT, Usage.WRAP, "aes-256", attributes={"description": "none"})
    assert "description: 'none'" in StackSpec((key,)).yaml()
