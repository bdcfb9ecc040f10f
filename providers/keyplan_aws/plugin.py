"""The offline half of AWS KMS: rules of the service, no I/O, no SDK, light to import."""

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
    from keyplan_aws.places import Place
    from keyplan_aws.provider import AwsProvider


class AwsPlugin:
    """Implements `keyplan.sdk.provider.Plugin`, for any place or, `located`, for one."""

    name = "aws"
    summary = "AWS KMS: keys, policies, aliases, grants and replicas of an account and Region"
    key_settings_model = None

    def __init__(self, place: Place | None = None, tags: Mapping[str, str] | None = None) -> None:
        self._place = place
        self._tags = dict(tags or {})

    @property
    def _account(self) -> str | None:
        return None if self._place is None else self._place.account

    @property
    def settings_model(self) -> type[BaseModel]:
        """The provider block."""
        from keyplan_aws.settings import AwsSettings

        return AwsSettings

    def capabilities(self) -> Capabilities:
        """The manifest; constant."""
        from keyplan_aws.manifest import capabilities

        return capabilities()

    def located(self, identity: Identity, settings: BaseModel) -> AwsPlugin:
        """The plugin that knows its account, Region and partition, and the default tags."""
        from keyplan_aws.places import Place

        return AwsPlugin(Place.parse(identity.place), getattr(settings, "default_tags", None))

    def default_labels(self) -> Mapping[str, str]:
        """The block's `default_tags`, once it is connected."""
        return self._tags

    def elsewhere(self, key_id: str) -> str:
        """The account and Region of an ARN, where the connection is in another."""
        from keyplan_aws.places import Place

        place = Place.of(key_id)
        return "" if None in (place, self._place) or place == self._place else str(place)

    def check(self, key: DesiredKey) -> Sequence[Diagnostic]:
        """What AWS would refuse about a key, with the line that asks for it."""
        from keyplan_aws.checks import check

        return check(key)

    def canonical(self, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
        """One spelling per meaning."""
        from keyplan_aws.attributes import canonical

        return canonical(attributes, self._spelt_policy)

    def _spelt_policy(self, policy: Value) -> Value:
        from keyplan_aws.policy.canonical import canonical_policy

        return canonical_policy(policy, account=self._account)

    def compile_policy(self, policy: EffectivePolicy, key: DesiredKey) -> Value:
        """The key policy. Raises `RejectedError` for what AWS cannot enforce."""
        from keyplan_aws.policy.compiling import compile_policy

        partition = "aws" if self._place is None else self._place.partition
        return compile_policy(policy, key, self._account, partition)

    def access(self, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """Who may do what, by a key policy (`None`: AWS's default one) and grants."""
        from keyplan_aws.policy.access import atoms

        return atoms(policy, grants, self._account)

    def review_policy(self, policy: Value, caller: str) -> PolicyReview | None:
        """What AWS and a reviewer would object to, lockout first."""
        from keyplan_aws.policy.preflight import review

        return review(policy, account=self._account, caller=caller)

    def defaults(self, key: DesiredKey) -> Mapping[str, Value]:  # noqa: ARG002  (the contract's)
        """What an omitted attribute becomes on creation; the same for every key."""
        from keyplan_aws.attributes import DEFAULTS

        return dict(DEFAULTS)

    def permissions(self) -> Sequence[Permission]:
        """The IAM actions that each command needs."""
        from keyplan_aws.permissions import permissions

        return permissions()

    def open(self, settings: BaseModel, context: OpenContext) -> AwsProvider:
        """Connect."""
        from keyplan_aws.opening import open_provider

        return open_provider(settings, context)


PLUGIN = AwsPlugin()
