"""What the fuzzers begin with: the examples, every broken file, and texts that use much at once.

A stack is a map from a file's name to its text. Expressions are the scalars of all stacks
that have `${` or `%{` in them or stand in a field that takes an expression, and a few that
reach every function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from tests.unit.graph.test_language_example import STACK as LANGUAGE
from tests.unit.graph.test_mutated_stacks import STACK as DENSE

ROOT = Path(__file__).resolve().parents[2]

Stack = Mapping[str, str]

_MODULES: Stack = MappingProxyType(
    {
        "keyplan.yaml": """\
variable: {tenants: {type: list(string), default: [acme, globex]}}
provider: {hsm: {}}
principal: {admins: {kind: human, hsm: "spiffe://acme/admins"}}
key:
  master: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
module:
  tenant:
    for_each: var.tenants
    source: ./modules/tenant
    inputs: {name: "${each.key}", parent: key.master, admins: [principal.admins]}
    providers: {hsm: hsm}
output:
  ids: {value: 'module.tenant["acme"].id', sensitive: true}
""",
        "modules/tenant/keyplan.yaml": """\
variable:
  name: {type: string}
  parent: {type: key}
  admins: {type: list(principal), default: []}
key:
  data:
    provider: hsm
    usage: encrypt
    algorithm: aes-256
    parent: var.parent
    relation: wraps
    scope: {tenant: "${var.name}"}
    labels: {text: "${templatefile("words.txt", {name: var.name})}"}
output:
  id: {value: key.data.id}
""",
        "modules/tenant/words.txt": "%{ for x in [name, 1] }${x}%{ endfor }",
    }
)
_MOVES: Stack = MappingProxyType(
    {
        "keyplan.yaml": """\
provider: {hsm: {}}
key:
  new: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  old: {for_each: [a], provider: hsm, policies: keep, lifecycle: {manage: observe}}
import: [{for_each: {a: id-1}, to: 'key.old[each.key]', id: "${each.value}"}]
moved: [{from: key.before, to: key.new}]
removed: [{from: key.retired, mode: destroy}, {from: 'key.tenant["*"]', mode: forget}]
""",
    }
)

_EXPRESSIONS = (
    'length(keys(merge(var.m, {"a": 1})))', "values(pick(var.m, ['a', 'b']))[0]",
    "concat(flatten([[1], [2, [3]]]), distinct([1, 1.0, true]), sort(['b', 'a']), range(1, 9, 2))",
    "join(',', reverse(split('-', 'a-b-c')))",
    "format('%05d|%-8s|%x|%.2f|%q', 7, 'a', 255, 1.5, 'x')",
    "regex('^(?P<a>[a-z]+)-(?P<b>[0-9]{1,3})$', 'prod-12').a == 'prod'",
    "jsondecode(jsonencode({'a': [1, 2.5, none, true, \"x\"]})).a[-1]",
    'yamldecode("a: &x [1, *y]\\nb: *x\\n")', "csvdecode('a,b\\n1,2\\n')[0].b",
    "base64decode(base64encode('text')) == 'text' and sha256('') != none",
    "duration('90d') < duration('1y') or date('2027-01-31') + duration('1d') > '2027-02-01'",
    "cidrcontains('10.0.0.0/8', '10.1.2.3') and not disjoint([1], [2])",
    "try(var.m.nothing.deep, coalesce(none, '', 'x'))", "lookup(var.m, 'a', 1) if var.n > 1 else 2",
    "index_by([{'id': 'a'}], 'id')['a'].id is none", "product(['a', 'b'], [1, 2])['a/1'][0]",
    "attributes(var.people, 'name')", "toset(['b', 'a', 'b']) == ['a', 'b']", "tomap(var.m)",
    "min(1, 2) <= max([1, 2]) and -var.n // 2 * 3 % 4 == 0", "('a' * 9)[1:3] in lower(upper('aa'))",
    "replace(trim('  a '), 'a', 'b')", "each.value.items", "this.scope.tenant == 'acme'",
    "${ var.m['a'] }-${~ each.key ~}-%{ if var.n > 1 ~} a %{ elif true } b %{ else } c %{ endif }",
    "%{ for k, v in var.m if v != 1 }${k}=${v};%{ endfor }$${x}%%{y}", "key.master[\"prod\"].arn",
    "a ? b : c", "a && b || !c", "x[*].y", "[for x in y: x]", "null", "${~ x ~}", "''.__class__",
)  # fmt: skip

_FIELD = re.compile(
    r"(?:for_each|declare|parent|when|require|condition|value|primary|to|from): *(?P<text>[^\n#]+)"
)
_MARKED = re.compile(r"[^\n\"']*[$%]\{[^\n]*?\}[^\n\"']*")


@lru_cache(maxsize=1)
def stacks() -> tuple[Stack, ...]:
    """Every stack that the fuzzers begin with. Folders of examples are stacks of many files."""
    found: list[Stack] = [
        {"keyplan.yaml": DENSE},
        {"keyplan.yaml": LANGUAGE},
        _MODULES,
        _MOVES,
    ]
    for folder in sorted((ROOT / "examples").iterdir()):
        files = {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*.yaml"))
        }
        if files:
            found.append(files)
    found += [
        {"keyplan.yaml": path.read_text(encoding="utf-8")}
        for path in sorted((ROOT / "tests" / "broken").glob("*.yaml"))
    ]
    return tuple(found)


@lru_cache(maxsize=1)
def documents() -> tuple[str, ...]:
    """Every YAML text of the stacks."""
    return tuple(
        text for stack in stacks() for name, text in stack.items() if name.endswith(".yaml")
    )


@lru_cache(maxsize=1)
def expressions() -> tuple[str, ...]:
    """Expressions and templates, without repetitions."""
    found = dict.fromkeys(_EXPRESSIONS)
    for text in documents():
        for match in _FIELD.finditer(text):
            found[match["text"].strip(" '\"{}")[:300]] = None
        for match in _MARKED.finditer(text):
            found[match[0].strip()[:300]] = None
    return tuple(found)
