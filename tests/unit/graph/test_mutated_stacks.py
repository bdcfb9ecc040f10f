"""Whatever is done to a stack, the answer is a graph or located messages, never a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.diagnostics import ConfigurationError
from keyplan.graph.link import load_graph
from keyplan.rules.declaration import declaration_checks
from keyplan.testing.fake import fake_plugin

STACK = """
keyplan: {required_version: ">=0", safety: {max_delete: 0.5}, state: {local: {path: x}}}
variable:
  names: {type: list(string), default: [a, b]}
  org: {type: string, default: acme, validation: [{condition: var.org != "", error_message: no}]}
locals: {who: "spiffe://${var.org}"}
defaults: {key: {owner: sec, deletion: {window: 10d}}, policy: {administrators: principal.admins}}
provider: {fake: {}, fake.dr: {place: dr}}
principal:
  admins: {kind: human, fake: "${local.who}/admins", claims: {sub: x}}
policy:
  own:
    for_each: [x]
    statement:
      Own:
        effect: allow
        principals: [principal.admins]
        operations: [use, describe]
        when: {context: {tenant: "${this.scope.tenant}"}, mfa: true, hours: {from: 09:00}}
        unenforced: {fake: {what: mfa, then: drop, reason: r, until: 2099-01-01}}
    constraints: {algorithms: [aes-256], max_rotation: 1y, regions: [eu]}
key:
  root: {provider: fake, tier: root, usage: wrap, algorithm: aes-256, scope: {tenant: t}}
  it:
    for_each: var.names
    declare: each.key != "c"
    provider: fake
    tier: master
    parent: key.root
    relation: wraps
    usage: encrypt
    algorithm: aes-256
    state: active
    rotation: {every: 90d, overlap: 1d, keep: 2}
    expires_at: 2030-01-01
    aliases: ["${each.key}/x"]
    policies: ['policy.own["x"]']
    grants: {g: {principal: principal.admins, operations: [decrypt], context: {a: b}}}
    labels: {arn: "x ${key.root.arn}", alg: "${key.root.algorithm}"}
    lifecycle: {ignore_changes: [labels], on_drift: report}
    depends_on: [key.root]
  leaf:
    provider: fake
    usage: encrypt
    algorithm: aes-256
    parent: 'key.it["a"]'
    relation: governs
output: {arn: {value: key.root.arn}}
removed: [{from: 'key.old["*"]', mode: forget}]
"""
PIECES = (
    "none", "true", "[]", "{}", "''", "~", "key", "key.it", 'key.it["a"]', "key.root", "this",
    "each.key", "var.names", "${var.names}", "${key.root.arn}", "${each.value.x.y}", "policy.own",
    "principal.admins", "[a, [b]]", "{a: {b: c}}", "*", "&x y", "!t", "1e9", "${", "%{ if x }",
    "key.root.parent.parent", "${key.it}", "keep", "any", "\u202e", "fake.dr", "x" * 300,
)  # fmt: skip
WORDS = sorted({word.strip("[]{},:'\"") for word in STACK.split()} - {""})


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(PIECES)), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_mutated_stack_never_crashes(changes: list[tuple[str, str]]) -> None:
    text = STACK
    for word, piece in changes:
        text = text.replace(word, piece, 1)
    plugins = {"fake": fake_plugin()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keyplan.yaml").write_text(text, encoding="utf-8")
        try:
            load_graph(folder, plugins=plugins, environment={}, checks=declaration_checks(plugins))
        except ConfigurationError as error:
            said = error.diagnostics
        else:
            return
    assert said
    assert all(item.code and item.summary for item in said)


def test_the_stack_itself_is_sound() -> None:
    plugins = {"fake": fake_plugin()}
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "keyplan.yaml").write_text(STACK, encoding="utf-8")
        checks = declaration_checks(plugins)
        try:
            graph, _ = load_graph(Path(name), plugins=plugins, environment={}, checks=checks)
        except ConfigurationError as error:
            raise AssertionError(str(error.diagnostics)) from error
    assert len(graph.keys) == 4
