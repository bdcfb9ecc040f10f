"""Which steps may start: dependencies counted down, and what has no way back held back.

Rules: a step starts when every step it depends on has succeeded, and never before an
earlier step on the same key has. Steps without a way back wait until everything else
has succeeded, except what itself waits for one of them. Steps that a run has done before
it broke off are not on their way any more. Constant work per step and dependency.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from keyplan.errors import PlanFileError
from keyplan.model.address import Address
from keyplan.plans.plan import Step


class Order:
    """The steps of a plan on their way; those in `done` have been. Not for several threads.

    Raises `PlanFileError` if a step depends on one that does not stand before it.
    """

    def __init__(self, steps: Sequence[Step], done: Collection[int] = ()) -> None:
        self._steps = {step.number: step for step in steps}
        self._waits: dict[int, int] = {}
        self._dependants: dict[int, list[int]] = {}
        self._last: set[int] = set()
        self._held: list[Step] = []
        self._ready: deque[Step] = deque()
        latest: dict[Address, int] = {}
        for step in steps:
            needed = set(step.depends_on)
            if step.address in latest:
                needed.add(latest[step.address])
            if not needed <= self._waits.keys():
                raise PlanFileError(
                    f"step {step.number} depends on a step that does not come before it",
                    target=step.address,
                    advice="Make a new plan: keyplan plan",
                )
            latest[step.address] = step.number
            missing = needed.difference(done)
            self._waits[step.number] = len(missing)
            for number in missing:
                self._dependants.setdefault(number, []).append(step.number)
            if step.irreversible or not self._last.isdisjoint(needed):
                self._last.add(step.number)
        left = [step for step in steps if step.number not in done]
        self._before_barrier = sum(step.number not in self._last for step in left)
        self._release(step for step in left if not self._waits[step.number])

    def take(self) -> list[Step]:
        """Every step that became ready since the last time, in order."""
        taken = list(self._ready)
        self._ready.clear()
        return taken

    def succeeded(self, number: int) -> None:
        """A step succeeded: count down what waits for it."""
        freed: list[Step] = []
        for dependant in self._dependants.get(number, ()):
            self._waits[dependant] -= 1
            if not self._waits[dependant]:
                freed.append(self._steps[dependant])
        if number not in self._last:
            self._before_barrier -= 1
            if not self._before_barrier:
                freed += self._held
                self._held = []
        self._release(freed)

    def behind(self, numbers: Iterable[int]) -> dict[int, int]:
        """Every step that waits for one of these, however indirectly, and for which of them."""
        found: dict[int, int] = {}
        for origin in numbers:
            pending = [origin]
            while pending:
                for dependant in self._dependants.get(pending.pop(), ()):
                    if dependant not in found:
                        found[dependant] = origin
                        pending.append(dependant)
        return found

    def _release(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if step.number in self._last and self._before_barrier:
                self._held.append(step)
            else:
                self._ready.append(step)
