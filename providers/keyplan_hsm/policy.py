"""Policies in the emulator's own form, enforced as they stand.

The form is `{"version": 1, "administrators": [identity], "statements": [{"sid",
"effect", "principals": [identity] | "*", "operations": [...], "when"?, "unless"?,
"expires_at"?}]}`: operations expanded and sorted, statements sorted by Sid, nothing
empty kept. Administrators may do everything that changes a key and nothing that uses it.

Rules: a condition that the emulator cannot check is refused by name, never ignored,
unless it was accepted (`unenforced`). A key without a policy is the security officer's;
a key with one is used only by whom it names. The officer, who holds the PIN, may always
administer: that is outside of key policies, and therefore not among their atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from keyplan.access.atoms import ANYONE, Atom
from keyplan.access.conditions import day_number, within_hours
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import Usage
from keyplan.model.policies import (
    ADMINISTER,
    AUDIT,
    GROUPS,
    OPERATIONS,
    USE,
    Effect,
    EffectivePolicy,
    Statement,
    Unenforced,
    expand,
)
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Value
from keyplan_hsm.settings import OFFICER

ENFORCED = frozenset({"context", "not_before", "not_after", "hours"})
"""The conditions that the emulator can check: what a call states, and its own clock."""

_FIELDS = {"sid", "effect", "principals", "operations", "when", "unless", "expires_at"}


def compile_policy(policy: EffectivePolicy, key: DesiredKey) -> dict[str, Value]:
    """The document for one key. Raises `RejectedError` that names statement and condition."""
    if key.usage is None:
        raise RejectedError(
            "a policy cannot be compiled for a key whose usage is not declared",
            target=str(key.address),
            advice="Write `usage`, or leave `policies` out of a key that is only observed.",
        )
    compiler = _Compiler(policy, key, key.usage)
    administrators = compiler.identities(policy.administrators)
    statements = [
        document
        for statement in policy.statements
        if (document := compiler.statement(statement)) is not None
    ]
    for native in policy.native.get(key.provider_type, ()):
        part = validate(native)
        administrators |= set(part["administrators"])
        statements += part["statements"]
    return canonical(
        {"version": 1, "administrators": sorted(administrators), "statements": statements}
    )


class _Compiler:
    """Translates the statements of one policy for one key."""

    def __init__(self, policy: EffectivePolicy, key: DesiredKey, usage: Usage) -> None:
        self._policy = policy
        self._key = key
        self._usage = usage

    def identities(self, principals: Iterable[Address]) -> set[str]:
        """What the HSM calls them. Raises `RejectedError` for one that has no name there."""
        found: set[str] = set()
        for address in principals:
            principal = self._policy.principals.get(address)
            names = principal.identities_on(self._key.provider) if principal else ()
            if not names:
                raise RejectedError(
                    f"{address} has no identity on {self._key.provider}",
                    target=str(self._key.address),
                    why="A policy of this key names it.",
                    advice=f"Add `{self._key.provider_type}: <identity>` to the principal.",
                )
            found.update(names)
        return found

    def statement(self, statement: Statement) -> dict[str, Any] | None:
        """The document of a statement, or `None` if it is skipped."""
        native = statement.native.get(self._key.provider_type)
        if native is not None:
            (document,) = validate({"statements": [{"sid": statement.sid, **_mapping(native)}]})[
                "statements"
            ]
            return dict(document)
        if statement.native and not statement.operations:
            return None  # written for another provider only
        when, unless = dict(statement.when), dict(statement.unless)
        for name in sorted((when.keys() | unless.keys()) - ENFORCED):
            accepted = self._accepted(statement, name)
            if accepted is None:
                self._refuse(statement, name)
            if accepted.then == "skip":
                return None
            when.pop(name, None)
            unless.pop(name, None)
        document = {
            "sid": statement.sid,
            "effect": statement.effect.value,
            "principals": ANYONE
            if statement.principals is None
            else sorted(self.identities(statement.principals)),
            "operations": sorted(expand(statement.operations, self._usage)),
            "when": when,
            "unless": unless,
        }
        if statement.expires_at is not None:
            document["expires_at"] = format_instant(statement.expires_at)
        _check_conditions(document)
        return document

    def _accepted(self, statement: Statement, condition: str) -> Unenforced | None:
        """Who accepted that this condition is not enforced here, if anybody did."""
        for gap in (*statement.unenforced, *self._key.unenforced):
            named = gap.provider in (self._key.provider, self._key.provider_type)
            if named and condition in gap.what:
                return gap
        return None

    def _refuse(self, statement: Statement, condition: str) -> NoReturn:
        raise RejectedError(
            f"the HSM emulator cannot enforce the condition {condition} of statement "
            f"{statement.sid}",
            target=str(self._key.address),
            why=f"It checks {', '.join(sorted(ENFORCED))} and nothing else about a call.",
            advice="Remove the condition, or accept the gap by name: unenforced: "
            f"{{{self._key.provider_type}: {{what: [{condition}], then: skip, reason: ..., "
            "until: ...}}.",
        )


def validate(document: Value) -> dict[str, Any]:
    """A document in canonical form. Raises `RejectedError` that says what is wrong with it."""
    data = dict(_mapping(document))
    unknown = data.keys() - {"version", "administrators", "statements"}
    if unknown or data.get("version", 1) != 1:
        _malformed(f"unknown fields {sorted(unknown)}" if unknown else "its version is not 1")
    for statement in _list(data.get("statements", [])):
        fields = _mapping(statement)
        if fields.keys() - _FIELDS or not fields.get("sid"):
            _malformed(f"a statement has other fields than {', '.join(sorted(_FIELDS))}, or no sid")
        if fields.get("effect", "allow") not in ("allow", "deny"):
            _malformed(f"statement {fields['sid']}: effect is neither allow nor deny")
        principals = fields.get("principals")
        if principals != ANYONE and not _list(principals):
            _malformed(f"statement {fields['sid']}: it names nobody")
        strange = set(map(str, _list(fields.get("operations")))) - OPERATIONS
        if strange or not fields["operations"]:
            _malformed(f"statement {fields['sid']}: no such operations {sorted(strange)}")
        unchecked = {*_mapping(fields.get("when", {})), *_mapping(fields.get("unless", {}))}
        if unchecked - ENFORCED:
            _malformed(f"statement {fields['sid']}: it cannot check {sorted(unchecked - ENFORCED)}")
        _check_conditions(fields)
    for identity in _list(data.get("administrators", [])):
        if not isinstance(identity, str) or not identity:
            _malformed("an administrator is not an identity")
    return canonical(data)


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """The one spelling of a document: sorted, without repetition and empty parts. Idempotent."""
    statements = []
    for statement in document.get("statements", []):
        fields = {name: value for name, value in statement.items() if value not in ({}, None)}
        fields["effect"] = fields.get("effect", "allow")
        fields["operations"] = sorted(set(fields["operations"]))
        if fields["principals"] != ANYONE:
            fields["principals"] = sorted(set(fields["principals"]))
        statements.append(fields)
    return {
        "version": 1,
        "administrators": sorted(set(document.get("administrators", []))),
        "statements": sorted(statements, key=lambda item: (item["sid"], canonical_json(item))),
    }


def atoms(policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
    """The atoms of a document (`None`: no policy) and of grants in canonical form."""
    found: list[Atom] = []
    if policy is None:
        everything = ADMINISTER | AUDIT | {"export"} | frozenset[str]().union(*USE.values())
        found += [_allow(OFFICER, operation, "default policy") for operation in sorted(everything)]
    else:
        document = _mapping(policy)
        for identity in document["administrators"]:
            found += [
                _allow(str(identity), operation, "administrators")
                for operation in sorted(ADMINISTER)
            ]
        for statement in document["statements"]:
            found += _statement_atoms(statement)
    for name, terms in sorted(grants.items()):
        found += _grant_atoms(name, _mapping(terms))
    return found


def _allow(principal: str, operation: str, source: str) -> Atom:
    return Atom(Effect.ALLOW, principal, operation, source=source)


def _statement_atoms(statement: Mapping[str, Any]) -> Iterable[Atom]:
    principals = [ANYONE] if statement["principals"] == ANYONE else statement["principals"]
    when, unless = (
        canonical_json(statement[part]) if part in statement else "" for part in ("when", "unless")
    )
    for principal in principals:
        for operation in statement["operations"]:
            yield Atom(
                Effect(statement["effect"]),
                str(principal),
                str(operation),
                when,
                unless,
                str(statement.get("expires_at", "")),
                statement["sid"],
            )


def _grant_atoms(name: str, terms: Mapping[str, Any]) -> Iterable[Atom]:
    """A group in a grant stands for all it can mean; the key's usage limits what it gives."""
    operations: set[str] = set()
    for operation in terms["operations"]:
        usages = Usage if operation in GROUPS else (Usage.ENCRYPT,)
        operations.update(*(expand([operation], usage) for usage in usages))
    context = terms.get("context") or {}
    for principal in terms["principal"]:
        for operation in sorted(operations):
            yield Atom(
                Effect.ALLOW,
                str(principal),
                operation,
                canonical_json({"context": context}) if context else "",
                "",
                str(terms.get("expires_at") or ""),
                f"grant {name}",
            )


def _check_conditions(fields: Mapping[str, Any]) -> None:
    """Raise `RejectedError` for a condition whose value can never be evaluated."""
    try:
        for conditions in (fields.get("when") or {}, fields.get("unless") or {}):
            for name in conditions.keys() & {"not_before", "not_after"}:
                parse_instant(str(conditions[name]))
            if "hours" in conditions:
                now = parse_instant("2026-01-01")
                within_hours(conditions["hours"], now)
                for day in conditions["hours"].get("days", ()):
                    day_number(day)
            _mapping(conditions.get("context", {}))
        if fields.get("expires_at"):
            parse_instant(str(fields["expires_at"]))
    except ValueError as error:
        _malformed(f"statement {fields['sid']}: {error}")


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _malformed(f"{type(value).__name__} stands where a map belongs")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        _malformed(f"{type(value).__name__} stands where a list belongs")
    return value


def _malformed(why: str) -> NoReturn:
    raise RejectedError(
        "this is not a policy document of the HSM emulator",
        why=why[:1].upper() + why[1:] + ".",
        advice="Declare the policy neutrally and let keyplan compile it.",
    )
