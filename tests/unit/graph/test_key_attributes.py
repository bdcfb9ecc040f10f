"""What of a key ends up in the graph: canonical, and only what was declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.resources import DesiredKey, Lifecycle, Manage, OnDrift
from keyplan.testing.fake import fake_plugin

Link = Callable[..., ResourceGraph]

HEAD = """
provider: {hsm: {}, aws: {}, aws.dr: {place: elsewhere}}
principal:
  batch: {kind: workload, hsm: spiffe://acme/batch, aws: [arn:a, arn:b], aws.dr: arn:dr}
policy:
  one: {}
key:
  root:
    provider: hsm
    tier: root
    usage: wrap
    algorithm: aes-256
"""


def key_with(link: Link, attributes: str, provider: str = "hsm") -> DesiredKey:
    lines = "".join(f"    {line}\n" for line in attributes.strip().split("\n"))
    fixed = f"    provider: {provider}\n    usage: encrypt\n    algorithm: aes-256\n"
    graph = link(f"{HEAD}  it:\n{fixed}{lines}")
    return graph.keys[Address("key.it")]


def test_only_what_was_declared_is_managed(link: Link) -> None:
    key = key_with(link, "parent: key.root")
    assert key.attributes == {"usage": "encrypt", "algorithm": "aes-256", "parent": "key.root"}
    assert (key.tier, key.usage, key.relation) == (Tier.SERVICE, Usage.ENCRYPT, Relation.WRAPS)
    assert key.policy is None
    assert not key.keep_policy
    assert key.lifecycle == Lifecycle()


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("rotation: {every: 1y, overlap: 48h, keep: 3}",
         {"rotation": {"every": "365d", "overlap": "2d", "keep": 3}}),
        ("rotation: none", {"rotation": None}),
        ("expires_at: 2027-06-30", {"expires_at": "2027-06-30T23:59:59Z"}),
        ("expires_at: 2027-06-30T12:00:00+02:00", {"expires_at": "2027-06-30T10:00:00Z"}),
        ("expires_at: none", {"expires_at": None}),
        ("aliases: [b/x, a/x]", {"aliases": ["a/x", "b/x"]}),
        ("aliases: a/x", {"aliases": ["a/x"]}),
        ("aliases: none", {"aliases": []}),
        ("labels: {b: 012345678901, a: 1.10, c: yes, d: 12e4567}",
         {"labels": {"b": "012345678901", "a": "1.10", "c": "yes", "d": "12e4567"}}),
        ("labels: {team: none, kept: 'none'}", {"labels": {"kept": "none"}}),
        ("labels: none", {"labels": {}}),
        ("owner: none", {"owner": None}),
        ("owner: 'none'", {"owner": "none"}),
        ("description: true", {"description": "true"}),
        ("deletion: {window: 10d}",
         {"deletion": {"protection": True, "soak": "0d", "window": "10d"}}),
        ("deletion: {protection: false}",
         {"deletion": {"protection": False, "soak": "0d", "window": "30d"}}),
        ("exportable: true", {"exportable": True}),
        ("state: suspended", {"state": "suspended"}),
        ("protection: hsm", {"protection": "hsm"}),
        ("scope: {tenant: acme, region: eu}", {"scope": {"tenant": "acme", "region": "eu"}}),
    ],
)  # fmt: skip
def test_canonical_forms(link: Link, written: str, canonical: dict[str, object]) -> None:
    key = key_with(link, f"tier: root\n{written}")
    name = next(iter(canonical))
    assert key.attributes[name] == canonical[name]


def test_a_certificate_has_durations_and_sorted_usages(link: Link) -> None:
    graph = link("""
provider: {hsm: {}}
key:
  ca: {provider: hsm, tier: root, usage: sign, algorithm: ec-p384}
  release:
    provider: hsm
    parent: key.ca
    relation: signs
    usage: sign
    algorithm: ec-p256
    certificate: {subject: CN=release, valid: 1y, usages: [time_stamping, code_signing]}
""")
    assert graph.keys[Address("key.release")].attributes["certificate"] == {
        "subject": "CN=release",
        "valid": "365d",
        "usages": ["code_signing", "time_stamping"],
    }


GRANT = """
grants:
  nightly:
    principal: principal.batch
    operations: [use, describe]
    context: {tenant: acme}
    expires_at: 2027-01-31
  hourly: {principal: principal.batch, operations: decrypt}
"""


@pytest.mark.parametrize(
    ("provider", "identities"),
    [("hsm", ["spiffe://acme/batch"]), ("aws", ["arn:a", "arn:b"]), ("aws.dr", ["arn:dr"])],
)
def test_grants_name_identities_of_the_keys_provider(
    link: Link, provider: str, identities: list[str]
) -> None:
    key = key_with(link, "tier: root" + GRANT.rstrip(), provider)
    assert key.attributes["grants"] == {
        "nightly": {
            "principal": identities,
            "operations": ["decrypt", "describe", "encrypt", "generate_data_key", "reencrypt"],
            "context": {"tenant": "acme"},
            "expires_at": "2027-01-31T23:59:59Z",
        },
        "hourly": {"principal": identities, "operations": ["decrypt"], "context": {}},
    }


def test_lifecycle_is_not_an_attribute(link: Link) -> None:
    key = key_with(link, "tier: root\nlifecycle: {ignore_changes: [labels], on_drift: report}")
    assert key.lifecycle == Lifecycle(Manage.FULL, frozenset({"labels"}), OnDrift.REPORT)
    assert "lifecycle" not in key.attributes


def test_an_observed_key_needs_neither_usage_nor_algorithm(link: Link) -> None:
    graph = link("""
provider: {aws: {}}
key:
  legacy:
    for_each: [a]
    provider: aws
    policies: keep
    lifecycle: {manage: observe}
""")
    key = graph.keys[Address('key.legacy["a"]')]
    assert (key.usage, key.algorithm, key.keep_policy) == (None, None, True)
    assert key.attributes == {}


def test_an_accepted_gap_takes_the_attribute_out_and_is_kept(link: Link) -> None:
    gap = "unenforced: {aws: {what: exportable, then: skip, reason: CHG-9, until: 2027-06-30}}"
    key = key_with(link, f"tier: root\nexportable: false\n{gap}", "aws")
    assert "exportable" not in key.attributes
    (accepted,) = key.unenforced
    assert (accepted.provider, accepted.what, accepted.reason) == ("aws", ("exportable",), "CHG-9")
    assert accepted.until == datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("what", "written", "name", "value"),
    [
        ("deletion.window", "90d", "deletion", {"protection": True, "soak": "0d", "window": "30d"}),
        ("deletion.window", "1d", "deletion", {"protection": True, "soak": "0d", "window": "7d"}),
        ("rotation.overlap", "30d", "rotation", {"every": "90d", "keep": 3}),
        ("rotation.keep", "30d", "rotation", {"every": "90d", "overlap": "14d"}),
    ],
)
def test_a_part_that_the_provider_cannot_honour_can_be_accepted_too(
    link: Link, what: str, written: str, name: str, value: object
) -> None:
    gap = f"unenforced: {{aws: {{what: {what}, then: drop, reason: r, until: 2027-06-30}}}}"
    parts = f"deletion: {{window: {written}}}\nrotation: {{every: 90d, overlap: 14d, keep: 3}}"
    key = key_with(link, f"tier: root\n{parts}\n{gap}", "aws")
    assert key.attributes[name] == value


def test_replicas_that_a_provider_does_not_have_can_be_done_without(link: Link) -> None:
    replicas = "replicas: {dr: {provider: aws.dr, aliases: x/y, policies: [policy.one]}}"
    gap = "unenforced: {aws: {what: [replicas], then: skip, reason: r, until: 2027-06-30}}"
    plugins = {"hsm": fake_plugin("hsm"), "aws": fake_plugin("aws", without={"replicas"})}
    fixed = "    provider: aws\n    usage: encrypt\n    algorithm: aes-256\n    tier: root\n"
    graph = link(f"{HEAD}  it:\n{fixed}    {replicas}\n    {gap}\n", plugins=plugins)
    assert list(graph.keys) == ["key.root", "key.it"]
    assert "replicas" not in graph.keys[Address("key.it")].attributes


def test_positions_and_lines_of_attributes_are_known(link: Link) -> None:
    key = key_with(link, "tier: root\nlabels:\n  team: payments")
    assert str(key.position()) == "keyplan.yaml:13:3"
    assert str(key.position("algorithm")) == "keyplan.yaml:16:16"
    assert str(key.position("labels")) == "keyplan.yaml:18:5"
    assert key.snippet("labels") == "    labels:"
    assert key.position("owner") == key.position()
    assert set(key.positions) == {"", "provider", "usage", "algorithm", "tier", "labels"}
    assert len(key.snippets) == len(key.positions)
