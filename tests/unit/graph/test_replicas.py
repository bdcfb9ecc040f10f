"""Replicas are keys of their own beside their key: what follows it, and what is theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address

Link = Callable[..., ResourceGraph]
Mistakes = Callable[..., list[Diagnostic]]
KEY, DR = Address("key.it"), Address('key.it.replicas["dr"]')

STACK = """
provider: {hsm: {}, aws: {}, aws.dr: {place: elsewhere}, aws.far: {place: far}}
principal:
  admins: {kind: human, aws: arn:admins}
  here: {kind: human, aws: arn:here}
policy:
  one: {administrators: [principal.admins]}
  two: {administrators: [principal.here]}
key:
  it:
    provider: aws
    tier: root
    usage: encrypt
    algorithm: aes-256
    description: mine
    state: active
    rotation: {every: 365d}
    aliases: [acme/it]
    labels: {team: payments}
    policies: [policy.one]
    deletion: {protection: false}
"""


def with_replicas(text: str, more: str = "") -> str:
    return f"{STACK}    replicas: {text}\n{more}"


def test_a_replica_follows_its_key_and_has_names_of_its_own(link: Link) -> None:
    graph = link(with_replicas("{dr: {provider: aws.dr, aliases: acme/dr}}"))
    assert list(graph.keys) == [KEY, DR]
    replica, key = graph.keys[DR], graph.keys[KEY]
    assert (replica.provider, replica.replica_of, replica.parent) == ("aws.dr", KEY, None)
    assert replica.attributes == {
        "tier": "root",
        "usage": "encrypt",
        "algorithm": "aes-256",
        "description": "mine",
        "state": "active",
        "labels": {"team": "payments"},
        "aliases": ["acme/dr"],
        "deletion": {"protection": False, "soak": "0d", "window": "30d"},
    }
    assert replica.policy == key.policy
    assert graph.edges[DR] == (KEY,)
    assert str(replica.position("aliases")) == "keyplan.yaml:22:48"
    assert str(replica.position("description")) == "keyplan.yaml:22:16"


def test_replicas_make_a_key_one_of_several_places(link: Link) -> None:
    graph = link(with_replicas("{dr: {provider: aws.dr}}"))
    assert graph.keys[KEY].attributes["multi_region"] is True
    assert "aliases" not in graph.keys[DR].attributes
    alone = link(f"{STACK}    multi_region: true\n")
    assert alone.keys[KEY].attributes["multi_region"] is True
    assert list(alone.keys) == [KEY]


def test_labels_and_policies_of_an_entry_are_the_replicas_own(link: Link) -> None:
    entry = "{dr: {provider: aws.dr, labels: {team: dr}, policies: [policy.two]}}"
    graph = link(with_replicas(entry))
    assert graph.keys[DR].attributes["labels"] == {"team": "dr"}
    assert graph.keys[DR].policy is not None
    assert graph.keys[DR].policy.sources == ("policy.two",)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{dr: {provider: hsm}}", "cannot be in hsm"),
        ("{dr: {provider: aws}}", "aws has the key itself already"),
        ("{a: {provider: aws.dr}, b: {provider: aws.dr}}", "aws.dr has replica a already"),
        ("{dr: {provider: aws.dr}}\n    multi_region: false", "is for one place only"),
    ],
)
def test_a_replica_cannot_be_just_anywhere(mistakes: Mistakes, entry: str, said: str) -> None:
    found = mistakes(with_replicas(entry))
    assert [item.code for item in found if item.code == "KP-DECL-037"] == ["KP-DECL-037"]
    assert any(said in item.summary for item in found)


def test_a_policy_names_somebody_in_every_place(mistakes: Mistakes) -> None:
    stack = with_replicas("{dr: {provider: aws.dr}}").replace("aws: arn:admins", "aws.far: x")
    assert "KP-POL-001" in {item.code for item in mistakes(stack)}


def test_a_replica_can_be_imported_and_removed_by_its_address(link: Link) -> None:
    imported = f"import: [{{to: '{DR}', id: mrk-1}}]\n"
    graph = link(with_replicas("{dr: {provider: aws.dr}}", imported))
    assert graph.imported[DR].id == "mrk-1"
    gone = link(f"{STACK}removed: [{{from: '{DR}', mode: destroy}}]\n")
    assert [entry.pattern for entry in gone.removed] == [DR]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("removed: [{from: 'key.it.replicas[\"dr\"]', mode: destroy}]\n", "KP-DECL-027"),
        ("import: [{to: 'key.it.replicas[\"us\"]', id: mrk-1}]\n", "KP-REF-002"),
    ],
)
def test_entries_about_replicas_are_checked(mistakes: Mistakes, more: str, code: str) -> None:
    found = mistakes(with_replicas("{dr: {provider: aws.dr}}", more))
    assert [item.code for item in found] == [code]


def test_a_replica_is_no_parent(mistakes: Mistakes) -> None:
    child = "  other:\n    provider: aws\n    usage: encrypt\n    algorithm: aes-256\n"
    child += f"    parent: '{DR}'\n"
    found = mistakes(with_replicas("{dr: {provider: aws.dr}}", child))
    assert [item.code for item in found] == ["KP-REF-004"]
