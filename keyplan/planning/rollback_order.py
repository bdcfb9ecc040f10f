"""From drafts to numbered steps, in the order in which a past is gone back through.

The drafts come in the reverse of an order that was performed, so that this order can be
performed too. Two of them keep it where they speak of one key, or of a key and one that
it rests on; the others may run at the same time. What has no way back comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.operations import RenameKey
from keyplan.planning.drafts import Draft
from keyplan.planning.wording import describe
from keyplan.plans.plan import Step
from keyplan.plans.ways_back import way_back
from keyplan.sdk.capabilities import Capabilities


def steps_of(
    drafts: Sequence[Draft],
    *,
    rests_on: Mapping[Address, frozenset[Address]],
    capabilities: Mapping[str, Capabilities],
    expects: Mapping[Address, str],
) -> tuple[Step, ...]:
    """The steps. `rests_on` has the parent and dependencies of each key, then and now."""
    after = _after(drafts, rests_on)
    inverses = [way_back(draft.operation, capabilities[draft.provider]) for draft in drafts]
    last: set[int] = set()
    for index, inverse in enumerate(inverses):
        if inverse.grade is Grade.NONE or not last.isdisjoint(after[index]):
            last.add(index)
    sequence = sorted(range(len(drafts)), key=lambda index: (index in last, index))
    numbers = {index: number for number, index in enumerate(sequence, 1)}
    return tuple(
        Step(
            number=numbers[index],
            address=drafts[index].address,
            provider=drafts[index].provider,
            operation=drafts[index].operation,
            inverse=inverses[index],
            settlement=drafts[index].settlement,
            reason=drafts[index].reason,
            call=capabilities[drafts[index].provider].call(drafts[index].operation),
            detail=describe(drafts[index].operation, drafts[index].settlement, {}),
            expects=_expected(drafts[index], expects),
            depends_on=tuple(sorted(numbers[earlier] for earlier in after[index])),
        )
        for index in sequence
    )


def _expected(draft: Draft, expects: Mapping[Address, str]) -> str:
    """A rename touches no key, and by then the run has written it under its other address."""
    return "" if isinstance(draft.operation, RenameKey) else expects.get(draft.address, "")


def _after(
    drafts: Sequence[Draft], rests_on: Mapping[Address, frozenset[Address]]
) -> list[set[int]]:
    """What each draft waits for: who wrote what it reads or writes, who read what it writes."""
    wrote: dict[Address, int] = {}
    read: dict[Address, list[int]] = {}
    found: list[set[int]] = []
    for index, draft in enumerate(drafts):
        written = _written(draft)
        looked_at = _mentioned(draft).union(*(rests_on.get(item, ()) for item in written)) - written
        after = {wrote[address] for address in written | looked_at if address in wrote}
        for address in written:
            after.update(read.pop(address, ()))
            wrote[address] = index
        for address in looked_at:
            read.setdefault(address, []).append(index)
        found.append(after)
    return found


def _written(draft: Draft) -> frozenset[Address]:
    source = getattr(draft.operation, "source", None)
    return frozenset({draft.address, *([source] if source else [])})


def _mentioned(draft: Draft) -> frozenset[Address]:
    """Parents that a rewrapping or a certificate speaks of."""
    names = ("parent",) if hasattr(draft.operation, "parent") else ("before", "after")
    values = (getattr(draft.operation, name, None) for name in names)
    return frozenset(value for value in values if isinstance(value, Address))
