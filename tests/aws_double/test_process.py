"""The double as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]


def test_it_serves_until_its_input_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.aws_double", "--region", "eu-west-1", "--quotas", "1"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(6)]
        said = dict(line.split("=", 1) for line in lines)
        client = boto3.client(
            "kms",
            endpoint_url=said["AWS_ENDPOINT_URL"],
            region_name=said["AWS_DEFAULT_REGION"],
            aws_access_key_id=said["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=said["AWS_SECRET_ACCESS_KEY"],
        )
        assert client.create_key()["KeyMetadata"]["Arn"].startswith("arn:aws:kms:eu-west-1:")
        client.close()
        process.communicate(timeout=30)
    assert process.returncode == 0
