"""A stack in a folder of its own, and the command line run inside this process."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal

STACK = """\
provider:
  hsm: {store: .keyplan/hsm.db}

variable:
  team: {type: string, default: payments}

principal:
  key_admins: {kind: human, hsm: "spiffe://acme.example/key-admins"}
  payments_api: {kind: workload, hsm: "spiffe://acme.example/payments-api"}

policy:
  envelope:
    administrators: [principal.key_admins]
    statement:
      Use:
        principals: [principal.payments_api]
        operations: [encrypt, decrypt]

key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  payments:
    provider: hsm
    parent: key.root
    usage: encrypt
    algorithm: aes-256
    policies: [policy.envelope]
    labels: {team: "${var.team}"}
    deletion: {protection: false, soak: 0d, window: 7d}

output:
  payments_id: {value: key.payments.id, description: For the payments stack}
"""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small stack, made the current directory."""
    folder = tmp_path / "payments"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def keyplan(stack: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `keyplan ARGS...` in the stack; `answer` is what is typed."""

    def runner(*argv: str, answer: str = "", env: Mapping[str, str] | None = None) -> Result:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        environment = {"PATH": os.environ.get("PATH", ""), **(env or {})}
        code = run(argv, Terminal(out, err, environment))
        return Result(code, out.getvalue(), err.getvalue())

    return runner
