"""The contract of a provider. Each must below has a test in `keyplan.testing`.

A provider has two halves. The `Plugin` is pure and offline: it knows the service but
talks to nobody, so `validate` uses it without credentials. The `Provider` is an open
connection: it reads, finds, and executes one operation once.

The core owns ordering, diff, retry, rate limits, safety and rendering; a provider owns
translation. `keyplan.session` is the only caller: it retries, limits, checks the
promises made here, and lets nothing through but the errors of `keyplan.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel

from keyplan.access.atoms import Atom
from keyplan.diagnostics import Diagnostic, Severity
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import RemoteOperation
from keyplan.model.policies import EffectivePolicy
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Capabilities

Bindings: TypeAlias = Mapping[Address, str]
"""The provider's ids of the keys that an operation may speak of (target, parent, source).

A key that lives with another instance than the target (a primary or a replica elsewhere)
is bound to its attribute `arn` where its provider reports one: an id need only be unique
within an instance. A provider with replicas reports `multi_region` and, where that is
true, `arn` and `primary`, the `arn` of the key that is the primary now.
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who and where a connection is. Bound into a plan: applying elsewhere is refused.

    `place` identifies the service instance (`111122223333, eu-west-1`, an HSM serial);
    `principal` is who acts; `summary` is one line for people. `formerly` is the place
    under which the same instance was known before it existed, where the first apply
    makes it: a plan that is bound to that place still fits.
    """

    place: str
    principal: str
    summary: str
    formerly: str = ""

    def is_at(self, place: str) -> bool:
        """Whether this is the instance that was bound under that place."""
        return place == self.place or bool(self.formerly and place == self.formerly)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one operation did.

    `observation` is the key afterwards, as far as the provider knows without another
    read; `None` means that the core reads it back in the batched pass at the end.
    """

    id: str
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of everything a provider holds. `cursor` resumes; `None` when this was the last."""

    observations: Sequence[Observation]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission that a command needs in the service, for docs and error messages.

    `reads` are the attributes that cannot be read without it.
    """

    name: str
    needed_for: tuple[str, ...]  # "plan", "apply", "drift"
    why: str
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with a native policy; level error refuses the plan. `code` is documented.

    What is `lasting` is said also of a live policy that keyplan only looks at. `deleted` is the
    service's id of somebody who is no more, where it is about one.
    """

    code: str
    level: Severity
    message: str
    advice: str = ""
    lasting: bool = False
    deleted: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReview:
    """What the service's own rules say about a policy before it is put.

    `administrators` are those who surely can set it again, by the policy alone. `caller`:
    whether who puts it could; `False` where the service would refuse it for that, unless it
    is told not to check (`PutPolicy.bypass`), and `None` where the policy does not tell.
    """

    administrators: frozenset[str]
    problems: Sequence[PolicyProblem] = ()
    caller: bool | None = None


@dataclass(frozen=True, slots=True)
class OpenContext:
    """What a provider may use beside its settings.

    `stack` is the folder of the stack: relative paths in settings start there. `now`
    is the instant of the run. `read_only` promises that nothing will be executed: a
    provider must then need no secret and create nothing.
    """

    stack: Path
    now: datetime
    read_only: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Provider(Protocol):
    """An open connection. Methods may be called from `capabilities().threads` threads."""

    def identify(self) -> Identity:
        """Say who and where this is. Must be stable while the connection is open."""

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Read keys by id in one batch; absent ids are left out. Pending deletion is no absence.

        Where the service has other names for a key (an alias to import it by), what was
        asked for by one is answered under it, and the observation has the key's own id.

        Raises `HiddenKeysError` (`keyplan.sdk.hidden`), with all the others, for keys that are
        there and of which nothing may be read.
        """

    def scan(self, cursor: str | None = None) -> Page:
        """List everything, a page at a time. A page must be resumable from its cursor."""

    def find(self, token: str) -> Observation | None:
        """The key that carries this operation token, if any.

        Raises `HiddenCandidateError` (`keyplan.sdk.hidden`) if a key may be it of which nobody may
        see what it carries: taken for absent, it would be made again.
        """

    def find_alias(self, alias: str) -> str | None:
        """The id of the key that an alias points to, if any."""

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,
        deadline: float | None = None,
    ) -> Outcome:
        """Do exactly one operation, once, with the service's own retries off.

        An operation that has visibly been done already (the target version exists, the
        alias points there) must succeed without doing it again. Create must expect
        absence. `expects` is a fingerprint: where the service has compare-and-swap it
        must be used. `deadline` is in seconds. A lost answer must raise
        `OutcomeUnknownError`, and nothing else may.
        """

    def close(self) -> None:
        """Release everything. Idempotent."""


@runtime_checkable
class Plugin(Protocol):
    """The offline half: pure functions over the service's rules. No I/O anywhere."""

    @property
    def name(self) -> str:
        """The provider type, as the language names it (`hsm`, `aws`)."""

    @property
    def summary(self) -> str:
        """One line for `keyplan providers`."""

    @property
    def settings_model(self) -> type[BaseModel]:
        """Validates the provider block. Extra keys must be forbidden."""

    @property
    def key_settings_model(self) -> type[BaseModel] | None:
        """Validates the provider's own block on a key, or `None` if it has none."""

    def capabilities(self) -> Capabilities:
        """The manifest. Must be constant."""

    def located(self, identity: Identity, settings: BaseModel) -> Plugin:
        """This plugin as it is for one connection, or itself where the place changes nothing.

        What `canonical`, `compile_policy` and `access` may need of the place (the account
        that a policy speaks of, its partition) comes from here. Must be pure; `validate`
        works without it.
        """

    def default_labels(self) -> Mapping[str, str]:
        """Labels that every key of this connection gets beside its own; a key's own win."""

    def elsewhere(self, key_id: str) -> str:
        """The place that an id of a key names, where that is not the one of this connection.

        Empty for a key that may be here, and where an id says nothing of its place.
        """

    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        """What the service would refuse about this key, beyond the manifest."""

    def canonical(self, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
        """One spelling per meaning, so that difference is drift. Must be pure and idempotent."""

    def compile_policy(self, policy: EffectivePolicy, key: DesiredKey) -> Value:
        """The service's own policy document, canonical and deterministic.

        Raises `RejectedError` that names the statement and condition it cannot honour.
        """

    def access(self, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """The atoms of a native policy (`None`: the provider's default) and of grants."""

    def review_policy(self, policy: Value, caller: str) -> PolicyReview | None:
        """The service's own judgement of a policy; `None` where its atoms say everything.

        `caller` is the principal that would put it (`Identity.principal`), or empty.
        """

    def defaults(self, key: DesiredKey) -> Mapping[str, Value]:
        """What an omitted attribute becomes on creation: the safest documented default."""

    def permissions(self) -> Sequence[Permission]:
        """Everything that plan, apply and drift need."""

    def open(self, settings: BaseModel, context: OpenContext) -> Provider:
        """Connect. Imports the service's SDK here, not before."""
