"""Policies: evaluated once or per key, canonical, merged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.policies import Effect, EffectivePolicy, Statement
from keyplan.model.values import Value

Link = Callable[..., ResourceGraph]

HEAD = """
provider: {hsm: {}}
principal:
  api: {kind: workload, hsm: spiffe://acme/api}
  admins: {kind: human, hsm: spiffe://acme/admins}
"""
KEY = "provider: hsm, tier: root, usage: encrypt, algorithm: aes-256"


def policy_of(link: Link, body: str, key: str = "") -> EffectivePolicy:
    graph = link(f"{HEAD}policy:\n  p:\n{body}key:\n  it: {{{KEY}, policies: [policy.p]{key}}}\n")
    policy = graph.keys[Address("key.it")].policy
    assert policy is not None
    return policy


def statement(link: Link, more: str, key: str = "") -> Statement:
    fields = "".join(f"        {line}\n" for line in more.strip().split("\n"))
    (found,) = policy_of(link, f"    statement:\n      S:\n{fields}", key).statements
    return found


BASE = "principals: [principal.api]\noperations: [use]\n"


def test_a_statement_as_it_is_stored(link: Link) -> None:
    found = statement(
        link,
        "effect: deny\nprincipals: any\noperations: [use, describe]\nexpires_at: 2027-06-30\n"
        "native: {aws: {Sid: X}}\n"
        "unenforced: {hsm: {what: [mfa], then: drop, reason: CHG-9, until: 2027-01-31}}",
    )
    assert found.effect is Effect.DENY
    assert found.principals is None
    assert found.operations == {"use", "describe"}
    assert found.expires_at == datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert found.native == {"aws": {"Sid": "X"}}
    (gap,) = found.unenforced
    assert (gap.provider, gap.what, gap.then) == ("hsm", ("mfa",), "drop")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("{context: {tenant: acme, n: 012}}", {"context": {"tenant": "acme", "n": "012"}}),
        ("{context: {tenant: [b, a]}}", {"context": {"tenant": ["a", "b"]}}),
        ("{context: {tenant: [a]}}", {"context": {"tenant": "a"}}),
        ("{source_ip: 10.0.0.0/8}", {"source_ip": ["10.0.0.0/8"]}),
        ("{source_ip: [192.0.2.1, '2001:db8::/32']}",
         {"source_ip": ["192.0.2.1/32", "2001:db8::/32"]}),
        ("{services: [s3, ebs]}", {"services": ["ebs", "s3"]}),
        ("{mfa: true}", {"mfa": True}),
        ("{org: o-1, account: 012345678901}", {"org": ["o-1"], "account": ["012345678901"]}),
        ("{tags: {team: payments}}", {"tags": {"team": "payments"}}),
        ("{not_before: 2027-01-01, not_after: 2027-01-31}",
         {"not_before": "2027-01-01T00:00:00Z", "not_after": "2027-01-31T23:59:59Z"}),
        ("{hours: {days: [tue, mon], from: 09:00, to: 17:30, timezone: Europe/Berlin}}",
         {"hours": {"days": ["mon", "tue"], "from": "09:00", "to": "17:30",
                    "timezone": "Europe/Berlin"}}),
    ],
)  # fmt: skip
def test_conditions_have_one_spelling(
    link: Link, written: str, canonical: dict[str, Value]
) -> None:
    assert statement(link, f"{BASE}when: {written}").when == canonical
    assert statement(link, f"{BASE}unless: {written}").unless == canonical


THIS = """
policy:
  own:
    statement:
      Own:
        principals: [principal.api]
        operations: [use]
        when: {context: {tenant: "${this.scope.tenant}"}}
  same: {administrators: [principal.admins]}
key:
"""


def test_what_speaks_of_this_is_evaluated_for_each_key(link: Link) -> None:
    graph = link(
        HEAD
        + THIS
        + f"  a: {{{KEY}, scope: {{tenant: x}}, policies: [policy.own]}}\n"
        + f"  b: {{{KEY}, scope: {{tenant: y}}, policies: [policy.own, policy.same]}}\n"
        + f"  c: {{{KEY}, scope: {{tenant: x}}, policies: [policy.own]}}\n"
    )
    policies = [key.policy for key in graph.keys.values()]
    tenants = [policy.statements[0].when["context"] for policy in policies if policy is not None]
    assert tenants == [{"tenant": "x"}, {"tenant": "y"}, {"tenant": "x"}]
    assert policies[0] is policies[2]  # the same inputs are not evaluated again


def test_keys_that_share_policies_share_the_merged_one(link: Link) -> None:
    keys = "".join(f"  k{n}: {{{KEY}, policies: [policy.same]}}\n" for n in range(3))
    graph = link(HEAD + THIS + keys)
    first, *others = (key.policy for key in graph.keys.values())
    assert all(policy is first for policy in others)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("this.address", "key.it"),
        ("this.name", "it"),
        ("this.provider", "hsm"),
        ("this.tier", "root"),
        ("this.usage", "encrypt"),
        ("this.algorithm", "aes-256"),
        ("this.labels.team", "payments"),
        ('this.labels["team"]', "payments"),
        ("this.rotation.every", "90d"),
        ('"yes" if this.rotation.every <= "90d" else "no"', "yes"),
        ('"yes" if this.parent is none else "no"', "yes"),
        ('coalesce(this.owner, "nobody")', "nobody"),
        ("length(this.children)", "1"),
        ("this.children[0].name", "child"),
        ('"other" if "x" in this.scope else "no"', "no"),
    ],
)
def test_what_this_reads(link: Link, expression: str, value: str) -> None:
    key = ", labels: {team: payments}, rotation: {every: 90d}}\n  child: {provider: hsm"
    key += ", relation: governs, parent: key.it, usage: encrypt, algorithm: aes-256"
    found = statement(link, f"{BASE}when: {{org: '${{{expression}}}'}}", key)
    assert found.when == {"org": [value]}


def test_policies_merge_whatever_their_order(link: Link) -> None:
    body = (
        HEAD
        + """
policy:
  b:
    administrators: [principal.admins]
    statement: {B: {principals: [principal.api], operations: [decrypt]}}
  a:
    statement: {A: {effect: deny, principals: any, operations: [export]}}
    hsm: {mode: strict}
key:
"""
    )
    graph = link(
        body
        + f"  x: {{{KEY}, policies: [policy.a, policy.b]}}\n"
        + f"  y: {{{KEY}, policies: [policy.b, policy.a]}}\n"
        + f"  z: {{{KEY}, policies: []}}\n"
        + f"  n: {{{KEY}}}\n"
    )
    keys = {address.name: key for address, key in graph.keys.items()}
    assert keys["x"].policy == keys["y"].policy
    assert keys["x"].policy is not None
    assert [item.sid for item in keys["x"].policy.statements] == ["A", "B"]
    assert keys["x"].policy.settings == {"hsm": {"mode": "strict"}}
    assert keys["z"].policy is not None
    assert keys["z"].policy.statements == ()
    assert keys["n"].policy is None


def test_a_key_that_meets_every_constraint_is_fine(link: Link) -> None:
    found = policy_of(
        link,
        "    constraints: {algorithms: [aes-256], min_strength: 256, usage: encrypt, "
        "protection: software,\n"
        "      max_rotation: 1y, max_ttl: 400d, regions: [eu], exportable: false}\n",
        ", protection: hsm, rotation: {every: 365d}, expires_at: 2027-11-22, scope: {region: eu}",
    )
    assert found.sources == ("policy.p",)


def test_an_end_too_far_away_breaks_max_ttl(mistakes: Callable[..., list[Diagnostic]]) -> None:
    (found,) = mistakes(
        f"{HEAD}policy:\n  p: {{constraints: {{max_ttl: 400d}}}}\n"
        f"key:\n  it: {{{KEY}, policies: [policy.p], expires_at: 2028-01-01}}\n"
    )
    assert found.code == "KP-POL-002"
    assert "later than 400d from now" in found.summary


def test_a_policy_that_no_key_uses_is_checked_too(
    mistakes: Callable[..., list[Diagnostic]],
) -> None:
    (found,) = mistakes(f"{HEAD}policy:\n  p: {{administrators: '${{principal.nobody}}'}}\n")
    assert (found.code, found.address) == ("KP-REF-002", "policy.p")


def test_a_skipped_statement_needs_no_identity(link: Link) -> None:
    graph = link(
        "provider: {aws: {}}\n"
        "principal: {api: {kind: workload, hsm: spiffe://acme/api}}\n"
        "policy:\n  p:\n    statement:\n      S:\n        principals: [principal.api]\n"
        "        operations: [use]\n"
        "        unenforced:\n"
        "          aws: {what: [principals], then: skip, reason: r, until: 2027-01-31}\n"
        "key:\n  it: {provider: aws, tier: root, usage: encrypt, algorithm: aes-256, "
        "policies: policy.p}\n"
    )
    assert graph.keys[Address("key.it")].policy is not None
