"""The page on AWS: its tables are made of the code. `python -m tests.docs.aws_page` makes them."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan_aws.mock import PORT
from keyplan_aws.policy.compiling import ACCOUNT_SHARES
from keyplan_aws.policy.conditions import ENFORCED
from keyplan_aws.settings import AwsSettings
from tests.docs.aws_page import PAGE, made


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def section(title: str) -> str:
    return text().partition(f"\n{title}\n")[2].partition("\n## ")[0]


def test_the_tables_are_those_of_the_code() -> None:
    assert made(text()) == text(), "run python -m tests.docs.aws_page"


def test_every_permission_and_quota_is_in_them() -> None:
    assert "| `kms:PutKeyPolicy` | apply |" in section("## Permissions")
    assert "| 5 | `CancelKeyDeletion`, " in section("## Quotas")


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("## The provider block"), re.MULTILINE)
    assert rows == list(AwsSettings.model_fields)


def test_every_condition_is_explained() -> None:
    table = section("## Policies").partition("**Conditions.**")[2].partition("**Lockout.**")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", first)) == ENFORCED | {"hours", "expires_at"}


def test_every_share_of_the_account_is_explained() -> None:
    table = section("## Policies").partition("**The account.**")[2].partition("**Conditions.**")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(ACCOUNT_SHARES)


def test_the_port_is_the_default() -> None:
    assert f"http://127.0.0.1:{PORT}" in text()
    assert f"than {PORT};" in text()


STACK = """\
provider: {aws: {region: us-east-1}}
principal: {admins: {kind: human, aws: "arn:aws:iam::123456789012:role/key-admins"}}
policy: {all: {administrators: [principal.admins]}}
key:
  root: {provider: aws, tier: root, usage: encrypt, algorithm: aes-256, policies: [policy.all]}
  data: {provider: aws, parent: key.root, policies: [policy.all], ASKED}
"""

REFUSED = {
    "usage: encrypt, algorithm: aes-256, relation: wraps": "KP-CAP-004",
    "usage: sign, algorithm: ec-p256, rotation: {every: 180d}": "KP-AWS-004",
    "usage: encrypt, algorithm: aes-256, rotation: {every: 180d, overlap: 9d}": "KP-AWS-004",
    "usage: encrypt, algorithm: aes-256, deletion: {window: 31d}": "KP-CAP-006",
    "usage: encrypt, algorithm: aes-256, deletion: {window: 180h}": "KP-AWS-005",
    "usage: encrypt, algorithm: aes-256, exportable: true": "KP-AWS-008",
    "usage: encrypt, algorithm: aes-256, protection: external": "KP-AWS-007",
    "usage: encrypt, algorithm: aes-256, state: deactivated": "KP-CAP-005",
    "usage: encrypt, algorithm: aes-128": "KP-CAP-002",
    "usage: sign, algorithm: ec-p256, certificate: {subject: CN=a, valid: 30d}": "KP-CAP-001",
}


@pytest.mark.parametrize("asked", REFUSED)
def test_what_aws_cannot_do_is_refused_as_the_page_says(asked: str, tmp_path: Path) -> None:
    (tmp_path / "keyplan.yaml").write_text(STACK.replace("ASKED", asked), encoding="utf-8")
    out, err = StringIO(), StringIO()
    code = run(["--chdir", str(tmp_path), "validate"], Terminal(out, err, {}))
    assert code == 1
    assert REFUSED[asked] in out.getvalue() + err.getvalue()


def test_the_page_names_every_refusal() -> None:
    named = set(re.findall(r"`(KP-[A-Z]+-\d+)`", section("## What AWS cannot do")))
    in_plans = {"KP-PLAN-012"}  # what a plan finds
    assert named == set(REFUSED.values()) | in_plans


def test_what_aws_can_do_is_not_refused(tmp_path: Path) -> None:
    asked = "usage: encrypt, algorithm: aes-256, deletion: {window: 30d}, rotation: {every: 90d}"
    (tmp_path / "keyplan.yaml").write_text(STACK.replace("ASKED", asked), encoding="utf-8")
    assert run(["--chdir", str(tmp_path), "validate"], Terminal(StringIO(), StringIO(), {})) == 0
