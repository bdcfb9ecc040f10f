"""The closed set of things keyplan can do. The heart of the vocabulary.

Each operation names its target absolutely (version n+1, grant G, token T), so that a
finished one is recognised and never done twice. Each carries the value that was
observed before it, so that its inverse is known before anything is done
(`keyplan.model.inverses`). A provider executes exactly one at a time, once.

`RemoteOperation` changes the world through a provider; `StateOperation` changes only
keyplan's own state and makes no call. Services with objects of their own (mounts,
roles, rings) use `PutDocument` with a kind that their provider declares: the union
stays closed.

Fields hold JSON values and the model's enumerations only, so that an operation
written to a plan file or a journal reads back equal (`keyplan.model.encoding`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, TypeGuard

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.values import Value

# -- existence ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make a key with new material, marked with `owner`, in one call.

    The token in `owner` is how the key is found again when the answer is lost.
    `attributes` holds what the service accepts in the same call; everything else
    follows as operations of its own. `settings` is the provider's own block.
    Expects absence: it never adopts what is there already. `bypass`: see `PutPolicy`.
    """

    name: ClassVar[str] = "create_key"
    target: Address
    owner: OwnerMark
    usage: str
    algorithm: str
    parent: Address | None
    relation: str | None
    attributes: dict[str, Value]
    settings: dict[str, Value] = field(default_factory=dict)
    bypass: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleDeletion:
    """Start the window at whose end the material is destroyed. `window` is a duration text."""

    name: ClassVar[str] = "schedule_deletion"
    target: Address
    window: str


@dataclass(frozen=True, slots=True)
class CancelDeletion:
    """Take a key out of pending deletion. It comes back `suspended`; `window` is what was left."""

    name: ClassVar[str] = "cancel_deletion"
    target: Address
    window: str


@dataclass(frozen=True, slots=True)
class DestroyKey:
    """Destroy the material now, where the service has no window and keyplan held the clock."""

    name: ClassVar[str] = "destroy_key"
    target: Address


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Put keyplan's mark on a key, move it to another stack, or take it off (`after` is `None`)."""

    name: ClassVar[str] = "set_owner"
    target: Address
    before: OwnerMark | None
    after: OwnerMark | None


# -- the key itself ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeState:
    """Move a key from one NIST state to another (`keyplan.model.keys.TRANSITIONS`)."""

    name: ClassVar[str] = "change_state"
    target: Address
    before: KeyState
    after: KeyState


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """Set one attribute that the service stores as a whole: description, rotation, expiry, ..."""

    name: ClassVar[str] = "set_attribute"
    target: Address
    attribute: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class PutLabels:
    """Set labels and remove labels. `before` has the old value of each label touched, if any."""

    name: ClassVar[str] = "put_labels"
    target: Address
    put: dict[str, Value]
    remove: list[str]
    before: dict[str, Value]


@dataclass(frozen=True, slots=True)
class RewrapKey:
    """Protect a key's material with another parent, inside one provider.

    `None` is the provider's own sealing key.
    """

    name: ClassVar[str] = "rewrap_key"
    target: Address
    before: Address | None
    after: Address | None


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Let the parent sign a certificate over the key's public key (RFC 5280).

    `profile` is `{"subject", "valid", "usages"}`; `version` is the key version certified.
    """

    name: ClassVar[str] = "issue_certificate"
    target: Address
    parent: Address
    profile: dict[str, Value]
    version: int


# -- access ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PutPolicy:
    """Replace the key's policy. `None` is the provider's default policy.

    `bypass` leaves out the service's own check that the caller could set it again.
    """

    name: ClassVar[str] = "put_policy"
    target: Address
    before: Value
    after: Value
    bypass: bool = False


@dataclass(frozen=True, slots=True)
class CreateGrant:
    """Give a named grant. Grants are immutable: a change is a new grant, then a revocation.

    Where the service has names of one grant only, the revocation comes first.
    """

    name: ClassVar[str] = "create_grant"
    target: Address
    grant: str
    terms: dict[str, Value]


@dataclass(frozen=True, slots=True)
class RevokeGrant:
    """Take back the grant that has the name and these `terms`."""

    name: ClassVar[str] = "revoke_grant"
    target: Address
    grant: str
    terms: dict[str, Value]


# -- names -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateAlias:
    """Give the key a name that nothing has yet."""

    name: ClassVar[str] = "create_alias"
    target: Address
    alias: str


@dataclass(frozen=True, slots=True)
class MoveAlias:
    """Point a name at the target instead of `source`, in one atomic step."""

    name: ClassVar[str] = "move_alias"
    target: Address
    alias: str
    source: Address


@dataclass(frozen=True, slots=True)
class DeleteAlias:
    """Take a name off the key."""

    name: ClassVar[str] = "delete_alias"
    target: Address
    alias: str


# -- versions ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Make version `version` and let new protection use it; the one before still processes."""

    name: ClassVar[str] = "rotate_key"
    target: Address
    version: int


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    """Let new protection use version `after` instead of `before`; both keep processing."""

    name: ClassVar[str] = "activate_version"
    target: Address
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class RetireVersion:
    """Stop accepting a version: what it protected is not processed until it is accepted again."""

    name: ClassVar[str] = "retire_version"
    target: Address
    version: int


@dataclass(frozen=True, slots=True)
class AcceptVersion:
    """Accept a retired version again."""

    name: ClassVar[str] = "accept_version"
    target: Address
    version: int


@dataclass(frozen=True, slots=True)
class DestroyVersion:
    """Destroy the material of one version for good."""

    name: ClassVar[str] = "destroy_version"
    target: Address
    version: int


# -- elsewhere ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicateKey:
    """Make the same key in another place. `target` is the replica's address.

    It is performed with the connection of the replica's place. `primary` is the key that
    is the primary now; it lives in another place (`keyplan.sdk.provider.Bindings`).
    `bypass`: see `PutPolicy`.
    """

    name: ClassVar[str] = "replicate_key"
    target: Address
    primary: Address
    owner: OwnerMark
    attributes: dict[str, Value]
    bypass: bool = False


@dataclass(frozen=True, slots=True)
class ChangePrimary:
    """Make another replica the primary.

    `target` is the declared key, wherever the primary is; `before` and `after` are the
    key itself or one of its replicas, as addresses that bindings name.
    """

    name: ClassVar[str] = "change_primary"
    target: Address
    before: Address
    after: Address


@dataclass(frozen=True, slots=True)
class PutDocument:
    """Write, replace or remove (`after` is `None`) an object of a kind the provider declares."""

    name: ClassVar[str] = "put_document"
    target: Address
    kind: str
    document: str
    before: Value
    after: Value


# -- keyplan's own state -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordAttributes:
    """Write recorded attributes of a key to the state: an update that needs no call."""

    name: ClassVar[str] = "record_attributes"
    target: Address
    before: dict[str, Value]
    after: dict[str, Value]


@dataclass(frozen=True, slots=True)
class AdoptKey:
    """Take an existing key into the state under the target's address."""

    name: ClassVar[str] = "adopt_key"
    target: Address
    id: str


@dataclass(frozen=True, slots=True)
class ForgetKey:
    """Drop a key from the state; the key itself is not touched. `id` is what it was."""

    name: ClassVar[str] = "forget_key"
    target: Address
    id: str


@dataclass(frozen=True, slots=True)
class RenameKey:
    """Give a key of the state another address; the key itself is not touched. `id` is its own."""

    name: ClassVar[str] = "rename_key"
    target: Address
    source: Address
    id: str


RemoteOperation: TypeAlias = (
    CreateKey
    | ScheduleDeletion
    | CancelDeletion
    | DestroyKey
    | SetOwner
    | ChangeState
    | SetAttribute
    | PutLabels
    | RewrapKey
    | IssueCertificate
    | PutPolicy
    | CreateGrant
    | RevokeGrant
    | CreateAlias
    | MoveAlias
    | DeleteAlias
    | RotateKey
    | ActivateVersion
    | RetireVersion
    | AcceptVersion
    | DestroyVersion
    | ReplicateKey
    | ChangePrimary
    | PutDocument
)
StateOperation: TypeAlias = RecordAttributes | AdoptKey | ForgetKey | RenameKey
Operation: TypeAlias = RemoteOperation | StateOperation

SETS_POLICY = (CreateKey, ReplicateKey, PutPolicy)
"""What puts a policy in force, or may."""

STATE_OPERATIONS = (RecordAttributes, AdoptKey, ForgetKey, RenameKey)


def bypasses(operation: Operation) -> bool:
    """Whether the service is told not to check that the caller could set the policy again."""
    return isinstance(operation, SETS_POLICY) and operation.bypass


def is_remote(operation: Operation) -> TypeGuard[RemoteOperation]:
    """Whether it makes a call to a provider."""
    return not isinstance(operation, STATE_OPERATIONS)
