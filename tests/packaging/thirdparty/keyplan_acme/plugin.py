"""The offline half: what Acme's vault offers, and its own form of policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from keyplan.access.atoms import ANYONE, Atom
from keyplan.diagnostics import Diagnostic
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import KeyState, Relation, Usage
from keyplan.model.policies import ADMINISTER, Effect, EffectivePolicy, expand
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Attribute, Capabilities, Mutability, Reading
from keyplan.sdk.provider import Identity, OpenContext, Permission, PolicyReview, Provider

FIXED = Attribute(Reading.OBSERVED, Mutability.IMMUTABLE, at_create=True)
CAPABILITIES = Capabilities(
    attributes={
        "usage": FIXED,
        "algorithm": FIXED,
        "state": Attribute(Reading.OBSERVED),
        "description": Attribute(Reading.OBSERVED, at_create=True),
        "labels": Attribute(Reading.OBSERVED, at_create=True),
        "policy": Attribute(Reading.OBSERVED, at_create=True),
        "tier": Attribute(Reading.RECORDED),
        "parent": Attribute(Reading.RECORDED),
        "relation": Attribute(Reading.RECORDED),
        "scope": Attribute(Reading.RECORDED),
        "owner": Attribute(Reading.RECORDED),
        "deletion": Attribute(Reading.RECORDED),
    },
    operations=frozenset(
        {
            "create_key", "schedule_deletion", "cancel_deletion", "set_owner", "change_state",
            "set_attribute", "put_labels", "put_policy",
        }
    ),
    algorithms={
        "aes-256": frozenset({Usage.ENCRYPT, Usage.WRAP}),
        "ed25519": frozenset({Usage.SIGN}),
    },
    relations=frozenset({Relation.GOVERNS}),
    default_relation=Relation.GOVERNS,
    threads=4,
    states=frozenset({KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.COMPROMISED}),
)  # fmt: skip


class AcmeSettings(BaseModel):
    """`acme: {path: acme.json}`; the path starts at the stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Path("acme.json")


class AcmePlugin:
    """What `keyplan` finds by the entry point."""

    name = "acme"
    summary = "Acme's vault"
    settings_model: type[BaseModel] = AcmeSettings
    key_settings_model: type[BaseModel] | None = None

    def capabilities(self) -> Capabilities:
        """The manifest."""
        return CAPABILITIES

    def located(self, identity: Identity, settings: BaseModel) -> AcmePlugin:
        return self

    def default_labels(self) -> Mapping[str, str]:
        return {}

    def elsewhere(self, key_id: str) -> str:
        return ""

    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        """Nothing beyond the manifest."""
        return ()

    def canonical(self, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
        """Values are stored as they are; only a list of aliases has an order to lose."""
        return {
            name: [*sorted(map(str, value))] if isinstance(value, list) else value
            for name, value in attributes.items()
        }

    def compile_policy(self, policy: EffectivePolicy, key: DesiredKey) -> Value:
        """`{"admins": [identity], "rules": [{"sid", "effect", "who", "what"}]}`."""
        rules: list[Value] = []
        for statement in policy.statements:
            for condition in (*statement.when, *statement.unless):
                raise RejectedError(
                    f"statement {statement.sid} has the condition {condition},"
                    " which Acme's vault does not enforce",
                    target=key.address,
                )
            if statement.expires_at is not None or key.usage is None:
                raise RejectedError(f"statement {statement.sid} ends", target=key.address)
            who = statement.principals
            rules.append(
                {
                    "sid": statement.sid,
                    "effect": statement.effect.value,
                    "who": [ANYONE] if who is None else _identities(policy, who, key),
                    "what": [*sorted(expand(statement.operations, key.usage))],
                }
            )
        admins = _identities(policy, policy.administrators, key)
        return {"admins": admins, "rules": sorted(rules, key=canonical_json)}

    def access(self, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """Administrators and rules, as atoms; without a policy `acme:root` administers."""
        return sorted(_atoms(policy if isinstance(policy, dict) else {"admins": ["acme:root"]}))

    def review_policy(self, policy: Value, caller: str) -> PolicyReview | None:
        """Nothing beyond what the atoms say."""
        return None

    def defaults(self, key: DesiredKey) -> Mapping[str, Value]:
        """No description, no labels."""
        return {"description": None, "labels": {}}

    def permissions(self) -> Sequence[Permission]:
        """The file must be readable, and writable to apply."""
        return (Permission("file", ("plan", "apply", "drift"), "keys are in it"),)

    def open(self, settings: BaseModel, context: OpenContext) -> Provider:
        """Open the vault."""
        from keyplan_acme.vault import Vault  # noqa: PLC0415  (only when it is needed)

        assert isinstance(settings, AcmeSettings)
        return Vault(context.stack / settings.path, context)


def _identities(policy: EffectivePolicy, names: Sequence[Address], key: DesiredKey) -> list[Value]:
    found: set[str] = set()
    for name in names:
        principal = policy.principals.get(name)
        identities = principal.identities_on(key.provider) if principal else ()
        if not identities:
            raise RejectedError(f"{name} has no identity on {key.provider}", target=key.address)
        found.update(identities)
    return [*sorted(found)]


def _atoms(policy: Mapping[str, Value]) -> Iterator[Atom]:
    admins, rules = policy.get("admins"), policy.get("rules")
    for admin in admins if isinstance(admins, list) else ():
        for operation in ADMINISTER:
            yield Atom(Effect.ALLOW, str(admin), operation, source="admins")
    for rule in rules if isinstance(rules, list) else []:
        assert isinstance(rule, dict)
        who, what = rule["who"], rule["what"]
        assert isinstance(who, list)
        assert isinstance(what, list)
        for principal in who:
            for neutral in what:
                effect = Effect(str(rule["effect"]))
                yield Atom(effect, str(principal), str(neutral), source=str(rule["sid"]))


PLUGIN = AcmePlugin()
