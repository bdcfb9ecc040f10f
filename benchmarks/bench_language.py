"""How fast a declaration is read: files to linked keys, half of them by for_each and modules.

    python benchmarks/bench_language.py [--keys 10000] [--repeat 3] [--check]

Writes a stack of twenty files (2 MB for 10,000 keys), then loads, expands and links it in
a process of its own, so that its time and peak memory are its own. `--check` exits 1 if a
target of the project is missed: 1.5 s and 300 MB for 10,000 keys.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keyplan.graph.link import load_graph
from keyplan.rules.declaration import declaration_checks
from keyplan.session.registry import load_registry

FILES = 20
INSTANCES = 5
"""Keys in one instance of the module."""

SECONDS, MEGABYTES = 1.5, 300.0

_HEAD = """\
provider: {hsm: {store: .keyplan/hsm.db}}
variable: {team: {type: string, default: core}}
principal:
  admins: {kind: human, hsm: "spiffe://acme.example/admins"}
  api: {kind: workload, hsm: "spiffe://acme.example/api"}
policy:
  use:
    administrators: [principal.admins]
    statement:
      Use:
        principals: [principal.api]
        operations: [encrypt, decrypt]
        when: {context: {tenant: "${this.scope.tenant}"}}
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

_KEY = """\
  service_%(number)05d:
    provider: hsm
    parent: key.master["prod"]
    usage: encrypt
    algorithm: aes-256
    scope: {tenant: t%(tenant)d, application: billing}
    rotation: {every: 180d, overlap: 14d}
    aliases: [acme/service-%(number)05d]
    policies: [policy.use]
    owner: team-%(tenant)d@acme.example
    description: "Encrypts what service %(number)d of ${var.team} keeps"
    labels: {team: "${var.team}", centre: c%(tenant)d}
"""

_EACH = """\
  each_%(file)d:
    for_each: [%(names)s]
    provider: hsm
    parent: key.master["prod"]
    usage: encrypt
    algorithm: aes-256
    scope: {tenant: "${each.key}"}
    aliases: ["each-%(file)d/${each.key}"]
    labels: {team: "${var.team}"}
    policies: [policy.use]
"""

_MODULE = """\
module:
  tenants_%(file)d:
    for_each: [%(names)s]
    source: ./modules/tenant
    inputs:
      name: "%(file)d-${each.key}"
      parent: key.master["prod"]
      policies: [policy.use]
"""

_INSIDE = """\
  key_%d:
    provider: hsm
    parent: var.parent
    usage: encrypt
    algorithm: aes-256
    scope: {tenant: "${var.name}"}
    aliases: ["${var.name}/%d"]
    policies: "${var.policies}"
"""


def files(keys: int) -> Iterator[tuple[str, str]]:
    """Names and texts. Half of the keys are written out, the rest by for_each and modules."""
    half = keys // 2
    yield "keyplan.yaml", _HEAD
    for file in range(FILES):
        written = [
            _KEY % {"number": number, "tenant": number % 97}
            for number in range(half * file // FILES, half * (file + 1) // FILES)
        ]
        each = keys // 2 // FILES
        if file % 2:
            names = ", ".join(f"i{number}" for number in range(each))
            more = _EACH % {"file": file, "names": names}
        else:
            names = ", ".join(f"i{number}" for number in range(max(1, each // INSTANCES)))
            more = _MODULE % {"file": file, "names": names}
        yield f"{file:02}.keyplan.yaml", "key:\n" + "".join(written) + more
    inside = "".join(_INSIDE % (number, number) for number in range(INSTANCES))
    variables = "name: {type: string}, parent: {type: key}, policies: {type: {list: policy}}"
    yield "modules/tenant/keyplan.yaml", f"variable: {{{variables}}}\nkey:\n{inside}"


def write(folder: Path, keys: int) -> int:
    """Write the stack; how many bytes it has."""
    (folder / "modules" / "tenant").mkdir(parents=True)
    size = 0
    for name, text in files(keys):
        size += (folder / name).write_text(text, encoding="utf-8")
    return size


def link(folder: Path) -> Mapping[str, Any]:
    """Load, expand and link the stack, and check it with every rule of the core."""
    plugins = load_registry().plugins
    start = time.perf_counter()
    graph, _ = load_graph(folder, plugins=plugins, environment={})
    linked = time.perf_counter()
    for check in declaration_checks(plugins):
        for found in check(graph):
            raise SystemExit(f"the stack is not valid: {found.summary}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "keys": len(graph.keys),
        "seconds": linked - start,
        "checks": time.perf_counter() - linked,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }


def measure(keys: int, repeat: int) -> Mapping[str, Any]:
    """The best time and the worst memory of some runs."""
    with tempfile.TemporaryDirectory(prefix="keyplan-language-") as name:
        folder = Path(name)
        size = write(folder, keys)
        runs = [
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--one", name],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(repeat)
        ]
    return {
        "bytes": size,
        "keys": runs[0]["keys"],
        "seconds": min(run["seconds"] for run in runs),
        "checks": min(run["checks"] for run in runs),
        "peak_mb": max(run["peak_mb"] for run in runs),
    }


def main() -> int:
    """Measure, show, and compare with the targets if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(link(options.one)))
        return 0
    found = measure(options.keys, options.repeat)
    print(f"keys                          {found['keys']:,}")
    print(f"MB of YAML in {FILES + 2} files        {found['bytes'] / 1e6:.1f}")
    print(f"load, expand and link: s      {found['seconds']:.2f}")
    print(f"rules of the core: s          {found['checks']:.2f}")
    print(f"peak MB                       {found['peak_mb']:.0f}")
    missed = found["seconds"] > SECONDS or found["peak_mb"] > MEGABYTES
    if options.check and missed:
        print(f"missed: at most {SECONDS} s and {MEGABYTES:.0f} MB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
