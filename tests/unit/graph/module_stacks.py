"""A stack that uses a module, and the module."""

from __future__ import annotations

STACK = """\
provider: {hsm: {}, hsm.dr: {}, aws: {}}
principal:
  api: {kind: workload, hsm: "spiffe://acme/api", aws: "arn:api"}
  admins: {kind: human, hsm: "spiffe://acme/admins", aws: "arn:admins"}
policy:
  shared: {administrators: [principal.admins]}
key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  master:
    for_each: [staging, prod]
    provider: hsm
    tier: master
    parent: key.root
    usage: wrap
    algorithm: aes-256
    scope: {environment: "${each.key}"}
"""

USE = """\
module:
  tenant:
    for_each: {acme: eu, globex: us}
    source: ./modules/tenant
    inputs:
      name: "${each.key}"
      region: "${each.value}"
      parent: 'key.master["prod"]'
      policies: [policy.shared]
      who: principal.api
output:
  acme: {value: 'module.tenant["acme"].key_id'}
  names: {value: "${[t.name for t in []] if false else 1}"}
"""

MODULE = """\
variable:
  name: {type: string}
  region: {type: string, default: eu}
  parent: {type: key}
  policies: {type: {list: policy}, default: []}
  who: {type: principal}
locals:
  alias: "${var.name}/data"
defaults:
  key: {provider: hsm, usage: encrypt, algorithm: aes-256}
policy:
  use:
    administrators: [var.who]
    statement:
      Use:
        principals: [var.who]
        operations: [encrypt]
        when: {context: {tenant: "${this.scope.tenant}"}}
key:
  data:
    parent: var.parent
    scope: {tenant: "${var.name}"}
    aliases: ["${local.alias}"]
    labels: {region: "${var.region}", under: "${var.parent.algorithm}"}
    policies: [policy.use]
  log:
    parent: var.parent
    depends_on: [key.data]
    policies: "${var.policies}"
    labels: {beside: "${key.data.id}"}
output:
  key_id: {value: key.data.id}
  key: {value: key.data}
"""

USE = USE.replace('  names: {value: "${[t.name for t in []] if false else 1}"}\n', "")
