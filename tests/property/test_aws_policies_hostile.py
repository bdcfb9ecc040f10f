"""Whatever stands in a policy, it is judged or refused; nothing else ever happens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from keyplan.errors import RejectedError
from keyplan_aws.policy.access import atoms
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import parse, to_json
from keyplan_aws.policy.preflight import check, review

HOME = "111122223333"
CALLER = f"arn:aws:sts::{HOME}:assumed-role/ci/run-1"

_WORDS = st.sampled_from(
    [
        "*", "Allow", "Deny", "kms:*", "kms:PutKeyPolicy", "AWS", "Service", HOME, "true", "${x}",
        f"arn:aws:iam::{HOME}:root", f"arn:aws:iam::{HOME}:role/a", "AROAEXAMPLEEXAMPLEAB",
        "StringEquals", "ForAllValues:StringLike", "Null", "Bool", "IpAddress", "DateLessThan",
        "NumericEquals", "ArnLike", "aws:PrincipalArn", "aws:SourceIp", "aws:CurrentTime",
        "kms:EncryptionContext:a", "10.0.0.0/8", "2027-01-01T00:00:00Z", "<account>", "NaN",
    ]
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    _WORDS,
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)
_TEXTS = _WORDS | st.lists(_WORDS | st.text(max_size=6), min_size=1, max_size=3)
_VALUES = _TEXTS | st.booleans() | st.integers()
_CONDITION = st.dictionaries(_WORDS, st.dictionaries(_WORDS, _VALUES, max_size=2), max_size=2)
_PRINCIPAL = _WORDS | st.dictionaries(st.sampled_from(["AWS", "Service"]), _TEXTS, min_size=1)
_STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Principal": _PRINCIPAL,
        "Action": _TEXTS,
        "Resource": st.just("*") | _TEXTS,
    },
    optional={"Condition": _CONDITION, "NotPrincipal": _PRINCIPAL, "NotAction": _TEXTS},
)
"""A statement of the right form, whatever its values."""

_BROKEN = st.builds(
    lambda statement, field, value: {**statement, field: value},
    _STATEMENT,
    st.sampled_from(["Effect", "Principal", "NotPrincipal", "Action", "Resource", "Condition"]),
    _JSON,
)
_DOCUMENTS = st.fixed_dictionaries(
    {"Statement": st.lists(_STATEMENT | _STATEMENT | _BROKEN, max_size=3) | _JSON},
    optional={"Version": _WORDS},
)


@settings(max_examples=400, deadline=None)
@given(_DOCUMENTS)
def test_any_document_is_judged_or_refused(document: Any) -> None:
    try:
        canonical = canonical_policy(document, account=HOME)
        assert canonical_policy(canonical, account=HOME) == canonical
        assert canonical_policy(parse(to_json(canonical)), account=HOME) == canonical
    except RejectedError:
        event("refused")
        return
    event("judged" if canonical["Statement"] else "empty")
    atoms(canonical, {}, HOME)
    check(canonical, account=HOME, caller=CALLER)
    review(canonical, account=None, caller="")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | _JSON.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(RejectedError):
        assert isinstance(parse(text), dict)
