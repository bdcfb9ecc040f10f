"""`keyplan mock aws`, as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import moto.kms.models as models
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from keyplan_aws import mock_fixes
from tests.cli.conftest import Run
from tests.support.aws_mock import COMMAND, aws_mock, read_environment


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with aws_mock() as environment:
        yield environment


def client(environment: dict[str, str], service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def test_it_serves_what_keyplan_needs(environment: dict[str, str]) -> None:
    kms, s3 = client(environment, "kms"), client(environment, "s3")
    key = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="states")
    s3.put_object(Bucket="states", Key="state.json", Body=b"{}")

    tagged = client(environment, "resourcegroupstaggingapi").get_resources(
        ResourceTypeFilters=["kms"]
    )["ResourceTagMappingList"]
    assert [row["ResourceARN"] for row in tagged] == [key]
    assert s3.get_object(Bucket="states", Key="state.json")["Body"].read() == b"{}"
    assert key.split(":")[4] == client(environment, "sts").get_caller_identity()["Account"]
    assert client(environment, "iam").list_roles()["Roles"] == []


def test_the_template_of_aws_is_made_there(
    environment: dict[str, str], tmp_path: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    assert keyplan("init", "new", "--template", "aws").code == 0
    assert keyplan("--chdir", "new", "fmt", "--check").code == 0
    made = keyplan("--chdir", "new", "apply", "--auto-approve")
    assert made.code == 0, made.err
    assert "3 added, 0 changed" in made.out
    assert keyplan("--chdir", "new", "plan", "--detailed-exitcode").code == 0
    other = keyplan("--chdir", "new", "plan", "--var", "account=111122223333")
    assert other.code == 1
    assert "123456789012" in other.err


def test_it_listens_on_this_machine_only(environment: dict[str, str]) -> None:
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")


def test_it_says_what_it_does_not_serve(environment: dict[str, str]) -> None:
    with pytest.raises((BotoCoreError, ClientError), match="not dynamodb"):
        client(environment, "dynamodb").list_tables()


def test_keys_that_sign_are_real(environment: dict[str, str]) -> None:
    kms = client(environment, "kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    how = {"KeyId": key, "Message": b"text", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    signature = kms.sign(**how)["Signature"]
    assert kms.verify(**how, Signature=signature)["SignatureValid"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_it_ends_in_peace(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = read_environment(process.stdout)["AWS_ENDPOINT_URL"]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (0, "")
    assert err == f"AWS for trying out: {url}\nCtrl-C ends it; it keeps nothing.\n"


def test_a_port_in_use_is_an_error_that_helps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (64, "")
    assert f"port {port} is in use" in done.stderr
    assert "--port 0" in done.stderr


def test_without_moto_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['moto'] = None\n"
        "from keyplan.cli.main import main\n"
        "sys.argv = ['keyplan', 'mock', 'aws', '--port', '0']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (64, "")
    assert "pip install 'keyplan[mock]'" in done.stderr


def test_a_rotation_keeps_its_period(environment: dict[str, str]) -> None:
    kms = client(environment, "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    for period in (90, 180):
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=period)
        assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == period


def test_moto_makes_no_key_pair_for_a_symmetric_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(spec: str) -> str:
        made.append(spec)
        return f"pair of {spec}"

    monkeypatch.setattr(models, "generate_private_key", mock_fixes._late(make))

    for spec in ("SYMMETRIC_DEFAULT", "HMAC_256"):
        models.Key(None, "ENCRYPT_DECRYPT", spec, "", "123456789012", "us-east-1")
    assert made == []
    assert models.generate_private_key("RSA_2048") == "pair of RSA_2048"
