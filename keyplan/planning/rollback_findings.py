"""What people are told of a rollback before anything is done.

Three kinds: what stands in the way (errors), what an undo leaves behind (notes), and what
cannot be taken back at all (warnings).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from keyplan.diagnostics import Severity
from keyplan.errors import DeniedError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    CreateGrant,
    CreateKey,
    ReplicateKey,
    RewrapKey,
    SetAttribute,
    is_remote,
)
from keyplan.planning.drafts import Draft
from keyplan.planning.rollback_past import Mismatch, Present, Run
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Step
from keyplan.state.fold import Effect
from keyplan.state.model import Phase

IN_THE_WAY = "KP-BACK-001"
RESIDUE = "KP-BACK-002"
LEFT = "KP-BACK-003"
BUILT_UPON = "KP-BACK-004"

REMAINS = frozenset({RESIDUE, LEFT})
"""The rules of what a rollback does not bring back: what its report repeats."""

_ADVICE = (
    "Nothing is overwritten. Take that change back yourself, or apply the configuration that"
    " you want: keyplan plan"
)


_READABLE = "{} Then roll back again: what was taken back stays so."


def _conflict(address: Address, summary: str, advice: str = _ADVICE) -> Finding:
    return Finding(IN_THE_WAY, Severity.ERROR, summary, address, None, advice)


def changed_since(run: str, mismatches: Sequence[Mismatch]) -> Iterator[Finding]:
    """Paths that are not as the run left them, once each."""
    for item in dict.fromkeys(mismatches):
        path = item.path.removeprefix("record:")
        if item.unseen:
            what = f"{path} of {item.address} cannot be read, so nobody knows who set it last"
        else:
            what = f"{path} of {item.address} was changed since run {run}"
        yield _conflict(item.address, what)


def gone(run: str, address: Address) -> Finding:
    """A key that the run changed does not exist any more."""
    return _conflict(address, f"{address}, which run {run} changed, is not there any more")


def handed_over(run: str, address: Address) -> Finding:
    """A key that the run changed is not keyplan's to change any more."""
    what = f"{address}, which run {run} changed, is only observed by now and stays as it is"
    advice = f"Declare {address} without `lifecycle: {{manage: observe}}`, and apply that first."
    return _conflict(address, what, advice)


def elsewhere(run: str, address: Address) -> Finding:
    """The rename was taken back already, and a change before it was not."""
    return _conflict(address, f"{address}, which run {run} changed, has another address by now")


def taken(then: str, address: Address, holder: str) -> Finding:
    """The address or the key came to be somebody else's."""
    what = f"{address} cannot come back as {then} had it: {holder} is in its place"
    return _conflict(address, what)


def residue(effect: Effect) -> Finding:
    """What an undo leaves behind."""
    operation, inverse = effect.started.operation, effect.started.inverse
    address = operation.target
    if isinstance(operation, CreateKey | ReplicateKey):
        what = f"{address} was made by the run: it stays, suspended and tracked in the state"
        advice = (
            "To use it after all, declare `state: active`. To be rid of it, add"
            f" `removed: [{{from: '{address}', mode: destroy}}]`."
        )
        return Finding(RESIDUE, Severity.NOTE, what, address, None, advice)
    return Finding(RESIDUE, Severity.NOTE, f"{address}: {inverse.residue}", address)


def ended(grant: CreateGrant) -> Finding:
    """A grant whose time is over is not given again."""
    what = f"{grant.target}: the grant {grant.grant} has ended since, and is not given again"
    return Finding(RESIDUE, Severity.NOTE, what, grant.target)


def left(effect: Effect) -> Finding:
    """A step that had no way back."""
    operation = effect.started.operation
    words = operation.name.replace("_", " ")
    if isinstance(operation, SetAttribute):
        words = f"set {operation.attribute}"
    what = f"{words} of {operation.target} has no way back and stays done"
    return Finding(LEFT, Severity.WARNING, what, operation.target)


def hidden(address: Address, refusal: DeniedError) -> Finding:
    """A key of which nothing may be read is left as it is, whatever it is now."""
    why = (refusal.why or refusal.what).rstrip(".")
    what = f"{address} cannot be taken back: it cannot be read: {why}"
    return Finding(LEFT, Severity.WARNING, what, address, None, _READABLE.format(refusal.advice))


def beside_hidden(effect: Effect, other: Address) -> Finding:
    """A step on a key that can be read and on one that cannot."""
    operation = effect.started.operation
    words = operation.name.replace("_", " ")
    what = f"{words} of {operation.target} stays done: {other} cannot be read"
    return Finding(LEFT, Severity.WARNING, what, operation.target)


def needs_active(step: Step, state: KeyState) -> Finding:
    """An undo that the service refuses while the key is not active."""
    what = f"{step.address} is {state.value}, so that its provider refuses {step.call}: stays done"
    advice = "Declare what is missing once the key is active again."
    return Finding(LEFT, Severity.WARNING, what, step.address, None, advice)


def not_back(address: Address, what: str) -> Finding:
    """Something of an earlier state that no operation brings back."""
    return Finding(LEFT, Severity.WARNING, f"{address}: {what}", address)


def newer(address: Address) -> Finding:
    """A key that an earlier state did not know."""
    what = f"{address} is newer than that state: it stays, suspended and tracked in the state"
    return Finding(RESIDUE, Severity.NOTE, what, address)


def on_the_way_out(run: Run, present: Present, drafts: Iterable[Draft]) -> Iterator[Finding]:
    """Keys whose deletion was scheduled since: until that is cancelled, nothing can be done."""
    first: dict[Address, Draft] = {}
    for draft in drafts:
        if is_remote(draft.operation):
            first.setdefault(draft.address, draft)
    for address, draft in first.items():
        live = present.live.get(address)
        pending = live is not None and live.deletion_at is not None
        if pending and not isinstance(draft.operation, CancelDeletion):
            what = f"deletion of {address} was scheduled since run {run.name}"
            yield _conflict(address, what)


def built_upon(run: Run, present: Present, drafts: Iterable[Draft]) -> Iterator[Finding]:
    """Keys in use whose material rests on a key that the run made, and that is suspended now."""
    moved = {draft.address for draft in drafts if isinstance(draft.operation, RewrapKey)}
    for address, resource in present.state.resources.items():
        parent = resource.attributes.get("parent")
        if not isinstance(parent, str) or Address(parent) not in run.made:
            continue
        if address in run.made or address in moved or resource.phase is not Phase.LIVE:
            continue
        if Address(parent) in present.hidden:
            continue  # it is left as it is
        if resource.attributes.get("relation") == "governs":
            continue
        yield Finding(
            BUILT_UPON,
            Severity.ERROR,
            f"{address} has come to rest on {parent}, which run {run.name} made",
            address,
            None,
            "Roll back the runs after it first, or give the key another parent.",
        )
