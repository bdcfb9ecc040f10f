"""The offline half of the HSM emulator: rules of the service, no I/O, light to import."""

# ruff: noqa: PLC0415  (each method imports what it needs: `keyplan --help` needs nothing)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keyplan.model.values import Value

if TYPE_CHECKING:
    from pydantic import BaseModel

    from keyplan.access.atoms import Atom
    from keyplan.diagnostics import Diagnostic
    from keyplan.model.policies import EffectivePolicy
    from keyplan.model.resources import DesiredKey
    from keyplan.sdk.capabilities import Capabilities
    from keyplan.sdk.provider import Identity, OpenContext, Permission, PolicyReview
    from keyplan_hsm.provider import HsmProvider


class HsmPlugin:
    """Implements `keyplan.sdk.provider.Plugin`."""

    name = "hsm"
    summary = "local HSM emulator: real cryptography in one SQLite file, not hardware"
    key_settings_model = None

    @property
    def settings_model(self) -> type[BaseModel]:
        """The provider block."""
        from keyplan_hsm.settings import HsmSettings

        return HsmSettings

    def capabilities(self) -> Capabilities:
        """The manifest; constant."""
        from keyplan_hsm.manifest import capabilities

        return capabilities()

    def located(self, identity: Identity, settings: BaseModel) -> HsmPlugin:  # noqa: ARG002
        """The same everywhere."""
        return self

    def default_labels(self) -> Mapping[str, str]:
        """None."""
        return {}

    def elsewhere(self, key_id: str) -> str:  # noqa: ARG002  (an id is of no token)
        """An id says nothing of the token that it is in."""
        return ""

    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        """What the HSM would refuse about a key, with the line that asks for it."""
        from keyplan_hsm.checks import check

        return check(key)

    def canonical(self, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
        """One spelling per meaning."""
        from keyplan_hsm.attributes import canonical

        return canonical(attributes)

    def compile_policy(self, policy: EffectivePolicy, key: DesiredKey) -> Value:
        """The emulator's own document. Raises `RejectedError` for what it cannot enforce."""
        from keyplan_hsm.policy import compile_policy

        return compile_policy(policy, key)

    def access(self, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """Who may do what, by a document (`None`: the officer alone) and grants."""
        from keyplan_hsm.policy import atoms

        return atoms(policy, grants)

    def review_policy(self, policy: Value, caller: str) -> PolicyReview | None:  # noqa: ARG002
        """The atoms say everything; the officer repairs what nobody else can."""
        return None

    def defaults(self, key: DesiredKey) -> Mapping[str, Value]:  # noqa: ARG002  (the contract's)
        """What an omitted attribute becomes on creation; the same for every key."""
        from keyplan_hsm.attributes import AT_CREATE

        return {**AT_CREATE, "aliases": [], "grants": {}, "certificate": None}

    def permissions(self) -> Sequence[Permission]:
        """What each command needs."""
        from keyplan_hsm.manifest import permissions

        return permissions()

    def open(self, settings: BaseModel, context: OpenContext) -> HsmProvider:
        """Connect; without `read_only`, a store that exists is unlocked at once."""
        from keyplan_hsm.opening import open_provider

        return open_provider(settings, context)


PLUGIN = HsmPlugin()
