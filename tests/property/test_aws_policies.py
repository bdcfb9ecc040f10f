"""Key policies of AWS in 300 spellings: the same is one value, what differs never is.

Whether two policies differ is decided by an evaluator that shares no code with the
canonical form, over a universe of requests.
"""

from __future__ import annotations

import json
import random

import pytest

from keyplan.access.atoms import ANYONE, Request, Verdict
from keyplan.access.evaluation import evaluate
from keyplan.model.timing import parse_instant
from keyplan_aws.policy.access import atoms, through_iam
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import parse, to_json
from keyplan_aws.policy.operations import ACTIONS_OF, READ_BACK
from keyplan_aws.policy.preflight import administrators
from tests.unit.aws.policy.oracle import (
    ACTIONS,
    CONTEXTS,
    HOME,
    PRINCIPALS,
    ROOT,
    allowed,
    decisions,
)
from tests.unit.aws.policy.spellings import changed, policy, respelt

SEEDS = range(300)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_spelling_is_one_value_and_every_difference_another(seed: int) -> None:
    chance = random.Random(seed)
    document = policy(chance)
    canonical = canonical_policy(document, account=HOME)
    meaning = decisions(document)
    assert canonical_policy(canonical, account=HOME) == canonical
    assert decisions(canonical) == meaning
    other = respelt(document, chance)
    assert decisions(other) == meaning, "the generator of spellings changed the meaning"
    assert canonical_policy(other, account=HOME) == canonical
    assert canonical_policy(parse(to_json(canonical)), account=HOME) == canonical
    for _ in range(3):
        different = changed(document, chance)
        if decisions(different) != meaning:
            assert canonical_policy(different, account=HOME) != canonical


def test_changes_are_mostly_real() -> None:
    """Or the test above would prove nothing about differences."""
    real = 0
    for seed in SEEDS:
        chance = random.Random(seed)
        document = policy(chance)
        real += decisions(changed(document, chance)) != decisions(document)
    assert real > len(SEEDS) // 2


@pytest.mark.parametrize("seed", range(60))
def test_nobody_is_shown_with_less_access_than_they_have(seed: int) -> None:
    chance = random.Random(seed)
    document = policy(chance)
    decided = decisions(document)
    shown = atoms(document, {}, HOME)
    operation_of = {
        action: name for name in READ_BACK for action in ACTIONS_OF[name] if action in ACTIONS
    }
    for place in chance.sample(range(len(CONTEXTS)), 12):
        context = CONTEXTS[place]
        for principal in PRINCIPALS:
            for action, operation in operation_of.items():
                if not allowed(decided, principal, action, place):
                    continue
                verdicts = {
                    evaluate(shown, _request(who, operation, context)).verdict
                    for who in _known_as(principal)
                }
                assert verdicts != {Verdict.DENIED}, (principal, action, context)


def _known_as(principal: str) -> list[str]:
    """By name, and as somebody of an account."""
    parts = principal.split(":")
    return [principal, through_iam(parts[4])] if len(parts) > 4 else [principal]


def _request(principal: str, operation: str, context: object) -> Request:
    facts: dict[str, object] = dict(context)  # type: ignore[call-overload]
    tenant = facts.get("kms:encryptioncontext:tenant")
    return Request(
        principal,
        operation,
        parse_instant(str(facts["aws:currenttime"])),
        context={"tenant": str(tenant)} if tenant else {},
        facts={
            "org": facts.get("aws:principalorgid", ""),
            "mfa": facts.get("aws:multifactorauthpresent") == "true",
            "source_ip": facts["aws:sourceip"],
        },  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("seed", range(300))
def test_who_is_said_to_keep_control_keeps_it_in_every_situation(seed: int) -> None:
    document = policy(random.Random(seed))
    decided = decisions(document)
    for name in administrators(document, HOME):
        who = ROOT if name == through_iam(HOME) else name
        for place, context in enumerate(CONTEXTS):
            if "kms:encryptioncontext:tenant" not in context:  # PutKeyPolicy has none
                assert allowed(decided, who, "kms:PutKeyPolicy", place), (name, context)


def test_the_canonical_form_is_json_and_small() -> None:
    for seed in SEEDS:
        document = policy(random.Random(seed))
        written = json.dumps(canonical_policy(document, account=HOME))
        assert ANYONE in written
        assert len(written) < 2 * len(json.dumps(document))
