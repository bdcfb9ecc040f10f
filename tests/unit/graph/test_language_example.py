"""The language's own example, as far as its blocks are there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier
from keyplan.model.values import Reference, Unknown
from keyplan.testing.fake import fake_plugin

STACK = """
keyplan:
  required_version: ">=0.0,<99"
  mode: manage
  state:
    local: {path: keyplan.state.json}
  safety: {max_delete: 0.3, max_update: 0.3, min_existing: 10}

variable:
  tenants:
    type: {map: string}
    default: {acme: gold}
    description: One entry per tenant
    validation:
      - {condition: length(var.tenants) > 0, error_message: At least one tenant is needed.}

locals:
  org: acme

defaults:
  key: {owner: security@acme.example, deletion: {window: 30d}}

provider:
  hsm: {place: hsm}
  aws: {place: eu-west-1}
  aws.dr: {place: eu-central-1}

principal:
  payments_api:
    kind: workload
    hsm: spiffe://acme.example/payments-api
    aws: [arn:aws:iam::111122223333:role/payments-api]
    claims: {issuer: "https://oidc.acme.example", subject: payments-api}
  key_admins:
    kind: human
    hsm: spiffe://acme.example/key-admins
    aws: arn:aws:iam::111122223333:role/key-admins

policy:
  envelope:
    administrators: [principal.key_admins]
    statement:
      PaymentsEnvelope:
        principals: [principal.payments_api]
        operations: [encrypt, decrypt, generate_data_key]
        when:
          context: {tenant: "${this.scope.tenant}"}
        expires_at: 2027-06-30
      OnlyThisTenant:
        effect: deny
        principals: any
        operations: [use]
        unless: {context: {tenant: "${this.scope.tenant}"}}
    constraints: {algorithms: [aes-256], max_rotation: 365d}
    aws: {account: recovery}

key:
  root:
    provider: hsm
    tier: root
    usage: wrap
    algorithm: aes-256
    protection: hsm

  master:
    for_each: [staging, prod]
    provider: hsm
    tier: master
    parent: key.root
    usage: wrap
    algorithm: aes-256
    scope: {environment: "${each.key}"}
    rotation: {every: 365d, overlap: 30d}

  legacy:
    for_each: [a]
    provider: aws
    policies: keep
    lifecycle: {manage: observe}

  payments:
    provider: aws
    tier: service
    parent: key.master["prod"]
    relation: governs
    usage: encrypt
    algorithm: aes-256
    scope: {tenant: acme, application: payments}
    rotation: {every: 180d}
    aliases: [acme/payments]
    policies: [policy.envelope]
    labels: {team: payments}
    multi_region: true
    replicas:
      dr: {provider: aws.dr, aliases: [acme/payments]}

output:
  payments_arn: {value: key.payments.arn, description: For the payments stack}

removed:
  - {from: key.retired, mode: destroy}
"""


def test_the_example_links_as_it_says(link: Callable[..., ResourceGraph]) -> None:
    plugins = {"hsm": fake_plugin("hsm"), "aws": fake_plugin("aws")}
    graph = link(STACK, plugins=plugins)
    assert list(graph.keys) == [
        "key.root",
        'key.master["staging"]',
        'key.master["prod"]',
        'key.legacy["a"]',
        "key.payments",
        'key.payments.replicas["dr"]',
    ]
    payments = graph.keys[Address("key.payments")]
    assert (payments.tier, payments.relation) == (Tier.SERVICE, Relation.GOVERNS)
    assert payments.attributes["scope"] == {
        "environment": "prod",
        "tenant": "acme",
        "application": "payments",
    }
    assert payments.attributes["replicas"] == {
        "dr": {"provider": "aws.dr", "aliases": ["acme/payments"]}
    }
    assert payments.attributes["owner"] == "security@acme.example"
    assert payments.policy is not None
    only, envelope = payments.policy.statements
    assert (only.sid, only.principals, only.unless) == (
        "OnlyThisTenant",
        None,
        {"context": {"tenant": "acme"}},
    )
    assert envelope.expires_at == datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert payments.policy.settings == {"aws": {"account": "recovery"}}
    arn = Unknown((Reference(Address("key.payments"), "arn"),))
    assert graph.outputs["payments_arn"].value == arn
    assert graph.principals[Address("principal.payments_api")].claims == {
        "issuer": "https://oidc.acme.example",
        "subject": "payments-api",
    }
