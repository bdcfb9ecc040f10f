"""Every kind of key that AWS KMS makes, with a policy that lets it be used, and a grant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keyplan.model.keys import Usage
from keyplan_aws.specs import KEY_USAGES, SPECS, algorithms
from tests.lifecycle.aws_world import AwsWorld, aws_world, document, key

ABROAD = {"sm2"}
"""What the Regions of China alone make."""

KINDS = [
    (name, usage)
    for name, usages in algorithms().items()
    for usage in sorted(usages)
    if name not in ABROAD
]
GIVEN = {
    Usage.ENCRYPT: "decrypt",
    Usage.WRAP: "unwrap",
    Usage.SIGN: "sign",
    Usage.MAC: "generate_mac",
    Usage.AGREE: "agree",
    Usage.ENCAPSULATE: "decapsulate",
}


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


def test_every_kind_is_made_and_is_then_as_declared(shared: AwsWorld) -> None:
    shared.anew()
    keys = {
        f"k{number}": key(
            algorithm=algorithm,
            usage=usage.value,
            policies=["policy.envelope"],
            grants={"g": {"principal": "principal.api", "operations": [GIVEN[usage]]}},
        )
        for number, (algorithm, usage) in enumerate(KINDS)
    }
    shared.settled(document(keys))
    for number, (algorithm, usage) in enumerate(KINDS):
        made = shared.key(f"key.k{number}").shared
        assert (made.spec, made.usage) == (SPECS[algorithm], KEY_USAGES[usage.value])
