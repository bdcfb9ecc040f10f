"""The double in a process of its own: `python -m tests.aws_double`, for benchmarks.

Client and double then do not share an interpreter's lock. It prints the lines that a shell
sets to use it, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import sys

from tests.aws_double import KmsDouble


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.aws_double", description=__doc__)
    parser.add_argument("--latency", type=float, default=0, help="seconds that each answer takes")
    parser.add_argument("--quotas", type=float, default=None, help="AWS's quotas, so many times")
    parser.add_argument("--region", action="append", help="repeatable; default: two of them")
    given = parser.parse_args()
    regions = tuple(given.region or ("us-east-1", "eu-west-1"))
    with KmsDouble(regions=regions, latency=given.latency) as double:
        double.quotas.scale = given.quotas
        for name, value in double.environment().items():
            print(f"export {name}={value}")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
