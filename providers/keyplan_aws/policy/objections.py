"""What one statement of a key policy is reproached with, by the rules of `KP-KPOL`.

Every function is a rule over a canonical statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from keyplan.diagnostics import Severity
from keyplan.sdk.provider import PolicyProblem as Problem
from keyplan_aws.policy.access import names_in
from keyplan_aws.policy.document import fields, texts
from keyplan_aws.policy.names import MULTIVALUED, is_action, is_key, spell_action, spell_key
from keyplan_aws.policy.operations import ACTIONS_OF, SET_POLICY, carries_context
from keyplan_aws.policy.operators import Operator, parse_operator
from keyplan_aws.policy.patterns import covers, has_wildcard
from keyplan_aws.policy.principals import ANYONE, account_of, is_account

_ORIGINS = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid",
        "aws:principalorgpaths", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip",
        "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce",
        "aws:userid", "kms:calleraccount",
    }
)  # fmt: skip
"""Keys that say where a caller comes from."""

_SOURCES = frozenset(
    {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"}
)
_LIMITS = _ORIGINS | {"aws:currenttime", "aws:epochtime"}
_CREATE_GRANT = "kms:creategrant"
_CONTEXT = "kms:encryptioncontext:"
_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
_CRYPTOGRAPHY = tuple(
    action.lower()
    for name in ("decrypt", "encrypt", "generate_data_key", "reencrypt", "sign", "generate_mac")
    for action in ACTIONS_OF[name]
)


class _Test(NamedTuple):
    operator: Operator | None
    written: str
    key: str
    values: list[str]

    @property
    def restricts(self) -> bool:
        """Whether it fails for those who are not named: no wildcard, no variable, no absence."""
        known = self.operator
        return (
            known is not None
            and not (known.negated or known.holds_without or known.base == "Null")
            and not any(mark in value for value in self.values for mark in ("*", "?", "${"))
            and not (self.key == "aws:sourceip" and _EVERYWHERE & {*self.values})
        )


def objections(statement: Mapping[str, Any], account: str | None) -> Iterator[Problem]:
    """Everything there is to say against a statement."""
    tests = _tests(statement)
    yield from _names(statement, tests)
    yield from _sets(tests)
    if statement["Effect"] == "Deny":
        yield from _second_factor(tests)
        return
    yield from _everybody(statement, tests)
    yield from _services(statement, tests)
    yield from _duties(statement)
    yield from _grants(statement, tests)
    yield from _foreigners(statement, tests, account)


def _tests(statement: Mapping[str, Any]) -> list[_Test]:
    return [
        _Test(parse_operator(operator), operator, key, texts(values))
        for operator, keys in fields(statement.get("Condition", {})).items()
        for key, values in fields(keys).items()
    ]


def _limited(tests: Iterable[_Test], keys: frozenset[str]) -> bool:
    return any(test.restricts and test.key in keys for test in tests)


def _covered(statement: Mapping[str, Any], action: str) -> bool:
    """Whether the statement speaks of an action."""
    if "NotAction" in statement:
        return not any(covers(pattern, action) for pattern in texts(statement["NotAction"]))
    return any(covers(pattern, action) for pattern in texts(statement["Action"]))


def _people(statement: Mapping[str, Any]) -> list[str]:
    """Roles, users and sessions; an account only delegates."""
    value = statement.get("Principal")
    names = texts(value.get("AWS")) if isinstance(value, Mapping) else []
    return [name for name in names if name != ANYONE and not is_account(name)]


# -- names (008), sets (009, 010), absence (011) -----------------------------------------


def _names(statement: Mapping[str, Any], tests: list[_Test]) -> Iterator[Problem]:
    actions = texts(statement.get("Action")) + texts(statement.get("NotAction"))
    for action in actions:
        if not is_action(action):
            yield Problem(
                "KP-KPOL-008", Severity.WARNING, f"{action} is no action of KMS", _SPELLING
            )
    for test in tests:
        if test.operator is None:
            yield Problem(
                "KP-KPOL-008", Severity.ERROR, f"{test.written} is no operator of IAM", _SPELLING
            )
        if not is_key(test.key):
            summary = f"{spell_key(test.key)} is no condition key that KMS knows"
            yield Problem("KP-KPOL-008", Severity.WARNING, summary, _SPELLING)
        if test.key.startswith(_CONTEXT) and not _absent_holds(test):
            yield from _dead(statement, test)


_SPELLING = "Correct the name; AWS may refuse it, or take it and never match it."


def _absent_holds(test: _Test) -> bool:
    known = test.operator
    return known is not None and (known.holds_without or known.base == "Null")


def _dead(statement: Mapping[str, Any], test: _Test) -> Iterator[Problem]:
    """A condition on the context is never met where a request has none."""
    lacking = sorted(
        spell_action(action)
        for action in texts(statement.get("Action"))
        if not has_wildcard(action)
        and is_action(action)
        and not carries_context(spell_action(action), symmetric=True)
    )
    if lacking:
        yield Problem(
            "KP-KPOL-008",
            Severity.WARNING,
            f"{', '.join(lacking)} has no {spell_key(test.key)}: this part never applies",
            "Put these actions into a statement without the condition.",
        )


def _sets(tests: list[_Test]) -> Iterator[Problem]:
    for test in tests:
        if test.operator is None or test.operator.quantifier != "ForAllValues":
            continue
        key = spell_key(test.key)
        if test.key.startswith(_CONTEXT):
            summary = f"KMS refuses ForAllValues on {key}: it holds where the key is missing"
            yield Problem(
                "KP-KPOL-009", Severity.ERROR, summary, "Use the operator without ForAllValues."
            )
        elif test.key not in MULTIVALUED:
            summary = f"ForAllValues on {key}, which has one value, holds where it is missing"
            yield Problem(
                "KP-KPOL-009", Severity.WARNING, summary, "Use the operator without ForAllValues."
            )
        elif not any(
            other.operator and other.operator.base == "Null" and other.key == test.key
            for other in tests
        ):
            summary = f"ForAllValues on {key} holds where it is missing"
            yield Problem(
                "KP-KPOL-010", Severity.WARNING, summary, f'Add `Null: {{"{key}": "false"}}`.'
            )


def _second_factor(tests: list[_Test]) -> Iterator[Problem]:
    for test in tests:
        if (test.written, test.key) == ("Bool", "aws:multifactorauthpresent") and (
            "false" in test.values
        ):
            yield Problem(
                "KP-KPOL-011",
                Severity.WARNING,
                "the deny without a second factor spares calls with long-term keys, which do "
                "not say whether there was one",
                "Use BoolIfExists.",
            )


# -- who (006, 007, 015-018) -------------------------------------------------------------


def _everybody(statement: Mapping[str, Any], tests: list[_Test]) -> Iterator[Problem]:
    if "NotPrincipal" in statement:
        yield Problem(
            "KP-KPOL-006",
            Severity.ERROR,
            "an allow with NotPrincipal is an allow for everybody else in the world",
            "Name those who are meant.",
        )
    elif ANYONE in names_in(statement, "Principal") and not _limited(tests, _ORIGINS):
        yield Problem(
            "KP-KPOL-007",
            Severity.ERROR,
            "everybody is allowed, in every account: no condition says whose callers",
            "Add a condition on the account, the organisation or the network (`account`, "
            "`org`, `source_vpc`), or name principals.",
        )


def _services(statement: Mapping[str, Any], tests: list[_Test]) -> Iterator[Problem]:
    value = statement.get("Principal")
    names = texts(value.get("Service")) if isinstance(value, Mapping) else []
    if (
        names
        and not _limited(tests, _SOURCES)
        and not any(
            test.key in _SOURCES and test.operator and not test.operator.negated for test in tests
        )
    ):
        yield Problem(
            "KP-KPOL-017",
            Severity.WARNING,
            f"{', '.join(names)} may use the key for anybody's resources",
            "Add a native condition on aws:SourceArn or aws:SourceAccount.",
        )


def _duties(statement: Mapping[str, Any]) -> Iterator[Problem]:
    people = _people(statement)
    if people and _covered(statement, SET_POLICY):
        used = [action for action in _CRYPTOGRAPHY if _covered(statement, action)]
        if used:
            yield Problem(
                "KP-KPOL-015",
                Severity.WARNING,
                f"{_few(people)} can both set the policy and use the key",
                "Let one administer and another use it.",
            )


def _grants(statement: Mapping[str, Any], tests: list[_Test]) -> Iterator[Problem]:
    people = _people(statement)
    bounded = any(test.key.startswith(("kms:grant", _CONTEXT)) for test in tests)
    if (
        people
        and not bounded
        and _covered(statement, _CREATE_GRANT)
        and not (_covered(statement, SET_POLICY))
    ):
        yield Problem(
            "KP-KPOL-016",
            Severity.WARNING,
            f"{_few(people)} may grant every use of the key to anybody",
            "Allow it for services only (`when: {services: [...]}`), or with a native "
            "condition on kms:GrantOperations.",
        )


def _foreigners(
    statement: Mapping[str, Any], tests: list[_Test], account: str | None
) -> Iterator[Problem]:
    if (
        account is None
        or _limited(tests, _LIMITS)
        or any(test.key in ("aws:currenttime", "aws:epochtime") for test in tests)
    ):
        return
    foreign = [
        name for name in names_in(statement, "Principal") if account_of(name) not in ("", account)
    ]
    if foreign:
        yield Problem(
            "KP-KPOL-018",
            Severity.WARNING,
            f"{_few(foreign)} of another account is allowed, with no organisation, network or end",
            "Add `org`, `source_vpc` or `expires_at`.",
        )


def _few(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:2])
    return shown if len(names) <= 2 else f"{shown} and {len(names) - 2} more"
