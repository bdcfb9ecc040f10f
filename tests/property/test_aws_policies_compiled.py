"""A compiled statement allows and denies what the neutral evaluator says it does.

Random statements of the language, evaluated twice in every situation of a small universe:
neutrally, as the language means them, and as AWS would read the compiled policy.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest

from keyplan.access.atoms import ANYONE, Atom, Request, Verdict
from keyplan.access.evaluation import evaluate
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import Tier, Usage
from keyplan.model.policies import Effect, Policy, Statement, expand, merge
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_instant, parse_instant
from keyplan_aws.policy.compiling import compile_policy
from keyplan_aws.policy.operations import ACTIONS_OF
from tests.unit.aws.policy.oracle import APP, HOME, condition

_APP = Address.of("principal", "app")
_PRINCIPALS = {_APP: Principal(_APP, PrincipalKind.WORKLOAD, {"aws": (APP,)})}
_KEY = DesiredKey(Address("key.k"), "aws", Tier.SERVICE, Usage.ENCRYPT, "aes-256")

_CONDITIONS: Mapping[str, tuple[Any, ...]] = {
    "context": ({"tenant": "a"}, {"tenant": ["a", "b"], "part": "p"}),
    "source_ip": (["10.0.0.0/8"],),
    "source_vpc": (["vpc-1"], ["vpce-1"], ["vpc-1", "vpce-1"]),
    "services": (["rds"], ["rds", "ebs"]),
    "mfa": (True, False),
    "org": (["o-1"],),
    "account": ([HOME],),
    "tags": ({"team": "a"}, {"team": ["a", "b"]}),
    "not_before": ("2027-01-01",),
    "not_after": ("2027-03-31", "2027-09-30"),
}


def _situations(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """What a request says, in AWS's terms; a missing key is `None`."""
    choices = {
        "kms:encryptioncontext:tenant": (None, "a", "b", "c"),
        "kms:encryptioncontext:part": (None, "p"),
        "aws:sourceip": ("10.1.1.1", "192.0.2.1"),
        "aws:sourcevpc": (None, "vpc-1", "vpc-2"),
        "aws:sourcevpce": (None, "vpce-1"),
        "kms:viaservice": (None, "rds.eu-west-1.amazonaws.com", "ec2.eu-west-1.amazonaws.com"),
        "aws:multifactorauthpresent": (None, "true", "false"),
        "aws:principalorgid": (None, "o-1", "o-2"),
        "aws:principaltag/team": (None, "a", "b", "c"),
        "aws:currenttime": (
            "2026-12-31T23:59:59Z",
            "2027-04-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-06-30T23:59:59Z",
            "2027-07-01T00:00:00Z",
        ),
    }  # fmt: skip
    return [{name: chance.choice(values) for name, values in choices.items()} for _ in range(count)]


def _request(operation: str, situation: Mapping[str, Any]) -> Request:
    """The same situation, in the language's terms."""
    prefix = "kms:encryptioncontext:"
    context = {
        name.removeprefix(prefix): value
        for name, value in situation.items()
        if name.startswith(prefix) and value is not None
    }
    via = {"rds": "rds", "ec2": "ebs"}.get(str(situation["kms:viaservice"]).split(".")[0], "")
    team = situation["aws:principaltag/team"]
    return Request(
        APP,
        operation,
        parse_instant(situation["aws:currenttime"]),
        context=context if _has_context(operation) else {},
        facts={
            "source_ip": situation["aws:sourceip"],
            "source_vpc": [
                name for name in (situation["aws:sourcevpc"], situation["aws:sourcevpce"]) if name
            ],
            "services": [via],
            "mfa": situation["aws:multifactorauthpresent"] == "true",
            "org": [situation["aws:principalorgid"]],
            "account": HOME,
            "tags": {"team": team} if team else {},
        },
    )


def _has_context(operation: str) -> bool:
    return operation not in ("describe", "get_public_key", "set_policy")


def _aws_says(document: Any, action: str, situation: Mapping[str, Any]) -> set[str]:
    """The effects that apply to the application's request."""
    facts = {name: value for name, value in situation.items() if value is not None}
    facts |= {"aws:principalaccount": HOME, "kms:calleraccount": HOME, "aws:principalarn": APP}
    if action in ("kms:DescribeKey", "kms:PutKeyPolicy"):
        facts = {name: value for name, value in facts.items() if "context" not in name}
    effects = set()
    for statement in document["Statement"]:
        actions = statement["Action"]
        listed = actions if isinstance(actions, list) else [actions]
        named = statement["Principal"] in ("*", {"AWS": APP})
        if named and action.lower() in listed and all(
            condition(operator, key, values, facts, "2012-10-17")
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        ):  # fmt: skip
            effects.add(statement["Effect"].lower())
    return effects


def _statement(chance: random.Random) -> Statement:
    def some(count: int) -> dict[str, Any]:
        names = chance.sample(sorted(_CONDITIONS), count)
        return {name: chance.choice(_CONDITIONS[name]) for name in names}

    when, unless = some(chance.randint(0, 3)), some(chance.randint(0, 3))
    operations = {"encrypt", "decrypt"}
    if "context" not in when:
        operations.add("describe")
    return Statement(
        "S",
        chance.choice((Effect.ALLOW, Effect.DENY)),
        chance.choice(((_APP,), None)),
        frozenset(operations),
        when,
        unless,
        chance.choice((None, parse_instant("2027-06-30", end=True))),
    )


@pytest.mark.parametrize("seed", range(200))
def test_aws_decides_as_the_language_says(seed: int) -> None:
    chance = random.Random(seed)
    statement = _statement(chance)
    declared = Policy(Address("policy.p"), (), (statement,), settings={"aws": {"account": "none"}})
    document = compile_policy(merge([declared], _PRINCIPALS), _KEY, HOME, "aws")
    until = format_instant(statement.expires_at) if statement.expires_at else ""
    operations = sorted(expand(statement.operations, Usage.ENCRYPT))
    for operation, situation in itertools.product(operations, _situations(chance, 40)):
        neutral = Atom(
            Effect.ALLOW,  # so that the verdict tells whether the statement applies
            ANYONE if statement.principals is None else APP,
            operation,
            canonical_json({**statement.when}) if statement.when else "",
            canonical_json({**statement.unless}) if statement.unless else "",
            until,
        )
        verdict = evaluate([neutral], _request(operation, situation)).verdict
        applies = _aws_says(document, ACTIONS_OF[operation][0], situation)
        assert verdict is not Verdict.CONDITIONAL
        expected = {statement.effect.value} if verdict is Verdict.ALLOWED else set()
        assert applies == expected, (operation, situation, document)
