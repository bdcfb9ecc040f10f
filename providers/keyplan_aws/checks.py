"""What AWS KMS would refuse about a declared key, found offline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keyplan.diagnostics import Diagnostic, Severity
from keyplan.model.policies import possible
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import parse_duration
from keyplan.model.values import Unknown, Value
from keyplan_aws.attributes import ALIAS, alias_name, rotation_days
from keyplan_aws.grants import canonical_grant, grant_problem
from keyplan_aws.marks import MARKS
from keyplan_aws.quotas import ALIASES_PER_KEY, TAGS_PER_KEY
from keyplan_aws.settings import tag_problem

_ALIAS = re.compile(r"[a-zA-Z0-9:/_-]+")
_DESCRIPTION = 8192


def check(key: DesiredKey) -> Sequence[Diagnostic]:
    """Every reason, each at the attribute that causes it."""
    found: list[Diagnostic] = []
    for attribute, rule in _RULES.items():
        value = key.attributes.get(attribute)
        if value is None:
            continue
        found += [
            _error(key, attribute, code, summary, advice)
            for code, summary, advice in rule(key, value)
        ]
    return found


def _aliases(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    names = [str(name) for name in value] if isinstance(value, list) else []
    for name in names:
        bare = alias_name(name)
        if bare.startswith("aws/"):
            yield ("KP-AWS-001", f"the alias {name} is AWS's own", "Choose one without `aws/`.")
        elif not _ALIAS.fullmatch(bare) or len(ALIAS + bare) > 256:
            yield (
                "KP-AWS-001",
                f"{name} cannot be an alias in AWS",
                "Use letters, digits and : / _ - only, at most 250 of them.",
            )
    if len(names) > ALIASES_PER_KEY:
        yield (
            "KP-AWS-001",
            f"{key.address} has {len(names)} aliases",
            f"AWS allows {ALIASES_PER_KEY} for a key.",
        )


def _description(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str) and len(value) > _DESCRIPTION:
        yield (
            "KP-AWS-002",
            f"the description of {key.address} has {len(value)} characters",
            f"AWS keeps {_DESCRIPTION} at most.",
        )


def _labels(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    labels = value if isinstance(value, dict) else {}
    for name, text in labels.items():
        if problem := tag_problem(name, "" if isinstance(text, Unknown) else str(text)):
            yield ("KP-AWS-003", problem, "Labels are tags in AWS: choose another one.")
    if len(labels) > TAGS_PER_KEY - MARKS:
        yield (
            "KP-AWS-003",
            f"{key.address} has {len(labels)} labels",
            f"AWS allows {TAGS_PER_KEY} tags on a key, and keyplan needs {MARKS} of them.",
        )


def _rotation(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, dict):
        return
    if key.algorithm is not None and key.algorithm != "aes-256":
        yield (
            "KP-AWS-004",
            f"AWS rotates no {key.algorithm} keys, as {key.address} asks",
            "Only aes-256 keys rotate by themselves. Remove rotation, or write `rotation: none`.",
        )
        return
    try:
        rotation_days(value)
    except ValueError as error:
        yield ("KP-AWS-004", f"{error}", f"{value['every']} is not such a period.")
    for name in sorted({"overlap", "keep"} & value.keys()):
        yield (
            "KP-AWS-004",
            f"AWS has no rotation with {name}, which {key.address} asks for",
            f"AWS keeps every older version for decryption, for ever. Remove {name}.",
        )


def _deletion(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, dict):
        return
    window = parse_duration(str(value["window"]))
    if window.seconds:
        yield (
            "KP-AWS-005",
            f"{key.address} has a deletion window of {value['window']}",
            "AWS counts it in whole days: write 7d to 30d.",
        )


def _grants(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    for name, terms in value.items() if isinstance(value, dict) else ():
        if not isinstance(terms, Mapping):
            continue
        if not terms.get("principal"):
            continue  # the language has said so already
        spelt = canonical_grant(terms)
        if problem := grant_problem(name, spelt) or _unfit(key, spelt):
            yield ("KP-AWS-006", f"AWS cannot give grant {name} of {key.address}", problem)


def _unfit(key: DesiredKey, terms: Mapping[str, Any]) -> str:
    """Why AWS would refuse terms for a key of this kind; empty if it would not."""
    facts = key.algorithm_facts
    if facts is not None and not facts.symmetric and terms["context"]:
        return f"A key of {key.algorithm} has no encryption context to bind a grant to."
    if key.usage is None:
        return ""
    able = possible(key.usage, public_key=facts is None or not facts.symmetric)
    strange = sorted(set(terms["operations"]) - able)
    return f"A key for {key.usage.value} cannot {', '.join(strange)}." if strange else ""


def _material(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    if value == "external":
        yield (
            "KP-AWS-007",
            f"{key.address} wants its material outside AWS, and keyplan makes no such keys",
            "Make it with AWS's own tools, import it, and write `lifecycle: {manage: observe}`.",
        )


def _exportable(key: DesiredKey, value: Value) -> Iterator[tuple[str, str, str]]:
    if value is True:
        yield (
            "KP-AWS-008",
            f"{key.address} should be exportable, and material never leaves AWS KMS",
            "Remove exportable, or write `exportable: false`.",
        )


_RULES = {
    "aliases": _aliases,
    "description": _description,
    "labels": _labels,
    "rotation": _rotation,
    "deletion": _deletion,
    "grants": _grants,
    "protection": _material,
    "exportable": _exportable,
}


def _error(key: DesiredKey, attribute: str, code: str, summary: str, advice: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code=code,
        summary=summary,
        advice=advice,
        address=str(key.address),
        position=key.position(attribute),
        snippet=key.snippet(attribute),
    )
