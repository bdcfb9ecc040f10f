"""The fake's world: keys in memory, as a remote service would hold them.

Rules: a record is a frozen value that is replaced, never changed; writes see the truth
at once, reads see it as it was `read_lag` ago; a key whose window has ended is gone
without anybody's call. `edit`, `plant` and `vanish` are the hands of somebody else:
they are not in the log and meet no fault. Places that know each other hold replicas of
the same key: `SHARED` and the versions are one value in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock, get_ident

from keyplan.model.keys import KeyState, Protection
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.values import Value
from keyplan.testing.clock import ManualClock
from keyplan.testing.faults import Faults


@dataclass(frozen=True, slots=True)
class FakeKey:
    """One key of the fake service, without its material: there is none.

    `attributes` holds what is stored as a whole, canonical; `aliases` are sorted; `parent`
    is the id of the key that protects this one, reported as `parent_id`. `current` is the
    version that new protection uses. `material` is what all replicas of a key have in
    common, and `arn` what it is called from other places; both are empty for a key of
    one place.
    """

    id: str
    usage: str
    algorithm: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    owner: OwnerMark | None = None
    parent: str | None = None
    relation: str | None = None
    state: KeyState = KeyState.ACTIVE
    aliases: tuple[str, ...] = ()
    versions: tuple[KeyVersion, ...] = ()
    current: int = 1
    deletion_at: datetime | None = None
    material: str = ""
    arn: str = ""

    def having(self, attribute: str, value: Value) -> FakeKey:
        """The same key with one attribute set."""
        return replace(self, attributes={**self.attributes, attribute: value})

    def observation(self, hidden: frozenset[str] = frozenset()) -> Observation:
        """The key as the service reports it, without the `hidden` attributes."""
        attributes: dict[str, Value] = {
            **self.attributes,
            "usage": self.usage,
            "algorithm": self.algorithm,
            "state": self.state.value,
            "parent_id": self.parent,
            "aliases": list(self.aliases),
            "version": self.current,
        }
        if self.arn:
            attributes["arn"] = self.arn
        for name in hidden:
            attributes.pop(name, None)
        return Observation(
            id=self.id,
            attributes=attributes,
            owner=self.owner,
            versions=self.versions,
            deletion_at=self.deletion_at,
        )


UNSET: Mapping[str, Value] = {
    "description": None,
    "rotation": None,
    "expires_at": None,
    "exportable": False,
    "multi_region": False,
    "protection": Protection.SOFTWARE.value,
    "labels": {},
    "grants": {},
    "policy": None,
    "certificate": None,
    "primary": None,
    "documents": {},
}
"""What the service reports of a key to which nothing was ever said."""

SHARED = ("rotation", "primary")
"""Attributes that a key and its replicas have in common, beside what they are made with."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the service. `fault` is what happened to it, or empty."""

    name: str
    target: str
    fault: str = ""
    thread: int = 0


class FakeService:
    """One instance of the fake service. It outlives the connections to it."""

    def __init__(
        self,
        place: str,
        clock: ManualClock,
        *,
        read_lag: timedelta = timedelta(),
        page_size: int = 100,
        siblings: Mapping[str, FakeService] | None = None,
    ) -> None:
        """`siblings` are the places that it shares replicas with, by name."""
        self.place = place
        self._siblings = {} if siblings is None else siblings
        self.clock = clock
        self.read_lag = read_lag
        self.page_size = page_size
        self.faults = Faults()
        self.forbidden: set[str] = set()  # attributes that this connection may not read
        self.lock: AbstractContextManager[object] = RLock()
        for sibling in self._siblings.values():
            self.lock = sibling.lock
        self._calls: list[Call] = []
        self._history: dict[str, list[tuple[datetime, FakeKey | None]]] = {}
        self._tokens: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._pending: dict[str, datetime] = {}
        self._counter = 0

    # -- the log ---------------------------------------------------------------------

    def log(self, name: str, target: str, fault: str = "") -> None:
        """Remember a call."""
        with self.lock:
            self._calls.append(Call(name, target, fault, get_ident()))

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call since the last `forget_calls`, oldest first."""
        with self.lock:
            return tuple(self._calls)

    def called(self, name: str) -> int:
        """How often an operation or reading call was asked for."""
        return sum(1 for call in self.calls if call.name == name)

    def forget_calls(self) -> None:
        """Empty the log."""
        with self.lock:
            self._calls.clear()

    # -- the truth, for writes -------------------------------------------------------

    def next_id(self) -> str:
        """An id that nothing has had yet: `key-000001`."""
        with self.lock:
            self._counter += 1
            return f"key-{self._counter:06d}"

    def get(self, key_id: str) -> FakeKey | None:
        """The key as it is now."""
        with self.lock:
            self._sweep()
            history = self._history.get(key_id)
            return history[-1][1] if history else None

    def existed(self, key_id: str) -> bool:
        """Whether there ever was such a key."""
        return key_id in self._history

    def current(self) -> list[FakeKey]:
        """Every key as it is now, oldest first."""
        with self.lock:
            self._sweep()
            return [key for history in self._history.values() if (key := history[-1][1])]

    def with_token(self, token: str) -> FakeKey | None:
        """The key that carries an operation token now."""
        with self.lock:
            key_id = self._tokens.get(token)
            return self.get(key_id) if key_id else None

    def alias_owner(self, alias: str) -> str | None:
        """The id that an alias points to now."""
        with self.lock:
            self._sweep()
            return self._aliases.get(alias)

    def put(self, *keys: FakeKey) -> None:
        """Write records, all at the same instant."""
        with self.lock:
            now = self.clock.now()
            for key in keys:
                self._forget_names(self._history.get(key.id))
                self.record(key.id, now, key)
            for key in keys:
                self._share(key)
            for key in keys:
                self._aliases.update(dict.fromkeys(key.aliases, key.id))
                if key.owner is not None:
                    self._tokens[key.owner.token] = key.id
                if key.deletion_at is None:
                    self._pending.pop(key.id, None)
                else:
                    self._pending[key.id] = key.deletion_at

    # -- replicas --------------------------------------------------------------------

    def arn_of(self, key_id: str) -> str:
        """What a key of this place is called from others."""
        return f"arn:fake:{self.place}:{key_id}"

    def resolve(self, name: str) -> tuple[FakeService, FakeKey | None]:
        """The key behind an id of this place or the arn of any, and the place that has it."""
        if not name.startswith("arn:fake:"):
            return self, self.get(name)
        place, _, key_id = name.removeprefix("arn:fake:").rpartition(":")
        service = self._siblings.get(place, self)
        return service, service.get(key_id) if service.place == place else None

    def family(self, key: FakeKey) -> list[tuple[FakeService, FakeKey]]:
        """The key's replicas in other places, the primary among them."""
        return [
            (service, other)
            for service in [*self._siblings.values()]
            if key.material
            for other in service.current()
            if other.material == key.material and other.arn != key.arn
        ]

    def _share(self, key: FakeKey) -> None:
        """Let the replicas of a key be as it is, in what they have in common."""
        for service, other in self.family(key):
            shared = {name: key.attributes[name] for name in SHARED}
            same = replace(
                other,
                attributes={**other.attributes, **shared},
                versions=key.versions,
                current=key.current,
            )
            if same != other:
                service.record(other.id, self.clock.now(), same)

    def remove(self, key_id: str, at: datetime | None = None) -> None:
        """Destroy a key and free its aliases."""
        with self.lock:
            self._forget_names(self._history.get(key_id))
            self._pending.pop(key_id, None)
            self.record(key_id, at or self.clock.now(), None)

    def record(self, key_id: str, at: datetime, key: FakeKey | None) -> None:
        """Write one record, and nothing that hangs on it."""
        history = self._history.setdefault(key_id, [])
        if not self.read_lag:
            history.clear()
        history.append((at, key))

    def _forget_names(self, history: list[tuple[datetime, FakeKey | None]] | None) -> None:
        before = history[-1][1] if history else None
        if before is None:
            return
        for alias in before.aliases:
            self._aliases.pop(alias, None)
        if before.owner is not None:
            self._tokens.pop(before.owner.token, None)

    def _sweep(self) -> None:
        now = self.clock.now()
        for key_id, end in [item for item in self._pending.items() if item[1] <= now]:
            self.remove(key_id, end)

    # -- the view, for reads ---------------------------------------------------------

    def view(self, key_id: str) -> FakeKey | None:
        """The key as a read shows it: as it was `read_lag` ago."""
        with self.lock:
            self._sweep()
            horizon = self.clock.now() - self.read_lag
            for at, key in reversed(self._history.get(key_id, [])):
                if at <= horizon:
                    return key
            return None

    def views(self) -> list[FakeKey]:
        """Every key as reads show it, oldest first."""
        with self.lock:
            return [key for key_id in self._history if (key := self.view(key_id))]

    def page(self, after: str) -> tuple[list[FakeKey], bool]:
        """The page of keys after an id (empty: from the start), and whether more follow."""
        rest = [key for key in self.views() if key.id > after]
        return rest[: self.page_size], len(rest) > self.page_size

    # -- somebody else ---------------------------------------------------------------

    def edit(self, key_id: str, change: Callable[[FakeKey], FakeKey]) -> None:
        """Change a key behind keyplan's back."""
        with self.lock:
            key = self.get(key_id)
            if key is None:
                raise KeyError(key_id)
            self.put(change(key))

    def plant(
        self, *, usage: str = "encrypt", algorithm: str = "aes-256", aliases: Iterable[str] = ()
    ) -> str:
        """Let a stranger make a key, without keyplan's mark; returns its id."""
        with self.lock:
            key_id = self.next_id()
            versions = (KeyVersion(1, self.clock.now(), KeyState.ACTIVE),)
            self.put(
                FakeKey(
                    key_id,
                    usage,
                    algorithm,
                    attributes=dict(UNSET),
                    aliases=tuple(sorted(aliases)),
                    versions=versions,
                )
            )
            return key_id

    def vanish(self, key_id: str) -> None:
        """Let a key disappear at once, as after a restore of an old backup."""
        self.remove(key_id)
