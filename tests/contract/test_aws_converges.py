"""A 20-key apply on a strict AWS KMS that fails again and again ends with exactly 20 keys."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan_aws import manifest
from keyplan_aws.quotas import QUOTAS
from tests.aws_double import KmsDouble

KEYS = 20
FAULTS = {
    "lose_answer": 7,
    "drop_request": 7,
    "throttle": 7,
    "internal": 7,
    "expire_token": 31,  # a plan alone takes 24 calls, and a session that has ended ends it
}
"""What goes wrong, and at each how many-th call."""

_POLICY = """\
principal:
  admins: {kind: human, aws: "%(admin)s"}
  api: {kind: workload, aws: "arn:aws:iam::111122223333:role/payments-api"}
policy:
  envelope:
    administrators: [principal.admins]
    statement:
      Use: {principals: [principal.api], operations: [use]}
"""

_KEYS = """\
key:
  tenant:
    for_each: [%(names)s]
    provider: aws
    tier: root
    usage: encrypt
    algorithm: aes-256
    description: "tenant ${each.key}"
    policies: [policy.envelope]
    labels: {team: payments}
    rotation: {every: 180d}
    aliases: ["acme/${each.key}"]
    grants:
      batch: {principal: principal.api, operations: [decrypt], context: {tenant: "${each.key}"}}
"""

Command = Callable[..., int]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsDouble]:
    with KmsDouble(regions=("eu-west-1",)) as double:
        for name, value in double.environment().items():
            monkeypatch.setenv(name, value)
        yield double


@pytest.fixture
def keyplan(double: KmsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`keyplan ARGS...` on a stack of 20 keys; what it writes is in `keyplan.said`."""
    names = ", ".join(f"t{number}" for number in range(KEYS))
    quotas = ", ".join(f"{name}: 10000" for name in QUOTAS)
    provider = f"provider: {{aws: {{region: eu-west-1, quotas: {{{quotas}}}}}}}\n"
    (tmp_path / "keyplan.yaml").write_text(
        provider + _POLICY % {"admin": double.caller.arn} + _KEYS % {"names": names}
    )
    monkeypatch.chdir(tmp_path)
    quick = replace(manifest.capabilities(), read_lag=timedelta(0))
    monkeypatch.setattr(manifest, "capabilities", lambda: quick)

    def command(*argv: str) -> int:
        out = io.StringIO()
        code = run(argv, Terminal(out, out, {}))
        print(argv, code, out.getvalue())
        return code

    return command


def _struck(double: KmsDouble, fault: str, offset: int) -> None:
    strike = getattr(double.faults, fault)
    for on in range(offset, 600, FAULTS[fault]):
        strike("*", on=on)


@pytest.mark.parametrize("offset", [2, 5])
@pytest.mark.parametrize("fault", FAULTS)
def test_it_converges_on_exactly_its_keys(
    double: KmsDouble, keyplan: Command, fault: str, offset: int
) -> None:
    _struck(double, fault, offset)
    for _ in range(40):
        if keyplan("apply", "--auto-approve", "--no-input", "--allow", "max-update") == 0:
            break
        keyplan("resume", "--auto-approve", "--no-input")
    else:
        pytest.fail("it never came to an end")
    double.faults.clear()
    assert keyplan("plan", "--detailed-exitcode") == 0, "apply, then plan, is empty"
    assert len(list(double.world.every_key())) == KEYS
    for key in double.world.every_key():
        assert len(double.world.alias_names(key)) == 1
        assert len(key.grants) == 1
