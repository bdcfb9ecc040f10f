"""What is done to take a run back, newest effect first; what stays; what stands in the way.

Rules: only inverses that the journal holds are performed, and of a key that the run made
only those that take names and access away: it is then suspended, kept and tracked, and
never gets a looser policy than it has. Nothing is given back that time has ended. A key of
which nothing may be read is left as it is, and said; the others are taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    AdoptKey,
    CreateAlias,
    CreateGrant,
    CreateKey,
    ForgetKey,
    MoveAlias,
    Operation,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
    ScheduleDeletion,
)
from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.planning import rollback_findings as say
from keyplan.planning.drafts import Draft
from keyplan.planning.rollback_past import Chains, Present, Run
from keyplan.planning.rollback_settling import NOTHING, merged, settlement_back, still_due
from keyplan.planning.terms import deletion_terms
from keyplan.planning.wanted import grant_end
from keyplan.plans.changes import Reason
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.entries import Settlement
from keyplan.state.fold import Effect
from keyplan.state.model import Phase

_NAMES_AND_ACCESS = (CreateAlias, MoveAlias, CreateGrant)
"""Of a key that the run made, only these are taken back."""


@dataclass(frozen=True, slots=True)
class Undoing:
    """The drafts in an order that can be performed, and what people are told before."""

    drafts: tuple[Draft, ...]
    findings: tuple[Finding, ...]


def undo(
    run: Run, present: Present, capabilities: Mapping[str, Capabilities], now: datetime
) -> Undoing:
    """Everything that takes the run back, as far as that can be done."""
    return _Undo(run, present, capabilities, now).all()


@dataclass
class _Undo:
    run: Run
    present: Present
    capabilities: Mapping[str, Capabilities]
    now: datetime
    findings: list[Finding] = field(default_factory=list)
    settled: dict[Address, Settlement] = field(default_factory=dict)

    @property
    def _then(self) -> str:
        return f"the state before run {self.run.name}"

    def all(self) -> Undoing:
        chains = Chains(self.run, self.present)
        effects = self.run.effects
        oldest: dict[Address, int] = {}
        for number, effect in enumerate(effects):
            oldest.setdefault(effect.started.operation.target, number)
        drafts: list[Draft] = []
        for number, effect in reversed(list(enumerate(effects))):
            drafts += self._undone(number, effect, chains)
            if oldest[effect.started.operation.target] == number:
                drafts += self._records(effect.started.operation.target)
        for address in oldest:
            if address in self.present.hidden:
                self.findings.append(say.hidden(address, self.present.hidden[address]))
            elif self._handed_over(address):
                self.findings.append(say.handed_over(self.run.name, address))
        self.findings += say.changed_since(self.run.name, chains.mismatches)
        self.findings += say.on_the_way_out(self.run, self.present, drafts)
        self.findings += say.built_upon(self.run, self.present, drafts)
        return Undoing(tuple(drafts), tuple(self.findings))

    # -- one effect ----------------------------------------------------------------------

    def _undone(self, number: int, effect: Effect, chains: Chains) -> Iterator[Draft]:
        operation = effect.started.operation
        address, inverse = operation.target, effect.started.inverse
        if address in self.present.hidden or self._handed_over(address):
            return  # said once; nothing of it is written
        if other := self._beside_hidden(effect):
            self.findings.append(say.beside_hidden(effect, other))
            return
        if isinstance(operation, CreateKey | ReplicateKey):
            yield from self._put_away(effect)
        elif inverse.grade is Grade.NONE:
            self.findings.append(say.left(effect))
        elif address in self.run.destroyed or self._stays_as_made(operation):
            return
        elif isinstance(operation, AdoptKey | ForgetKey | RenameKey):
            yield from self._state_operation(effect)
        else:
            yield from self._changed(number, effect, chains)

    def _beside_hidden(self, effect: Effect) -> Address | None:
        """The key that had the alias before, if nothing of it may be read."""
        match effect.started.operation:
            case MoveAlias(source=source) if source in self.present.hidden:
                return source
            case _:
                return None

    def _handed_over(self, address: Address) -> bool:
        """Whether the run left a key managed that is only observed by now."""
        left = self.run.after.resources.get(address)
        now = self.present.resource(self.run, address)
        return left is not None and not left.observed and now is not None and now.observed

    def _stays_as_made(self, operation: Operation) -> bool:
        made = operation.target in self.run.made
        return made and not isinstance(operation, _NAMES_AND_ACCESS)

    def _put_away(self, effect: Effect) -> Iterator[Draft]:
        """A key that the run made is suspended, if it works, and stays in the state."""
        target = effect.started.operation.target
        live = self.present.live.get(target)
        if self.present.resource(self.run, target) is None or live is None:
            return  # it went in the meantime, and there is nothing to put away
        if effect.started.inverse.grade is Grade.NONE:
            self.findings.append(say.left(effect))
            return
        self.findings.append(say.residue(effect))
        if live.state is KeyState.ACTIVE and live.deletion_at is None:
            for operation in effect.started.inverse.operations:
                yield self._draft(effect, operation, NOTHING)

    def _changed(self, number: int, effect: Effect, chains: Chains) -> Iterator[Draft]:
        """A change of a key: its inverse if it is in force, else only what the state says."""
        started = effect.started
        target = started.operation.target
        if self.present.live.get(target) is None or self._is_lost(target):
            if target not in self.run.made:
                self.findings.append(say.gone(self.run.name, target))
            return
        back = settlement_back(effect.after.get(target), effect.before.get(target))
        in_force = chains.in_force(number, effect)
        if in_force is None:
            return
        if started.inverse.residue and (in_force or not started.inverse.operations):
            self.findings.append(say.residue(effect))
        if not in_force or not started.inverse.operations:
            self._settle(target, back)
            return
        if target not in self.present.state.resources and target not in self.run.forgotten:
            self.findings.append(say.elsewhere(self.run.name, target))
            return
        for inverse in started.inverse.operations:
            if isinstance(inverse, CreateGrant) and self._has_ended(inverse):
                self.findings.append(say.ended(inverse))
                self._settle(target, replace(back, manage=()))
                continue
            other = inverse.target
            if other != target:  # an alias goes back to another key
                back = settlement_back(effect.after.get(other), effect.before.get(other))
            yield self._draft(effect, self._offered(inverse), self._in_time(inverse, back, other))

    def _state_operation(self, effect: Effect) -> Iterator[Draft]:
        """Which keys the state holds, and under which address."""
        operation, inverse = effect.started.operation, effect.started.inverse.operations[0]
        target, resources = operation.target, self.present.state.resources
        held = resources.get(target)
        key_id = self.run.ids.get(target, "")
        match operation:
            case ForgetKey(id=key_id):
                holder = self.present.addresses.get(effect.started.provider, {}).get(key_id)
                if held is None and holder is None:
                    if target not in self.present.live:
                        self.findings.append(say.gone(self.run.name, target))
                        return
                    before = effect.before.get(target)
                    back = settlement_back(None, before)
                    yield self._draft(effect, inverse, self._in_time(inverse, back, target))
                elif held is None or held.id != key_id:
                    self.findings.append(say.taken(self._then, target, holder or "another key"))
            case RenameKey(source=source) if held is not None and held.id == key_id:
                if source in resources:
                    self.findings.append(say.taken(self._then, source, "another key"))
                    return
                back = settlement_back(effect.after.get(target), effect.before.get(source))
                yield self._draft(effect, inverse, back)
            case AdoptKey() if held is not None and held.id == key_id:
                self.settled.pop(target, None)
                yield self._draft(effect, inverse, NOTHING)
            case _:
                pass  # taken back already

    # -- what only the state says --------------------------------------------------------

    def _settle(self, address: Address, back: Settlement) -> None:
        before = self.settled.get(address)
        self.settled[address] = back if before is None else merged(before, back)

    def _records(self, address: Address) -> Iterator[Draft]:
        """What the state is to say of a key of which a step makes no call."""
        resource = self.present.resource(self.run, address)
        if address not in self.settled or resource is None:
            return
        operation = RecordAttributes(resource.address, {}, {})
        due = self._in_time(operation, still_due(self.settled[address], resource), address)
        if due != NOTHING:
            yield Draft(resource.address, resource.provider, operation, Reason.ROLLBACK, due)

    # -- details -------------------------------------------------------------------------

    def _draft(self, effect: Effect, operation: Operation, settlement: Settlement) -> Draft:
        provider = self.run.providers.get(operation.target, effect.started.provider)
        return Draft(operation.target, provider, operation, Reason.ROLLBACK, settlement)

    def _is_lost(self, address: Address) -> bool:
        """Whether the state has no key of that address which is still the run's."""
        if address in self.run.forgotten:
            return False
        return self.present.resource(self.run, address) is None

    def _has_ended(self, grant: CreateGrant) -> bool:
        end = grant_end(grant.terms)
        return end is not None and end <= self.now

    def _offered(self, operation: Operation) -> Operation:
        """A window as the service offers it: what was left may be shorter than it takes."""
        if not isinstance(operation, ScheduleDeletion):
            return operation
        facts = self.capabilities[self.run.providers[operation.target]]
        window = max(parse_duration(operation.window), facts.min_window)
        if facts.max_window is not None:
            window = min(window, facts.max_window)
        return replace(operation, window=format_duration(window))

    def _in_time(
        self, operation: Operation, settlement: Settlement, address: Address
    ) -> Settlement:
        """A stage on the way out that is over by now begins again: nothing ends at once."""
        if settlement.phase not in (Phase.SOAKING, Phase.PENDING_DELETION):
            return settlement
        if isinstance(operation, ScheduleDeletion):
            length = operation.window  # the service counts from its call
        elif settlement.until and parse_instant(settlement.until) > self.now:
            return settlement
        else:
            resource = self.run.before.resources.get(address)
            terms = deletion_terms(resource.attributes if resource else {})
            length = terms.soak if settlement.phase == Phase.SOAKING else terms.window
        return replace(settlement, until=format_instant(self.now + parse_duration(length)))
