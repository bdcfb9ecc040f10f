"""Whether the live keys are still those that the plan rests on.

Everything is compared in one batched read before the first write, so that a stale plan
does nothing at all; and each key again right before its first write, if a little time
has passed since. Later steps on the same key expect nothing: a service's reads may lag
our own writes.

A small window remains between the last look and the write. Services that have
compare-and-swap close it: the fingerprint travels with the operation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from keyplan.applying.known import Known
from keyplan.errors import MovedError
from keyplan.model.address import Address
from keyplan.model.operations import MoveAlias
from keyplan.plans.plan import Step
from keyplan.session.clock import Clock
from keyplan.session.session import ProviderSession

SHOWN = 5
"""How many keys a message names."""


class LiveCheck:
    """Compares fingerprints. Asked by the scheduler's thread only.

    A key that loses an alias to another key is written by the other's step, at any moment:
    its fingerprint is compared here, but never sent along with its own steps. `written`
    are the keys that the run wrote before it broke off.
    """

    def __init__(
        self,
        sessions: Mapping[str, ProviderSession],
        known: Known,
        *,
        clock: Clock,
        fresh: float,
        written: Collection[Address] = (),
    ) -> None:
        self._sessions = sessions
        self._known = known
        self._clock = clock
        self._fresh = fresh
        self._compared_at: dict[Address, float] = {}
        self._written = {_family(address) for address in written}
        self._shared: set[Address] = set()

    def everything(self, steps: Iterable[Step]) -> None:
        """Compare every key that the steps rest on; raise `MovedError` if one moved."""
        first: dict[Address, Step] = {}
        families: dict[Address, set[Address]] = {}
        for step in steps:
            families.setdefault(_family(step.address), set()).add(step.address)
            if isinstance(step.operation, MoveAlias):
                self._shared.add(step.operation.source)
            if step.expects and _family(step.address) not in self._written:
                first.setdefault(step.address, step)
        self._shared.update(*(members for members in families.values() if len(members) > 1))
        moved = self._compare(list(first.values()))
        if moved:
            raise stale(moved)

    def again(self, steps: Sequence[Step]) -> list[Address]:
        """The keys among those about to be written for the first time that moved meanwhile."""
        now = self._clock.monotonic()
        return self._compare(
            [
                step
                for step in steps
                if step.expects
                and _family(step.address) not in self._written
                and now - self._compared_at.get(step.address, float("-inf")) > self._fresh
            ]
        )

    def expects(self, step: Step) -> str:
        """The fingerprint that the step may rely on: none once the run has written the key."""
        ours = _family(step.address) in self._written or step.address in self._shared
        return "" if ours else step.expects

    def written(self, step: Step) -> None:
        """The run writes the step's key from now on, and the one that it takes an alias from."""
        self._written.add(_family(step.address))
        if isinstance(step.operation, MoveAlias):
            self._written.add(_family(step.operation.source))

    def _compare(self, steps: list[Step]) -> list[Address]:
        by_provider: dict[str, list[Step]] = {}
        for step in steps:
            by_provider.setdefault(step.provider, []).append(step)
        moved: list[Address] = []
        for provider, group in by_provider.items():
            ids = {step.address: self._known.id_of(step.address) or "" for step in group}
            seen = self._sessions[provider].read([key_id for key_id in ids.values() if key_id])
            now = self._clock.monotonic()
            for step in group:
                key = seen.get(ids[step.address])
                if key is None or key.fingerprint != step.expects:
                    moved.append(step.address)
                self._compared_at[step.address] = now
        return moved


def _family(address: Address) -> Address:
    """The key that an address is of: what replicas have in common is written by any of them."""
    return address.replica_of or address


def stale(moved: Sequence[Address]) -> MovedError:
    """The error for keys that are not as the plan saw them."""
    names = ", ".join(sorted(moved)[:SHOWN])
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    return MovedError(
        "Saved plan is stale",
        target=names + more,
        why="Changed or gone since the plan was made.",
        advice="See what happened and make a new plan: keyplan plan",
    )
