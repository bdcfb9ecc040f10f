"""The stacks of the crash tests: one to start from, and one that changes everything.

`FIRST` makes seven keys. `CHANGED` creates two more, takes one away (its deletion is
scheduled), suspends one, moves an alias, adds one, and changes labels, texts, rotations and
policies: one step of each kind that has a way back.
"""

from __future__ import annotations

from typing import Final

KEYS: Final = {"first": 7, "changed": 9}
"""How many keys the service holds afterwards, those whose deletion is pending included."""

_HEAD = """\
%(state)s
provider:
  %(provider)s: %(settings)s

principal:
  admins: {kind: human, %(provider)s: "%(admins)s"}
  reader: {kind: workload, %(provider)s: "%(reader)s"}

policy:
  ceremony:
    administrators: [principal.admins]
    %(delegate)s
  envelope:
    administrators: [principal.admins]
    statement:
      Use: {principals: [principal.reader], operations: [%(operations)s]}
    %(delegate)s

defaults:
  key:
    provider: %(provider)s
    usage: encrypt
    algorithm: aes-256
    deletion: {protection: false, soak: 0d, window: 7d}

output:
  a_id: {value: key.a.id}

key:
  root: {tier: root, usage: %(wrap)s, policies: [policy.ceremony]}
  master: {tier: master, usage: %(wrap)s, parent: key.root, policies: [policy.ceremony]}
"""

_FIRST = """\
  a:
    parent: key.master
    policies: [policy.envelope]
    labels: {team: payments, stage: one}
    aliases: [acme/a]
  b:
    parent: key.master
    policies: [policy.envelope]
    description: The first text
    aliases: [acme/b]
    rotation: {every: 365d}
  c: {parent: key.master, policies: [policy.envelope], labels: {team: ledger}}
  d: {parent: key.master, policies: [policy.ceremony], state: active}
  gone: {parent: key.master, policies: [policy.envelope]}
"""

_CHANGED = """\
  a:
    parent: key.master
    policies: [policy.envelope]
    labels: {team: cards, region: eu}
    aliases: [acme/a, acme/more]
  b:
    parent: key.master
    policies: [policy.envelope]
    description: The second text
    rotation: {every: 180d}
  c: {parent: key.master, policies: [policy.envelope], aliases: [acme/b]}
  d: {parent: key.master, policies: [policy.ceremony], state: suspended}
  e: {parent: key.master, policies: [policy.envelope], labels: {team: new}, aliases: [acme/e]}
  f: {parent: key.master, policies: [policy.ceremony]}
"""

_HSM = {
    "admins": "spiffe://acme.example/admins",
    "reader": "spiffe://acme.example/reader",
    "wrap": "wrap",
    "delegate": "",
    "settings": "{store: .keyplan/hsm.db}",
}
_QUICK = ", ".join(
    f"{name}: 10000"
    for name in (
        "CancelKeyDeletion", "CreateAlias", "CreateKey", "DeleteAlias", "DescribeKey",
        "DisableKey", "EnableKey", "EnableKeyRotation", "GetKeyPolicy", "GetKeyRotationStatus",
        "ListAliases", "ListGrants", "ListKeys", "ListResourceTags", "PutKeyPolicy",
        "ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateAlias",
        "UpdateKeyDescription",
    )
)  # fmt: skip
_AWS = {
    "admins": "arn:aws:iam::%(account)s:role/admins",
    "reader": "arn:aws:iam::%(account)s:role/reader",
    "wrap": "encrypt",
    "delegate": "aws: {account: delegate}",
    "settings": f"{{region: us-east-1, quotas: {{{_QUICK}}}}}",
}


_OPERATIONS = {"first": "encrypt, decrypt", "changed": "encrypt, decrypt, generate_data_key"}
_KEYS = {"first": _FIRST, "changed": _CHANGED}


def stack(which: str, provider: str, state: str, *, account: str = "123456789012") -> str:
    """The `keyplan.yaml` of `first` or `changed`; `state` is its block `keyplan`."""
    own = _HSM if provider == "hsm" else _AWS
    words = {
        **{name: value.replace("%(account)s", account) for name, value in own.items()},
        "provider": provider,
        "state": state,
        "operations": _OPERATIONS[which],
    }
    return _HEAD % words + _KEYS[which]
