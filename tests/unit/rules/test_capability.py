"""What a provider cannot do is said before anything is attempted, at the line that asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from keyplan.diagnostics import Diagnostic, Position, Severity
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation, Tier, Usage
from keyplan.model.policies import EffectivePolicy
from keyplan.model.resources import DesiredKey
from keyplan.model.stack import Stack
from keyplan.rules.capability import check_capabilities, check_with_providers
from keyplan.testing.fake import FakePlugin, fake_plugin

NAMES = ("", "algorithm", "usage", "relation", "state", "deletion", "exportable", "policies")
KEY = DesiredKey(
    Address("key.it"),
    "aws.dr",
    Tier.ROOT,
    Usage.ENCRYPT,
    "aes-256",
    positions={name: Position("k.yaml", line, 1)
               for line, name in enumerate(NAMES, 1)},
)  # fmt: skip


def codes(key: DesiredKey, **manifest: object) -> list[tuple[str, str]]:
    plugins = {"aws": fake_plugin("aws", **manifest)}  # type: ignore[arg-type]
    graph = ResourceGraph(Stack("s"), keys={key.address: key})
    found = check_capabilities(graph, plugins)
    return [(item.code, NAMES[item.position.line - 1]) for item in found if item.position]


def test_what_is_supported_is_fine() -> None:
    assert codes(replace(KEY, attributes={"exportable": True, "state": "suspended"})) == []


@pytest.mark.parametrize(
    ("key", "manifest", "expected"),
    [
        ({"attributes": {"exportable": True}}, {"without": {"exportable"}},
         [("KP-CAP-001", "exportable")]),
        ({"policy": EffectivePolicy((), (), (), {})}, {"without": {"policy"}},
         [("KP-CAP-001", "policies")]),
        ({}, {"algorithms": {"rsa-4096": frozenset({Usage.SIGN})}}, [("KP-CAP-002", "algorithm")]),
        ({}, {"algorithms": {"aes-256": frozenset({Usage.WRAP})}}, [("KP-CAP-003", "usage")]),
        ({"usage": Usage.SIGN}, {"algorithms": {"aes-256": frozenset({Usage.WRAP})}}, []),
        ({"relation": Relation.WRAPS}, {"relations": frozenset({Relation.GOVERNS})},
         [("KP-CAP-004", "relation")]),
        ({"attributes": {"state": "deactivated"}}, {"states": frozenset({KeyState.ACTIVE})},
         [("KP-CAP-005", "state")]),
        ({"attributes": {"deletion": {"window": "3d"}}}, {"min_window": timedelta(days=7)},
         [("KP-CAP-006", "deletion")]),
        ({"attributes": {"deletion": {"window": "31d"}}}, {"max_window": timedelta(days=30)},
         [("KP-CAP-006", "deletion")]),
        ({"attributes": {"deletion": {"window": "30d"}}}, {"max_window": timedelta(days=30)}, []),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_an_error_at_its_line(
    key: dict[str, object], manifest: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert codes(replace(KEY, **key), **manifest) == expected  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Complaining(FakePlugin):
    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        return [
            Diagnostic(Severity.ERROR, "KP-FAKE-002", "not at all"),
            Diagnostic(Severity.WARNING, "KP-FAKE-003", "here", position=key.position("usage")),
        ]


def test_what_a_provider_finds_without_a_place_is_shown_at_the_key() -> None:
    fake = fake_plugin("aws")
    plugin = Complaining("aws", fake.manifest, fake.clock)
    graph = ResourceGraph(Stack("s"), keys={KEY.address: KEY})
    found = check_with_providers(graph, {"aws": plugin})
    assert [(item.code, item.address, item.position) for item in found] == [
        ("KP-FAKE-002", "key.it", KEY.position()),
        ("KP-FAKE-003", "key.it", KEY.position("usage")),
    ]
