"""Neutral conditions as tests of IAM condition keys.

| neutral | holds by |
|---|---|
| `context` | `kms:EncryptionContext:<name>`, on the operations that have a context |
| `source_ip` | `aws:SourceIp` |
| `source_vpc` | `aws:SourceVpc`, `aws:SourceVpce` |
| `services` | `kms:ViaService` |
| `mfa` | `aws:MultiFactorAuthPresent`; where it is missing there was none |
| `org`, `account` | `aws:PrincipalOrgID`, `aws:PrincipalAccount` |
| `tags` | `aws:PrincipalTag/<name>` |
| `not_before`, `not_after` | `aws:CurrentTime` |

`hours` has no counterpart. Values are literal: text that AWS would read as a policy
variable is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Value
from keyplan_aws.policy.clauses import ALWAYS, NEVER, Form, all_of, any_of, one, opposite

ENFORCED = frozenset(
    {
        "context", "source_ip", "source_vpc", "services", "mfa", "org", "account", "tags",
        "not_before", "not_after",
    }
)  # fmt: skip

_VIA = {"ebs": "ec2"}
"""Services that call KMS under another name than people use."""

_ENDPOINT = ".amazonaws.com"


def compile_conditions(
    when: Mapping[str, Value], unless: Mapping[str, Value], *, with_context: bool
) -> Form:
    """Where all of `when` hold and not all of `unless` do.

    Without a context to test, a condition on it never holds.
    """
    required = all_of(_form(name, value, with_context) for name, value in sorted(when.items()))
    if not unless:
        return required
    excluded = all_of(_form(name, value, with_context) for name, value in sorted(unless.items()))
    return all_of((required, opposite(excluded)))


def until(instant: str) -> Form:
    """Until an instant, which is included."""
    return one("DateLessThanEquals", "aws:CurrentTime", instant)


def service_pattern(name: str) -> str:
    """What `kms:ViaService` is for a service in any Region: the suffix is the same in each."""
    return name if name.endswith(_ENDPOINT) else f"{_VIA.get(name, name)}.*{_ENDPOINT}"


def service_name(pattern: str) -> str:
    """The inverse of `service_pattern`."""
    stem = pattern.removesuffix(f".*{_ENDPOINT}")
    return next((name for name, via in _VIA.items() if via == stem), stem)


def _form(name: str, value: Value, with_context: bool) -> Form:  # noqa: FBT001
    match name:
        case "context":
            return _entries("kms:EncryptionContext:", value) if with_context else NEVER
        case "tags":
            return _entries("aws:PrincipalTag/", value)
        case "source_ip":
            return one("IpAddress", "aws:SourceIp", *_words(value))
        case "source_vpc":
            return _networks(_words(value))
        case "services":
            return one("StringLike", "kms:ViaService", *map(service_pattern, _words(value)))
        case "org":
            return one("StringEquals", "aws:PrincipalOrgID", *_words(value))
        case "account":
            return one("StringEquals", "aws:PrincipalAccount", *_words(value))
        case "mfa":
            present = one("Bool", "aws:MultiFactorAuthPresent", "true")
            return present if value else opposite(present)
        case "not_before":
            instant = format_instant(parse_instant(str(value)))
            return one("DateGreaterThanEquals", "aws:CurrentTime", instant)
        case "not_after":
            return until(format_instant(parse_instant(str(value), end=True)))
        case _:
            raise ValueError(f"{name} is no condition that AWS can check")


def _entries(prefix: str, value: Value) -> Form:
    entries: dict[str, Any] = value if isinstance(value, dict) else {}
    if not entries:
        return ALWAYS
    return all_of(
        one("StringEquals", f"{prefix}{name}", *_words(wanted))
        for name, wanted in sorted(entries.items())
    )


def _networks(names: list[str]) -> Form:
    """Networks and endpoints are two keys: either of them."""
    endpoints = [name for name in names if name.startswith("vpce-")]
    networks = [name for name in names if not name.startswith("vpce-")]
    by_key = (("aws:SourceVpc", networks), ("aws:SourceVpce", endpoints))
    return any_of(one("StringEquals", key, *values) for key, values in by_key if values)


def _words(value: Value) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [str(item).replace("${", "${$}{") for item in listed]
