"""Stacks of any size, for benchmarks and for tests that need many keys.

A three-level tree: one root, a master for every hundred keys, the rest services. Each
key has a policy, labels, a rotation, one template and one reference. The text is written
directly, because dumping 10,000 keys would take longer than planning them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CHILDREN = 100
"""Services under one master."""

_HEAD = """\
keyplan:
  state:
    local: {{path: keyplan.state.json}}

provider:
  {type}: {settings}

locals:
  org: acme

principal:
  key_admins:
    kind: human
    {type}: spiffe://acme.example/key-admins
  payments_api:
    kind: workload
    {type}: spiffe://acme.example/payments-api

policy:
  ceremony:
    administrators: [principal.key_admins]
  envelope:
    administrators: [principal.key_admins]
    statement:
      Use:
        principals: [principal.payments_api]
        operations: [use]
        when:
          context: {{tenant: acme}}

key:
  root:
    provider: {type}
    tier: root
    usage: wrap
    algorithm: aes-256
    policies: [policy.ceremony]
    labels: {{org: "${{local.org}}"}}
    rotation: {{every: 365d}}
    deletion: {deletion}
"""

_MASTER = """\
  {name}:
    provider: {type}
    tier: master
    parent: key.root
    relation: wraps
    usage: wrap
    algorithm: aes-256
    scope: {{environment: "env-{number}"}}
    policies: [policy.ceremony]
    labels: {{org: "${{local.org}}", number: "{number}"}}
    rotation: {{every: 365d}}
    deletion: {deletion}
"""

_SERVICE = """\
  {name}:
    provider: {type}
    tier: service
    parent: key.{parent}
    relation: wraps
    usage: encrypt
    algorithm: aes-256
    description: "${{local.org}} service {number}"
    scope: {{tenant: "tenant-{number}"}}
    policies: [policy.envelope]
    labels: {{org: acme, number: "{number}"}}
    rotation: {{every: 90d}}
    deletion: {deletion}
"""


def stack_text(
    keys: int, *, provider: str = "hsm", settings: str = "{}", protection: bool = True
) -> str:
    """The `keyplan.yaml` of a stack of that many keys (at least one).

    `settings` is the provider block in YAML's flow style; without `protection` the keys
    may be destroyed.
    """
    deletion = f"{{protection: {str(protection).lower()}}}"
    return "".join(_parts(keys, provider, settings, deletion))


def _parts(keys: int, provider: str, settings: str, deletion: str) -> Iterator[str]:
    yield _HEAD.format(type=provider, settings=settings, deletion=deletion)
    masters = -(-(keys - 1) // (CHILDREN + 1))
    for number in range(masters):
        yield _MASTER.format(
            name=f"master_{number:03d}", type=provider, number=number, deletion=deletion
        )
    for number in range(keys - 1 - masters):
        yield _SERVICE.format(
            name=f"service_{number:05d}",
            parent=f"master_{number % masters:03d}",
            type=provider,
            number=number,
            deletion=deletion,
        )


def write_stack(
    folder: Path,
    keys: int,
    *,
    provider: str = "hsm",
    settings: str = "{}",
    protection: bool = True,
) -> Path:
    """Write `keyplan.yaml` into a folder, which is made if needed; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "keyplan.yaml"
    text = stack_text(keys, provider=provider, settings=settings, protection=protection)
    file.write_text(text, encoding="utf-8")
    return file
