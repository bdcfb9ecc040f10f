"""Key policies as documents: what AWS takes, how it keeps and gives them back.

AWS does not give back the text that it was sent. Principals come in an order of its own,
an account as the ARN of its root, a list of one as the one. A principal that was deleted
since then comes as its unique id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.aws_double.conditions import is_operator
from tests.aws_double.errors import limit, malformed_policy

MAXIMUM = 32_768

_INVALID_PRINCIPALS = "Policy contains a statement with one or more invalid principals."
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL = re.compile(
    r"\*|\d{12}|arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|(?:user|role|assumed-role)/[\w+=,.@/-]+)"
    r"|A(?:IDA|ROA)\w{16,}"
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")
_ALLOWED = re.compile(r"[\t\n\r -ÿ]*")
_FIELDS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)


def default(account: str) -> dict[str, Any]:
    """The policy that AWS writes where none is given."""
    return {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


def parse(text: str) -> dict[str, Any]:
    """The document, checked. Raises as AWS does for what it does not take."""
    if len(text.encode("utf-8")) > MAXIMUM:
        raise limit("The policy is larger than 32768 bytes.")
    if _ALLOWED.fullmatch(text) is None:
        raise malformed_policy("The policy holds characters that are not allowed.")
    try:
        document = json.loads(text)
    except ValueError:
        raise malformed_policy("Policy document is not valid JSON") from None
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        raise malformed_policy("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise malformed_policy("The policy's version is not supported.")
    statements = as_list(document.get("Statement"))
    if not statements:
        raise malformed_policy("Policy statement must contain at least one statement.")
    for statement in statements:
        _check_statement(statement)
    return {**document, "Statement": statements}


def check_principals(document: Mapping[str, Any], missing: set[str]) -> None:
    """Refuse principals that IAM does not have (yet)."""
    for statement in document["Statement"]:
        for _, name in principals(statement):
            if name in missing:
                raise malformed_policy(_INVALID_PRINCIPALS)


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or statement.keys() - set(_FIELDS):
        raise malformed_policy("Syntax errors in policy.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise malformed_policy("Policy statement must have an Effect of Allow or Deny.")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise malformed_policy("Policy statement must contain a principal.")
    for kind, name in principals(statement):
        pattern = {"AWS": _PRINCIPAL, "Service": _SERVICE}.get(kind)
        if not isinstance(name, str) or (pattern is not None and pattern.fullmatch(name) is None):
            raise malformed_policy(_INVALID_PRINCIPALS)
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, dict):
        raise malformed_policy("Syntax errors in policy.")
    for operator, keys in conditions.items():
        if not is_operator(operator) or not isinstance(keys, dict):
            raise malformed_policy(f"Invalid Condition type : {operator}.")


def principals(statement: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Kind and name of each principal that the statement names."""
    for field in ("Principal", "NotPrincipal"):
        value = statement.get(field)
        if isinstance(value, Mapping):
            for kind, names in value.items():
                for name in as_list(names):
                    yield kind, name
        elif value is not None:
            yield "AWS", value


def serialise(document: Mapping[str, Any]) -> str:
    """The text that AWS gives back."""
    out: dict[str, Any] = {"Version": document.get("Version", "2008-10-17")}
    if "Id" in document:
        out["Id"] = document["Id"]
    out["Statement"] = [_statement(each) for each in document["Statement"]]
    return json.dumps(out, indent=2, separators=(",", " : "))


def _statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in _FIELDS:
        if field not in statement:
            continue
        value = statement[field]
        if field in ("Principal", "NotPrincipal"):
            value = _principal(value)
        elif field == "Condition":
            value = {
                operator: {key: _scalar(values) for key, values in keys.items()}
                for operator, keys in value.items()
            }
        out[field] = _scalar(value)
    return out


def _principal(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return {"AWS": "*"}
    return {
        kind: _scalar(sorted({_kept(name) for name in as_list(names)}, key=_scattered))
        for kind, names in value.items()
    }


def _kept(name: str) -> str:
    return f"arn:aws:iam::{name}:root" if _ACCOUNT.fullmatch(name) else name


def _scattered(name: str) -> str:
    """An order that is neither that of the sender nor that of the alphabet."""
    return hashlib.sha256(name.encode()).hexdigest()


def _scalar(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def as_list(value: Any) -> list[Any]:
    """One or many, as many."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
