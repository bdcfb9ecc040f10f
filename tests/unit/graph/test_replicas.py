"""Replicas are keys of their own beside their key: what follows it, and what is theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.values import Reference, Unknown

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


# -- in expressions ----------------------------------------------------------------------

READER = """  reader:
    provider: aws
    tier: root
    usage: encrypt
    algorithm: aes-256
    labels: {it: "%s"}
output:
  it: {value: '%s'}
"""
PLACES = "{dr: {provider: aws.dr, aliases: acme/dr, labels: {team: dr}}, far: {provider: aws.far}}"


def reading(expression: str) -> str:
    """Two replicas, a key whose label reads one, and an output that does."""
    quoted = expression.replace('"', "'")
    return with_replicas(PLACES, READER % (f"${{{quoted}}}", expression))


def test_what_only_the_provider_knows_of_a_replica_is_unknown(link: Link) -> None:
    graph = link(reading('key.it.replicas["dr"].arn'))
    unknown = Unknown((Reference(DR, "arn"),))
    assert graph.outputs["it"].value == unknown
    assert graph.keys[Address("key.reader")].attributes["labels"] == {"it": unknown}


def test_what_reads_a_replica_comes_after_it(link: Link) -> None:
    graph = link(reading('key.it.replicas["dr"].id'))
    assert DR in graph.edges[Address("key.reader")]
    order = list(graph.keys)
    assert order.index(DR) < order.index(Address("key.reader"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('key.it.replicas["dr"].provider', "aws.dr"),
        ('key.it.replicas["dr"].address', str(DR)),
        ('key.it.replicas["dr"].aliases', ["acme/dr"]),
        ('key.it.replicas["dr"].labels.team', "dr"),
        ('key.it.replicas["far"].labels.team', "payments"),
        ('key.it.replicas["far"].algorithm', "aes-256"),
        ('key.it.replicas["dr"].parent is none', True),
        ("length(key.it.replicas)", 2),
        ('attributes(key.it.replicas, "provider")', {"dr": "aws.dr", "far": "aws.far"}),
        ("key.it.replicas is none", False),
    ],
)
def test_a_replica_reads_as_a_key_does(link: Link, expression: str, value: object) -> None:
    more = f"output:\n  it: {{value: '{expression}'}}\n"
    assert link(with_replicas(PLACES, more)).outputs["it"].value == value


def test_grants_of_the_key_are_not_a_replicas(link: Link) -> None:
    grants = "    grants: {g: {principal: principal.admins, operations: [encrypt]}}\n"
    more = f"{grants}output:\n  it: {{value: 'key.it.replicas[\"dr\"].grants'}}\n"
    graph = link(with_replicas("{dr: {provider: aws.dr}}", more))
    assert graph.outputs["it"].value == Unknown((Reference(DR, "grants"),))


@pytest.mark.parametrize(
    ("expression", "code", "said"),
    [
        ('key.it.replicas["rd"].arn', "KP-REF-002", "dr"),
        ('key.it.replicas["us"].arn', "KP-REF-002", "dr, far"),
        ("key.it.replicas.dr.arn", "KP-REF-001", str(DR)),
        ('key.it.replicas["dr"].labls', "KP-REF-007", "labels"),
        ('key.it.replicas["dr"].policies', "KP-REF-007", ""),
        ('key.it.replicas["dr"].replicas["x"].arn', "KP-REF-002", "replicas"),
    ],
)
def test_a_replica_that_is_not_there_names_those_that_are(
    mistakes: Mistakes, expression: str, code: str, said: str
) -> None:
    (found,) = mistakes(with_replicas(PLACES, f"output:\n  it: {{value: '{expression}'}}\n"))
    assert found.code == code
    assert said in found.advice


def test_a_key_without_replicas_says_so(mistakes: Mistakes, link: Link) -> None:
    (found,) = mistakes(f"{STACK}output:\n  it: {{value: 'key.it.replicas[\"dr\"].arn'}}\n")
    assert (found.code, found.summary) == ("KP-REF-002", "key.it has no replica dr")
    none = link(f"{STACK}output:\n  it: {{value: key.it.replicas is none}}\n")
    assert none.outputs["it"].value is True


def test_a_key_does_not_wait_for_its_own_replica(mistakes: Mistakes) -> None:
    stack = with_replicas("{dr: {provider: aws.dr}}")
    stack = stack.replace("description: mine", "description: \"${key.it.replicas['dr'].arn}\"")
    assert {item.code for item in mistakes(stack)} == {"KP-REF-011"}


def test_a_key_that_a_replica_waits_for_cannot_wait_for_the_replica(mistakes: Mistakes) -> None:
    stack = reading('key.it.replicas["dr"].id').replace(
        "description: mine", 'description: "${key.reader.id}"'
    )
    assert {item.code for item in mistakes(stack)} == {"KP-REF-005"}


# -- moved -------------------------------------------------------------------------------


def moving(source: str, target: str) -> str:
    return with_replicas(
        "{dr: {provider: aws.dr}, far: {provider: aws.far}}",
        f"moved:\n  - {{from: '{source}', to: '{target}'}}\n",
    )


def test_a_replica_gets_another_name(link: Link) -> None:
    old = KEY.replica("old")
    assert [(item.source, item.target) for item in link(moving(old, DR)).moved] == [(old, DR)]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("key.old", DR, "is of no other key"),
        (KEY.replica("old"), "key.it", "is of no other key"),
        (Address("key.other").replica("old"), DR, "is of no other key"),
        (KEY.replica("old"), "module.it", "a module"),
        (KEY.replica("old"), KEY.replica("us"), f"{KEY.replica('old')} moves there"),
        (KEY.replica("far"), DR, ""),
        (DR, DR, ""),
    ],
)
def test_a_replica_does_not_become_something_else(
    mistakes: Mistakes, source: str, target: str, said: str
) -> None:
    (found,) = mistakes(moving(source, target))
    assert found.code == "KP-DECL-035"
    assert said in found.why
    assert found.advice


def test_a_key_and_one_of_its_replicas_move_in_one_change(link: Link) -> None:
    more = f"moved:\n  - {{from: '{KEY.replica('old')}', to: '{DR}'}}\n"
    more += "  - {from: key.before, to: key.it}\n"
    graph = link(with_replicas("{dr: {provider: aws.dr}}", more))
    assert {item.source for item in graph.moved} == {KEY.replica("old"), "key.before"}
