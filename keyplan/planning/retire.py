"""Keys that are in the state and no longer declared: protected, forgotten, or on the way out.

Rules (LANGUAGE.md §8): absence never destroys a protected key; destroying is staged
(suspend, soak, schedule, wait); where a service destroys at once, keyplan holds the
clock and destroys in a later apply; children go before their parents. A key that was only
observed at its last apply belongs to others: it is forgotten, and nothing of it is written.
So can a key of which nothing may be read be forgotten, and nothing else becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyplan.diagnostics import Severity
from keyplan.errors import DeniedError
from keyplan.model.address import Address, matches
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.resources import Removed, RemovedMode
from keyplan.model.timing import format_date, format_instant, parse_duration, parse_instant
from keyplan.planning.diff import KeyResult, World, ownership
from keyplan.planning.intents import (
    Destroy,
    Enter,
    Forget,
    Intent,
    KeyDiff,
    Mark,
    Move,
    Schedule,
)
from keyplan.planning.terms import deletion_terms
from keyplan.planning.visible import hidden, of_the_service
from keyplan.plans.changes import Action, Due, Reason
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Capabilities, Deletion
from keyplan.state.model import Phase, ResourceState


@dataclass(frozen=True, slots=True)
class Leaving:
    """One key on the way out, and everything that decides how."""

    resource: ResourceState
    live: Observation | None
    world: World
    removed: Removed | None
    destroying: bool  # `keyplan destroy`
    refusal: DeniedError | None = None  # to read it: `live` is as it was applied

    @property
    def capabilities(self) -> Capabilities:
        """Those of the provider that has the key."""
        return self.world.capabilities[self.resource.provider]

    @property
    def observed(self) -> bool:
        """Whether it is others' key, which keyplan only looks at."""
        return self.resource.address in self.world.observed

    @property
    def now(self) -> datetime:
        """The instant of the plan."""
        return self.world.now


def removal_of(address: Address, removed: tuple[Removed, ...]) -> Removed | None:
    """The `removed` entry that names the key, if any; one of a key names its replicas too."""
    for name in (address, address.replica_of):
        for entry in removed if name else ():
            if matches(entry.pattern, str(name)):
                return entry
    return None


def diff_leaving(leaving: Leaving) -> KeyResult:
    """What happens to a key that is not declared any more."""
    resource, live = leaving.resource, leaving.live
    mode = leaving.removed.mode if leaving.removed else None
    if live is not None and of_the_service(live):
        note = f"{live.attributes.get('manager')} manages it, so it stays as it is"
        return KeyResult(_diff(leaving, Action.FORGET, (Forget(),), note))
    if leaving.observed:
        if mode in (RemovedMode.SUSPEND, RemovedMode.DESTROY):
            return KeyResult(findings=(_not_ours(leaving, mode),))
        note = "it was only observed, so it stays as it is"
        return KeyResult(_diff(leaving, Action.FORGET, (Forget(),), note))
    if live is None:
        return _gone(leaving)
    if leaving.refusal is not None and mode is not RemovedMode.FORGET:
        return KeyResult(findings=(hidden(resource.address, leaving.refusal),))
    if mode in (RemovedMode.FORGET, RemovedMode.SUSPEND):
        return _forget(leaving, live, suspend=mode is RemovedMode.SUSPEND)
    on_its_way = resource.phase is not Phase.LIVE or live.deletion_at is not None
    if resource.protected and not on_its_way and mode is not RemovedMode.DESTROY:
        return KeyResult(findings=(_protected(leaving),))
    if mode is None and not on_its_way and resource.owner is None and live.owner is None:
        return KeyResult(findings=(_unmarked(leaving),))
    return _destroy(leaving, live)


def _reason(leaving: Leaving) -> Reason:
    if leaving.destroying:
        return Reason.DESTROY
    return Reason.REMOVED if leaving.removed else Reason.ABSENT


def _diff(
    leaving: Leaving, action: Action, intents: tuple[Intent, ...], *notes: str, due: bool = False
) -> KeyDiff:
    resource = leaving.resource
    return KeyDiff(
        address=resource.address,
        provider=resource.provider,
        action=action,
        reason=Reason.DUE if due else _reason(leaving),
        resource=resource,
        live=leaving.live,
        intents=intents,
        notes=notes,
    )


def _gone(leaving: Leaving) -> KeyResult:
    """Not there any more: expected after its window, else only said; dropped either way."""
    resource = leaving.resource
    if resource.phase is Phase.PENDING_DELETION:
        ended = parse_instant(resource.until) <= leaving.now
        when = "when" if ended else "before"
        note = f"destroyed {when} its window ended on {resource.until[:10]}"
        return KeyResult(_diff(leaving, Action.FORGET, (Forget(),), note, due=True))
    if leaving.removed is None and resource.protected:
        return KeyResult(findings=(_protected(leaving),))
    return KeyResult(_diff(leaving, Action.FORGET, (Forget(),), "it is gone already"))


def _forget(leaving: Leaving, live: Observation, *, suspend: bool) -> KeyResult:
    if leaving.refusal is not None:
        note = "it cannot be read, so that no call is made; keyplan no longer looks after it"
        return KeyResult(_diff(leaving, Action.FORGET, (Forget(),), note))
    intents: list[Intent] = []
    if suspend and live.state is KeyState.ACTIVE:
        intents.append(Move(KeyState.ACTIVE, KeyState.SUSPENDED, Reason.REMOVED))
    if live.owner is not None and (suspend or live.owner.stack == leaving.world.lineage):
        intents.append(Mark(live.owner, None))  # of another stack's key: a brake guards it
    intents.append(Forget())
    note = "it keeps working; keyplan no longer looks after it"
    if suspend:
        note = "it is suspended; keyplan no longer looks after it"
    return KeyResult(_diff(leaving, Action.FORGET, tuple(intents), note))


def _destroy(leaving: Leaving, live: Observation) -> KeyResult:
    """The next stage of the staged destroy."""
    resource, capabilities = leaving.resource, leaving.capabilities
    if capabilities.deletion is Deletion.FORBIDDEN:
        return KeyResult(findings=(_undeletable(leaving),))
    if live.deletion_at is not None or (
        resource.phase is Phase.PENDING_DELETION and capabilities.deletion is Deletion.IMMEDIATE
    ):
        return _pending(leaving, live)
    terms = deletion_terms(resource.attributes)
    intents: list[Intent] = [*_claimed(leaving, live)]
    if live.state is KeyState.ACTIVE:
        intents.append(Move(KeyState.ACTIVE, KeyState.SUSPENDED, _reason(leaving)))
    soak = parse_duration(terms.soak)
    if resource.phase is Phase.SOAKING:
        soaked = parse_instant(resource.until)
        if soaked > leaving.now and live.state is not KeyState.ACTIVE:
            due = Due(resource.address, "soak ends, deletion is scheduled", soaked)
            return KeyResult(due=(due,))
    elif soak:
        until = leaving.now + soak
        intents.append(Enter(Phase.SOAKING, format_instant(until)))
        note = (
            f"suspended until {format_date(until)}; deletion is scheduled by the next apply after"
        )
        return KeyResult(_diff(leaving, Action.UPDATE, tuple(intents), note))
    return _schedule(leaving, intents, terms.window)


def _schedule(leaving: Leaving, intents: list[Intent], declared: str) -> KeyResult:
    capabilities, resource = leaving.capabilities, leaving.resource
    window = parse_duration(declared)
    if capabilities.deletion is Deletion.SCHEDULED:
        window = max(window, capabilities.min_window)
        if capabilities.max_window is not None:
            window = min(window, capabilities.max_window)
    until = leaving.now + window
    text = f"{window.days}d" if not window.seconds else declared
    if capabilities.deletion is Deletion.SCHEDULED:
        intents.append(Schedule(text, format_instant(until)))
        note = f"can be cancelled until {format_date(until)}, then its material is gone for good"
    else:
        intents.append(Enter(Phase.PENDING_DELETION, format_instant(until)))
        note = (
            f"stays suspended until {format_date(until)}; the first apply after that destroys it"
            " for good"
        )
    notes = (note, *_derived_note(resource))
    due = Due(resource.address, "destroyed", until)
    return KeyResult(_diff(leaving, Action.DELETE, tuple(intents), *notes), due=(due,))


def _derived_note(resource: ResourceState) -> tuple[str, ...]:
    if resource.attributes.get("relation") != "derives":
        return ()
    parent = resource.attributes.get("parent", "its parent")
    return (f"destroys nothing while {parent} lives: the key can be derived again",)


def _pending(leaving: Leaving, live: Observation) -> KeyResult:
    """The window runs; when keyplan has the clock and it ran out, the end comes now."""
    resource = leaving.resource
    if live.deletion_at is not None:
        due = Due(resource.address, "destroyed", live.deletion_at)
        if resource.phase is Phase.PENDING_DELETION:
            return KeyResult(due=(due,))
        enter = Enter(Phase.PENDING_DELETION, format_instant(live.deletion_at))
        note = "somebody scheduled its deletion; keyplan takes note"
        return KeyResult(_diff(leaving, Action.UPDATE, (enter,), note), due=(due,))
    until = parse_instant(resource.until)
    if until > leaving.now:
        return KeyResult(due=(Due(resource.address, "destroyed", until),))
    intents: list[Intent] = [*_claimed(leaving, live)]
    if live.state is KeyState.ACTIVE:
        intents.append(Move(KeyState.ACTIVE, KeyState.SUSPENDED, Reason.DUE))
    intents.append(Destroy())
    return KeyResult(
        _diff(leaving, Action.DELETE, tuple(intents), "its material is gone for good", due=True)
    )


def _claimed(leaving: Leaving, live: Observation) -> list[Intent]:
    """What another stack owns is taken over before it is destroyed, which a brake guards."""
    return [] if live.owner is None else ownership(leaving.resource, live, leaving.world)


def _protected(leaving: Leaving) -> Finding:
    address = leaving.resource.address
    if leaving.destroying:
        advice = (
            "`keyplan destroy` does not override protection. Apply `deletion: {protection: false}`"
            f" first, or add `removed: [{{from: '{address}', mode: destroy}}]` and apply that."
        )
        what = f"{address} is protected and cannot be destroyed"
    else:
        advice = (
            f"If it has another name now: `moved: [{{from: '{address}', to: key.NAME}}]`. If it"
            f" shall go: `removed: [{{from: '{address}', mode: forget}}]` (or suspend, or destroy)."
            " Else put it back."
        )
        what = f"{address} is no longer declared, and it is protected"
    return Finding("KP-PLAN-006", Severity.ERROR, what, address, None, advice)


def _not_ours(leaving: Leaving, mode: RemovedMode) -> Finding:
    address = leaving.resource.address
    done = "destroyed" if mode is RemovedMode.DESTROY else "suspended"
    return Finding(
        "KP-PLAN-024",
        Severity.ERROR,
        f"{address} cannot be {done}: it was only observed, and belongs to others",
        address,
        leaving.removed.position if leaving.removed else None,
        f"To leave it as it is, write `removed: [{{from: '{address}', mode: forget}}]`. To end it,"
        " declare it without `lifecycle: {manage: observe}` and apply that first.",
    )


def _unmarked(leaving: Leaving) -> Finding:
    address = leaving.resource.address
    return Finding(
        "KP-PLAN-024",
        Severity.ERROR,
        f"{address} is not declared, and has no mark that says it is this stack's",
        address,
        None,
        f"Say what becomes of it: `removed: [{{from: '{address}', mode: destroy}}]` (or suspend,"
        " or forget).",
    )


def _undeletable(leaving: Leaving) -> Finding:
    resource = leaving.resource
    return Finding(
        "KP-PLAN-007",
        Severity.ERROR,
        f"{resource.address} cannot be destroyed: {resource.provider} never destroys keys",
        resource.address,
        None,
        f"Write `removed: [{{from: '{resource.address}', mode: suspend}}]` instead.",
    )
