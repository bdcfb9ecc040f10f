"""Reading back what a run wrote, in one batch per provider at its end.

Only keys that no outcome described are read. Rules: a key that cannot be read, or does
not show our write yet, is a warning: the write was answered, and the state keeps what
it meant. What is read too early is not believed, or the state would remember the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from keyplan.applying.known import Known
from keyplan.applying.recognise import was_done
from keyplan.errors import KeyplanError
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    AdoptKey,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    PutDocument,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RemoteOperation,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.sdk.hidden import HiddenKeysError
from keyplan.session.session import ProviderSession
from keyplan.state.entries import Entry, StepStarted, StepSucceeded, Verified


@dataclass(slots=True)
class Unread:
    """A key that the run changed and nobody described. `last` is the latest write to each facet.

    `id` is empty where no entry has it.
    """

    provider: str
    id: str
    last: dict[tuple[str, str], RemoteOperation] = field(default_factory=dict)


def read_back(
    entries: Iterable[Entry],
    known: Known,
    sessions: Mapping[str, ProviderSession],
    *,
    also: Collection[Address] = (),
) -> tuple[list[Verified], list[str]]:
    """Entries for what was read, and warnings for what could not be.

    `also` names keys to read in any case, if their id is known.
    """
    verified: list[Verified] = []
    warnings: list[str] = []
    by_provider: dict[str, dict[Address, Unread]] = {}
    changed = unread(entries)
    for address in also:
        key_id, provider = known.id_of(address), known.provider_of(address)
        if address not in changed and key_id and provider:
            changed[address] = Unread(provider, key_id)
    for address, item in changed.items():
        item.id = item.id or known.id_of(address) or ""
        if item.id:
            by_provider.setdefault(item.provider, {})[address] = item
    for provider, items in by_provider.items():
        if provider not in sessions:
            why = "it is not declared any more"
            warnings.append(f"{len(items)} keys of {provider} were not read back: {why}")
            continue
        seen: Mapping[str, Observation]
        refused: Mapping[str, KeyplanError] = {}
        try:
            seen = sessions[provider].read([item.id for item in items.values()])
        except HiddenKeysError as error:
            seen, refused = error.seen, error.hidden
        except KeyplanError as error:
            warnings.append(f"{len(items)} keys of {provider} were not read back: {error.what}")
            continue
        for address, item in items.items():
            if item.id in refused:
                warnings.append(f"{address} was not read back: {refused[item.id].what}")
                continue
            key = seen.get(item.id)
            try:
                hidden = _not_visible(item, key, known)
            except KeyplanError as error:  # what another key is called had to be asked
                warnings.append(f"{address} was not read back: {error.what}")
                continue
            if key is None or hidden:
                warnings.append(f"{address}: {hidden} is not visible yet")
            else:
                verified.append(Verified(address, key))
    return verified, warnings


def unread(entries: Iterable[Entry]) -> dict[Address, Unread]:
    """The keys to read back after these entries."""
    started: dict[int, StepStarted] = {}
    found: dict[Address, Unread] = {}
    for entry in entries:
        match entry:
            case StepStarted():
                started[entry.step] = entry
            case StepSucceeded():
                _note(found, started[entry.step], entry)
            case Verified(address):
                found.pop(address, None)
            case _:
                pass
    return found


def _note(found: dict[Address, Unread], started: StepStarted, done: StepSucceeded) -> None:
    operation = started.operation
    address = operation.target
    if isinstance(operation, MoveAlias):  # the key that had it was changed, too
        robbed = found.setdefault(operation.source, Unread(started.provider, ""))
        lost = DeleteAlias(operation.source, operation.alias)
        robbed.last[_facet(lost)] = lost
    match operation:
        case DestroyKey() | ForgetKey():
            found.pop(address, None)
        case _ if done.observation is not None:
            found.pop(address, None)
        case AdoptKey():
            found[address] = Unread(started.provider, done.id)
        case RecordAttributes() | RenameKey():
            pass  # nothing of the key itself was changed
        case remote:
            item = found.setdefault(address, Unread(started.provider, done.id))
            item.last[_facet(remote)] = remote


def _not_visible(item: Unread, key: Observation | None, known: Known) -> str:
    """What cannot be seen yet: the key, or a write to it. Empty if it shows everything."""
    if key is None:
        return "the key"
    for operation in item.last.values():
        if was_done(operation, key, known.known_ids(operation)) is False:
            return operation.name.replace("_", " ")
    return ""


def _facet(operation: RemoteOperation) -> tuple[str, str]:  # noqa: PLR0911
    """The part of a key that the operation writes: a later write to it undoes an earlier one."""
    match operation:
        case CreateKey() | ReplicateKey() | SetOwner():
            return "owner", ""
        case ScheduleDeletion() | CancelDeletion() | DestroyKey():
            return "deletion", ""
        case ChangeState():
            return "state", ""
        case SetAttribute(attribute=attribute):
            return "attribute", attribute
        case PutLabels():
            return "labels", ""
        case RewrapKey():
            return "parent", ""
        case IssueCertificate():
            return "certificate", ""
        case PutPolicy():
            return "policy", ""
        case CreateGrant(grant=grant, terms=terms) | RevokeGrant(grant=grant, terms=terms):
            return "grant", canonical_json([grant, terms])
        case CreateAlias(alias=alias) | MoveAlias(alias=alias) | DeleteAlias(alias=alias):
            return "alias", alias
        case RotateKey() | ActivateVersion():
            return "version", ""
        case (
            RetireVersion(version=version)
            | AcceptVersion(version=version)
            | DestroyVersion(version=version)
        ):
            return "version", str(version)
        case ChangePrimary():
            return "primary", ""
        case PutDocument(kind=kind, document=document):
            return "document", f"{kind}/{document}"
        case _:
            assert_never(operation)
