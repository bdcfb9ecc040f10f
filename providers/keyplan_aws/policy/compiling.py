"""From the language to a key policy (LANGUAGE.md §5).

Rules: what AWS cannot enforce is refused by statement and condition, never ignored,
unless it was accepted (`unenforced`); a condition is put only on actions that can meet
it; the account keeps what `aws: {account: ...}` says, and `recovery` if it says nothing.
A policy that is nothing but native documents is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.keys import Usage
from keyplan.model.policies import (
    ADMINISTER,
    GROUPS,
    USE,
    Effect,
    EffectivePolicy,
    Statement,
    Unenforced,
    expand,
)
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_instant
from keyplan.model.values import Value
from keyplan_aws.policy.canonical import EVERY_ACTION, canonical_policy
from keyplan_aws.policy.clauses import Form, all_of, condition_block, one
from keyplan_aws.policy.conditions import ENFORCED, compile_conditions, until
from keyplan_aws.policy.document import (
    ACCOUNT,
    MAX_BYTES,
    VERSION,
    collapsed,
    fields,
    items,
    size_of,
    statements,
)
from keyplan_aws.policy.operations import ACTIONS_OF, FOR_SERVICES, REPAIR, carries_context
from keyplan_aws.policy.principals import ANYONE, kind_of, parse_arn

ACCOUNT_SHARES = ("none", "recovery", "delegate")

_SCOPING = frozenset({"account", "org"})
"""Conditions that say whose callers are meant, so that nothing needs to be added."""


def compile_policy(
    policy: EffectivePolicy, key: DesiredKey, account: str | None, partition: str
) -> Value:
    """The canonical document for one key.

    Raises `RejectedError` that names the statement and the condition it cannot honour.
    """
    if key.usage is None:
        raise RejectedError(
            "a policy cannot be compiled for a key whose usage is not declared",
            target=str(key.address),
            advice="Write `usage`, or leave `policies` out of a key that is only observed.",
        )
    compiler = _Compiler(policy, key, key.usage, account, partition)
    written: list[Value] = [*compiler.account(), *compiler.administrators()]
    for statement in policy.statements:
        written += compiler.statement(statement)
    for native in policy.native.get(key.provider_type, ()):
        written += compiler.document(native)
    compiled = canonical_policy({"Version": VERSION, "Statement": written}, account=account)
    size = size_of(compiled)
    if size > MAX_BYTES:
        raise RejectedError(
            f"the key policy is {size:,} bytes long",
            target=str(key.address),
            why=f"KMS takes {MAX_BYTES:,} bytes and never more.",
            advice="Name fewer principals: a role for many, or grants in place of statements.",
        )
    return compiled


class _Compiler:
    """Translates the statements of one policy for one key."""

    def __init__(
        self,
        policy: EffectivePolicy,
        key: DesiredKey,
        usage: Usage,
        account: str | None,
        partition: str,
    ) -> None:
        self._policy = policy
        self._key = key
        self._usage = usage
        self._account = account
        self._partition = partition
        self._symmetric = key.algorithm_facts is None or key.algorithm_facts.symmetric

    # -- parts of a policy ---------------------------------------------------------------

    def account(self) -> Iterable[dict[str, Value]]:
        """The statement of the account itself."""
        settings = self._policy.settings.get(self._key.provider_type, {})
        share = settings.get("account", self._default_share())
        if settings.keys() - {"account"} or share not in ACCOUNT_SHARES:
            raise RejectedError(
                f"a policy's `{self._key.provider_type}` block is {{account: none}}, "
                "{account: recovery} or {account: delegate}",
                target=str(self._key.address),
                advice="It says what the account itself keeps; omitted, it is recovery.",
            )
        if share != "none":
            actions = REPAIR if share == "recovery" else (EVERY_ACTION,)
            yield _written(Effect.ALLOW, {"AWS": ACCOUNT}, actions)

    def _default_share(self) -> str:
        """A policy of native documents alone is complete; any other keeps the way to repair it."""
        native_only = not (self._policy.administrators or self._policy.statements)
        has_native = bool(self._policy.native.get(self._key.provider_type))
        return "none" if native_only and has_native else "recovery"

    def administrators(self) -> Iterable[dict[str, Value]]:
        """The statement of the administrators."""
        if self._policy.administrators:
            who = self._principals(self._policy.administrators)
            yield _written(Effect.ALLOW, who, self._actions(ADMINISTER))

    def statement(self, statement: Statement) -> list[dict[str, Value]]:
        """What one statement becomes: none if it is skipped, several where IAM needs them."""
        native = statement.native.get(self._key.provider_type)
        if native is not None:
            return [self._native(statement, fields(native))]
        when, unless = dict(statement.when), dict(statement.unless)
        for name in sorted((when.keys() | unless.keys()) - ENFORCED):
            if self._gap(statement, name) == "skip":
                return []
            when.pop(name, None)
            unless.pop(name, None)
        refused = self._without_context(statement)
        if refused and self._gap(statement, "context", refused) == "skip":
            return []
        operations = self._operations(statement)
        self._check_operations(statement, operations)
        who = self._who(statement)
        written: list[dict[str, Value]] = []
        for actions, pairing in self._parts(statement, operations):
            for has_context in (True, False):
                chosen = [item for item in actions if self._carries(item) is has_context]
                wanted = when
                if refused and not has_context:
                    wanted = {name: item for name, item in when.items() if name != "context"}
                form = compile_conditions(wanted, unless, with_context=has_context)
                form = all_of((form, self._pairing(statement, pairing)))
                written += _each(statement.effect, who, chosen, form)
        return written

    def document(self, native: Value) -> Iterable[dict[str, Value]]:
        """The statements of a whole native document."""
        document = fields(native)
        variables = "${" in str(document)
        if variables and document.get("Version") != VERSION:
            self._refuse_native(f"it uses policy variables without `Version: {VERSION}`")
        for number, statement in enumerate(statements(native), start=1):
            yield self._effective(dict(statement), str(statement.get("Sid") or number))

    # -- parts of a statement ------------------------------------------------------------

    def _operations(self, statement: Statement) -> frozenset[str]:
        """What it is about; of a key that wraps, a deny is of all that AWS can use it for."""
        operations = expand(statement.operations, self._usage)
        if statement.effect is Effect.DENY and "use" in statement.operations:
            operations |= USE[Usage.ENCRYPT] if self._usage is Usage.WRAP else frozenset()
        return operations

    def _parts(
        self, statement: Statement, operations: frozenset[str]
    ) -> Iterable[tuple[list[str], Form]]:
        """Actions with what is added to their conditions: those for services' resources apart."""
        yield self._actions(operations), all_of(())
        used = operations - ADMINISTER - {"get_public_key"}
        by_service = statement.effect is Effect.ALLOW and "services" in statement.when
        if by_service and used and "grant" not in operations:
            yield [*FOR_SERVICES], one("Bool", "kms:GrantIsForAWSResource", "true")

    def _pairing(self, statement: Statement, added: Form) -> Form:
        """The additions, the end of the statement, and the account where everybody is named.

        A service calls for whoever uses it: without the account, `any` by way of RDS would
        be RDS in every account there is.
        """
        forms = [added]
        if statement.expires_at is not None:
            forms.append(until(format_instant(statement.expires_at)))
        open_to_all = statement.principals is None and statement.effect is Effect.ALLOW
        if open_to_all and "services" in statement.when and not _SCOPING & statement.when.keys():
            forms.append(one("StringEquals", "kms:CallerAccount", ACCOUNT))
        return all_of(forms)

    def _carries(self, action: str) -> bool:
        return carries_context(action, symmetric=self._symmetric)

    def _without_context(self, statement: Statement) -> list[str]:
        """Operations that are named, that need a context, and that never have one.

        Members of a group are left out silently where others of the group have one.
        """
        if "context" not in statement.when:
            return []
        named = statement.operations - GROUPS
        every = named | expand(statement.operations & GROUPS, self._usage)
        lacking = [
            name
            for name in sorted(every)
            if name in ACTIONS_OF and not any(map(self._carries, ACTIONS_OF[name]))
        ]
        return [name for name in lacking if name in named or len(lacking) == len(every)]

    def _actions(self, operations: Iterable[str]) -> list[str]:
        return [action for name in sorted(operations) for action in ACTIONS_OF.get(name, ())]

    def _check_operations(self, statement: Statement, operations: frozenset[str]) -> None:
        """What nobody can do needs no deny; an allow of it would be a promise."""
        missing = sorted(operations - ACTIONS_OF.keys())
        if missing and statement.effect is Effect.ALLOW:
            raise RejectedError(
                f"AWS KMS cannot {', '.join(missing)}, which statement {statement.sid} allows",
                target=str(self._key.address),
                advice="Take the operation out of the statement.",
            )

    def _who(self, statement: Statement) -> Value:
        return ANYONE if statement.principals is None else self._principals(statement.principals)

    def _principals(self, addresses: Iterable[Address]) -> dict[str, Value]:
        """The `Principal` of IAM. Raises `RejectedError` for one that is none."""
        found: dict[str, set[str]] = {}
        for address in addresses:
            principal = self._policy.principals.get(address)
            names = principal.identities_on(self._key.provider) if principal else ()
            if not names:
                raise RejectedError(
                    f"{address} has no identity on {self._key.provider}",
                    target=str(self._key.address),
                    why="A policy of this key names it.",
                    advice=f"Add `{self._key.provider_type}: <ARN>` to the principal.",
                )
            for name in names:
                found.setdefault(self._kind(address, name), set()).add(name)
        return {kind: collapsed(names) for kind, names in sorted(found.items())}

    def _kind(self, address: Address, identity: str) -> str:
        kind = kind_of(identity)
        arn = parse_arn(identity)
        if not kind:
            raise RejectedError(
                f"{identity} of {address} cannot be a principal of a key policy",
                target=str(self._key.address),
                why="AWS takes an account, a role, a user, a session or a service, in full: "
                "no group, and no wildcard.",
                advice="Write the ARN of a role or user, an account number, or a name such as "
                "rds.amazonaws.com.",
            )
        if self._account is not None and arn is not None and arn.partition != self._partition:
            raise RejectedError(
                f"{identity} of {address} is in the partition {arn.partition}",
                target=str(self._key.address),
                why=f"The key is in {self._partition}, and nobody acts across partitions.",
                advice=f"Write its identity for {self._key.provider} beside the other.",
            )
        return kind

    # -- native --------------------------------------------------------------------------

    def _native(self, statement: Statement, native: Mapping[str, Any]) -> dict[str, Value]:
        """The given fields, and what they leave open as the statement says it."""
        if (statement.when or statement.unless or statement.expires_at) and (
            "Condition" not in native
        ):
            self._refuse_native(
                f"statement {statement.sid} has conditions, and its native form no `Condition`"
            )
        given: dict[str, Value] = dict(native)
        given.setdefault("Effect", statement.effect.value)
        given.setdefault("Resource", "*")
        if "Principal" not in given and "NotPrincipal" not in given:
            given["Principal"] = self._who(statement)
        if "Action" not in given and "NotAction" not in given:
            operations = self._operations(statement)
            self._check_operations(statement, operations)
            given["Action"] = collapsed(self._actions(operations))
        return self._effective(given, statement.sid)

    def _effective(self, given: dict[str, Value], sid: str) -> dict[str, Value]:
        """A statement that AWS would take and then ignore is a mistake."""
        for field in ("Principal", "Action", "Resource"):
            if not items(given.get(field)) and not items(given.get(f"Not{field}")):
                self._refuse_native(f"statement {sid} has no `{field}`: it would have no effect")
        return given

    def _refuse_native(self, why: str) -> NoReturn:
        raise RejectedError(
            "a native policy cannot be used",
            target=str(self._key.address),
            why=why[:1].upper() + why[1:] + ".",
            advice="Complete it, or say it neutrally.",
        )

    # -- gaps ----------------------------------------------------------------------------

    def _gap(self, statement: Statement, condition: str, operations: Iterable[str] = ()) -> str:
        """`skip` or `drop`, if somebody accepted that this condition is not enforced here."""
        accepted: Iterable[Unenforced] = (*statement.unenforced, *self._key.unenforced)
        for gap in accepted:
            named = gap.provider in (self._key.provider, self._key.provider_type)
            if named and condition in gap.what:
                return gap.then
        on = f" on {', '.join(operations)}" if operations else ""
        raise RejectedError(
            f"AWS cannot enforce the condition {condition} of statement {statement.sid}{on}",
            target=str(self._key.address),
            why="A request for it has no encryption context."
            if operations
            else f"A key policy can check {', '.join(sorted(ENFORCED))}.",
            advice="Move it to a statement without the condition, or accept the gap by name: "
            f"unenforced: {{{self._key.provider_type}: {{what: [{condition}], then: skip, "
            "reason: ..., until: ...}}.",
        )


def _each(effect: Effect, who: Value, actions: list[str], form: Form) -> Iterable[dict[str, Value]]:
    """One statement for each clause; none where nothing is left to say."""
    for clause in form if actions else ():
        yield _written(effect, who, actions) | {"Condition": condition_block(clause)}


def _written(effect: Effect, who: Value, actions: Iterable[str]) -> dict[str, Value]:
    return {
        "Effect": effect.value,
        "Principal": who,
        "Action": collapsed(actions),
        "Resource": "*",
    }
