"""Earlier states are found by their serial, and what is not kept is said with what is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from keyplan.errors import StateError
from keyplan.state.codec import encode_state
from keyplan.state.history import kept_states, state_at
from keyplan.state.model import State

OURS = "11111111-1111-4111-8111-111111111111"
THEIRS = "22222222-2222-4222-8222-222222222222"


@dataclass
class Kept:
    """A store of which only the versions matter."""

    contents: list[bytes] = field(default_factory=list)

    def describe(self) -> str:
        return "somewhere"

    def versions(self) -> Sequence[str]:
        return [str(number) for number in range(len(self.contents))]

    def content(self, version: str) -> bytes | None:
        return self.contents[int(version)] or None

    def add(self, serial: int, *, lineage: str = OURS, value: str = "") -> None:
        state = State(lineage, serial, outputs={"value": value})
        self.contents.append(encode_state(state, keyplan_version="0.1"))


def test_the_newest_state_of_a_serial_is_found() -> None:
    store = Kept()
    for serial, value in ((1, "a"), (2, "b"), (2, "c"), (3, "d")):
        store.add(serial, value=value)
    assert state_at(store, 2, lineage=OURS).outputs == {"value": "c"}
    assert [kept.state.serial for kept in kept_states(store, lineage=OURS)] == [3, 2, 2, 1]


def test_every_lineage_began_with_nothing() -> None:
    assert state_at(Kept(), 0, lineage=OURS) == State(OURS)


def test_states_of_another_lineage_are_no_way_back() -> None:
    store = Kept()
    store.add(1, lineage=THEIRS)
    with pytest.raises(StateError, match="serial 1 is not kept") as caught:
        state_at(store, 1, lineage=OURS)
    assert caught.value.why == "No earlier state is kept."


def test_what_cannot_be_read_is_passed_over() -> None:
    store = Kept()
    store.add(1)
    store.contents += [b"", b"{", json.dumps({"format": 99}).encode()]
    store.add(4)
    assert state_at(store, 1, lineage=OURS).serial == 1


def test_the_error_names_a_few_of_the_serials() -> None:
    store = Kept()
    for serial in range(1, 21):
        store.add(serial)
    with pytest.raises(StateError) as caught:
        state_at(store, 30, lineage=OURS)
    assert caught.value.why == "Kept are serials 20, 19, 18, 17, 16, 15, 14, 13 and 12 older ones."
    assert caught.value.target == "somewhere"
