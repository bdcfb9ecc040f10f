"""The states that a store still keeps, found by their serial.

Rules: reading needs no lease and writes nothing; an older format is migrated as it is when
the present state is read; serial 0 is the empty state that every lineage began with, and
need not be kept. What cannot be found names the serials that can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from keyplan.errors import StateError, StoreError
from keyplan.state.codec import decode_state
from keyplan.state.integrity import verify
from keyplan.state.model import State
from keyplan.state.reading import SEALED

SHOWN = 8
"""How many serials or runs a message names."""


class VersionedStore(Protocol):
    """What looking back needs of a store (`keyplan.sdk.store.Store` has it)."""

    def describe(self) -> str:
        """One line for people."""

    def versions(self) -> Sequence[str]:
        """Versions that are kept, oldest first."""

    def content(self, version: str) -> bytes | None:
        """The bytes of one of them."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """One committed state that is still there, with the store's version of it."""

    version: str
    state: State


def kept_states(store: VersionedStore, *, lineage: str) -> Iterator[KeptState]:
    """The states of a lineage that are kept and can be read, newest first.

    One that cannot be read, or that is of another lineage (the state was pushed), is no
    state to go back to, and is passed over: the present one is read and checked elsewhere.
    """
    for version in reversed(store.versions()):
        try:
            state = decode_state(store.content(version) or b"")
            verify(state)
        except StoreError:
            raise
        except StateError:
            continue
        if state.lineage == lineage:
            yield KeptState(version, state)


def state_at(store: VersionedStore, serial: int, *, lineage: str) -> State:
    """The state that was committed with that serial; raises `StateError` if it is not kept."""
    if serial == 0:
        return State(lineage)
    serials: list[int] = []
    for kept in kept_states(store, lineage=lineage):
        if kept.state.serial == serial:
            return kept.state
        serials.append(kept.state.serial)
    why = f"Kept are {_named(serials)}." if serials else "No earlier state is kept."
    advice = "Choose one of them: keyplan rollback --to SERIAL"
    if sealed := sum(_is_sealed(store, version) for version in store.versions()):
        why += f" {sealed} more {'is' if sealed == 1 else 'are'} sealed."
        advice += (
            "\nOr write `sealed` beside the store again as it was: those that are sealed can be"
            " read then, and what you go back to is sealed again."
        )
    raise StateError(
        f"the state of serial {serial} is not kept",
        target=store.describe(),
        why=why,
        advice=advice,
    )


def _is_sealed(store: VersionedStore, version: str) -> bool:
    try:
        return (store.content(version) or b"").startswith(SEALED)
    except StateError:
        return False


def _named(serials: Sequence[int]) -> str:
    """`serials 12, 11, 10 and 40 more`; newest first."""
    distinct = list(dict.fromkeys(serials))
    names = ", ".join(str(serial) for serial in distinct[:SHOWN])
    more = f" and {len(distinct) - SHOWN} older ones" if len(distinct) > SHOWN else ""
    return f"{'serial' if len(distinct) == 1 else 'serials'} {names}{more}"
