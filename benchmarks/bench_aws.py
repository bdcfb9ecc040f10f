"""AWS KMS: what keyplan adds to the calls themselves, and how long a plan without changes takes.

    bench_aws.py [--keys 1000] [--repeat 3] [--ansible FOLDER] [--check]

`refresh`: reading keys, against a bare boto3 loop of the same calls in as many threads, on
a strict double in a process of its own that takes 20 ms for each answer. `plan`: a whole
`keyplan plan` without changes against `keyplan mock aws`; with `--ansible`, the `bin` folder of
an installation, beside `amazon.aws.kms_key` in check mode for some of the same keys.

Both sides of a comparison run in turn in the same minutes: compare their ratio, not seconds.
`--check` exits 1 if a target of the project is missed.
"""

# ruff: noqa: PLC0415  (each side imports what it measures)

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
REGION = "us-east-1"
LATENCY = 0.02
THREADS = 16
RATIO, CALLS, FACTOR = 0.85, 4.2, 40.0
MAIN = "import sys; from keyplan.cli.main import main; sys.exit(main())"
KEYPLAN = [sys.executable, "-c", MAIN]
DOUBLE = [sys.executable, "-m", "tests.aws_double", "--latency", str(LATENCY)]
MOCK = [*KEYPLAN, "mock", "aws", "--port", "0"]

_STACK = """\
provider: {{aws: {{region: us-east-1, quotas: {{CreateKey: 1000, EnableKeyRotation: 1000}}}}}}
key:
  bench:
    for_each: [{names}]
    provider: aws
    tier: root
    usage: encrypt
    algorithm: aes-256
    description: "bench ${{each.key}}"
    labels: {{team: bench}}
    rotation: {{every: 365d}}
"""

_PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - amazon.aws.kms_key:
        key_id: "{{ item.id }}"
        description: "bench {{ item.name }}"
        tags: {team: bench}
        purge_tags: false
        enable_key_rotation: true
        region: us-east-1
      loop: "{{ keys }}"
      check_mode: true
"""


@contextmanager
def served(command: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """A server that prints `export` lines; the environment that uses it."""
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            found = {"AWS_EC2_METADATA_DISABLED": "true"}
            for line in process.stdout or ():
                name, equals, value = line.strip().removeprefix("export ").partition("=")
                if line.startswith("export ") and equals:
                    found[name] = shlex.split(value)[0]
                if name == "AWS_DEFAULT_REGION":
                    break
            yield {**os.environ, **found}
        finally:
            process.terminate()
            process.communicate()


def side(mode: str, environment: Mapping[str, str], given: str = "") -> Any:
    """One side of a comparison in a process of its own; what it prints."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", mode],
        env={**environment, "PYTHONPATH": str(ROOT)},
        input=given, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


# -- refresh -----------------------------------------------------------------------------


def _client() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=THREADS, retries={"total_max_attempts": 1})
    return boto3.client("kms", region_name=REGION, config=config)


def make(keys: int) -> list[str]:
    """Keys that rotate and carry keyplan's mark."""
    kms = _client()

    def one(number: int) -> str:
        tags = {"keyplan:stack": "bench", "keyplan:token": f"token-{number}"}
        given = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
        arn = str(kms.create_key(Tags=given)["KeyMetadata"]["Arn"])
        kms.enable_key_rotation(KeyId=arn)
        return arn

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(keys)))


def bare_loop(arns: Sequence[str]) -> Mapping[str, float]:
    """The calls that a key costs, and nothing else."""
    kms = _client()

    def one(arn: str) -> None:
        kms.describe_key(KeyId=arn)
        kms.get_key_policy(KeyId=arn, PolicyName="default")
        kms.list_grants(KeyId=arn, Limit=100)
        kms.get_key_rotation_status(KeyId=arn)

    one(arns[0])
    with ThreadPoolExecutor(THREADS) as pool:
        start, before = time.perf_counter(), time.process_time()
        list(pool.map(one, arns))
        seconds, cpu = time.perf_counter() - start, time.process_time() - before
    return {"seconds": seconds, "calls": 4 * len(arns), "cpu": cpu}


def refresh(arns: Sequence[str]) -> Mapping[str, float]:
    """What `plan` does to know the keys: the provider's reading, tags and aliases included."""
    from datetime import UTC, datetime

    from botocore.client import BaseClient

    from keyplan.sdk.provider import OpenContext
    from keyplan_aws.opening import open_provider
    from keyplan_aws.quotas import QUOTAS
    from keyplan_aws.settings import AwsSettings

    calls = 0
    send = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return send(*args, **options)

    BaseClient._make_api_call = counted  # type: ignore[attr-defined]  # noqa: SLF001
    block = AwsSettings(region=REGION, quotas=dict.fromkeys(QUOTAS, 1e5))
    provider = open_provider(block, OpenContext(Path(), datetime.now(UTC), read_only=True))
    provider.read(arns[:1])  # clients are made and connected on both sides
    calls = 0
    start, before = time.perf_counter(), time.process_time()
    found = provider.read(arns)
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    provider.close()
    if len(found) != len(arns) or any(item.unreadable for item in found.values()):
        raise SystemExit("not every key was read")
    return {"seconds": seconds, "calls": calls, "cpu": cpu}


def measure_refresh(keys: int, repeat: int) -> Mapping[str, float]:
    """Both sides in turn; medians."""
    with served(DOUBLE) as environment:
        arns = json.dumps(side("make", environment, str(keys)))
        sides: dict[str, list[Mapping[str, float]]] = {"loop": [], "refresh": []}
        for _ in range(repeat):
            for mode, runs in sides.items():
                runs.append(side(mode, environment, arns))
    pairs = zip(sides["loop"], sides["refresh"], strict=True)
    rates = {mode: [run["calls"] / run["seconds"] for run in runs] for mode, runs in sides.items()}
    return {
        "loop_rate": statistics.median(rates["loop"]),
        "refresh_rate": statistics.median(rates["refresh"]),
        "ratio": statistics.median(
            (mine["calls"] / mine["seconds"]) / (bare["calls"] / bare["seconds"])
            for bare, mine in pairs
        ),
        "calls_per_key": sides["refresh"][0]["calls"] / keys,
        "refresh_seconds": statistics.median(run["seconds"] for run in sides["refresh"]),
        "loop_cpu": statistics.median(run["cpu"] for run in sides["loop"]),
        "refresh_cpu": statistics.median(run["cpu"] for run in sides["refresh"]),
    }


# -- plan --------------------------------------------------------------------------------


def measure_plan(keys: int, repeat: int, ansible: Path | None, some: int) -> Mapping[str, float]:
    """Seconds a key, each side; the playbook's own beginning is subtracted."""
    with served(MOCK) as environment, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = ", ".join(f"k{number}" for number in range(keys))
        (folder / "keyplan.yaml").write_text(_STACK.format(names=names), encoding="utf-8")
        timed([*KEYPLAN, "apply", "--auto-approve", "--no-input"], folder, environment)
        found: dict[str, float] = {"plan_seconds": 1e9}
        factors: list[float] = []
        for _ in range(repeat):
            plan = timed([*KEYPLAN, "plan", "--detailed-exitcode"], folder, environment).seconds
            found["plan_seconds"] = min(found["plan_seconds"], plan)
            if ansible is not None:
                each = check_mode(ansible, folder, environment, some)
                found["ansible_per_key"] = min(found.get("ansible_per_key", 1e9), each)
                factors.append(each / (plan / keys))
        if factors:
            found["factor"] = statistics.median(factors)
        return {**found, "plan_per_key": found["plan_seconds"] / keys}


def check_mode(ansible: Path, folder: Path, environment: Mapping[str, str], some: int) -> float:
    """Seconds that `amazon.aws.kms_key` takes for a key in check mode."""
    state = json.loads((folder / "keyplan.state.json").read_text(encoding="utf-8"))
    made = [
        {"id": item["id"], "name": address.split('"')[1]}
        for address, item in state["resources"].items()
    ]
    (folder / "play.yml").write_text(_PLAYBOOK, encoding="utf-8")
    command = [
        str(ansible / "ansible-playbook"), "-i", "localhost,", "play.yml", "-e", "@keys.json",
        "-e", f"ansible_python_interpreter={ansible / 'python'}",
    ]  # fmt: skip
    took = {}
    for count in (1, some):
        (folder / "keys.json").write_text(json.dumps({"keys": made[:count]}), encoding="utf-8")
        said = timed(command, folder, environment)
        took[count] = said.seconds
        if "changed=0" not in said.output:
            raise SystemExit(f"check mode sees a change:\n{said.output[-3000:]}")
    return (took[some] - took[1]) / (some - 1)


class Ended(NamedTuple):
    """A command that succeeded."""

    seconds: float
    output: str


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run a command, which must succeed."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise SystemExit(f"{command[-2:]} exited with {done.returncode}:\n{said}")
    return Ended(time.perf_counter() - start, done.stdout)


# -- showing -----------------------------------------------------------------------------


def missed(measured: Mapping[str, float]) -> list[str]:
    """The targets that were not met, as sentences."""
    said = []
    if measured["ratio"] < RATIO:
        said.append(
            f"refresh makes {measured['ratio']:.2f} of the loop's calls a second, not {RATIO}"
        )
    if measured["calls_per_key"] > CALLS:
        said.append(f"refresh makes {measured['calls_per_key']:.2f} calls a key, not {CALLS}")
    if measured.get("factor", FACTOR) < FACTOR:
        said.append(
            f"a plan is {measured['factor']:.0f} times as fast as check mode, not {FACTOR:.0f}"
        )
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the AWS provider.")
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side (3)")
    parser.add_argument("--ansible", type=Path, help="the bin folder of an installed Ansible")
    parser.add_argument("--some", type=int, default=20, help="keys that Ansible checks (20)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--side", choices=["make", "loop", "refresh"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        does = {"make": make, "loop": bare_loop, "refresh": refresh}[options.side]
        json.dump(does(json.load(sys.stdin)), sys.stdout)
        return 0
    measured = {
        **measure_refresh(options.keys, options.repeat),
        **measure_plan(options.keys, options.repeat, options.ansible, options.some),
    }
    for name, value in measured.items():
        print(f"{name:<16} {value:12.4f}")
    problems = missed(measured) if options.check else []
    for problem in problems:
        print(f"missed: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
