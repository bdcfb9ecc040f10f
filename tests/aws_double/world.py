"""All accounts and Regions: what exists, what time does to it, what a reader sees of it.

Time passes when the clock moves: deletion windows end, keys finish to be created, key
material rotates and expires. With a `lag`, each operation sees a change only after it has
seen the state before that often: reads are stale, and what is new is not found.
"""

from __future__ import annotations

import copy
import itertools
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests.aws_double import policies
from tests.aws_double.records import Alias, Key, Material, Shared

T = TypeVar("T")

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Limits:
    """Resource quotas."""

    keys: int = 100_000
    aliases_per_key: int = 50
    grants_per_key: int = 50_000
    tags_per_key: int = 50
    on_demand_rotations: int = 25
    page: int = 1000
    """The largest page that a list gives, whatever was asked for."""


@dataclass(slots=True)
class _Stale:
    """What was before the last change, and how often each operation has seen it."""

    before: Any
    seen: Counter[str] = field(default_factory=Counter)


class World:
    """What the double holds. Handlers hold `lock`; tests may look and touch between calls."""

    def __init__(self, regions: tuple[str, ...], clock: Callable[[], datetime]) -> None:
        self.regions = regions
        self.clock = clock
        self.lock = threading.RLock()
        self.limits = Limits()
        self.lag = 0
        self.transition = timedelta(0)
        """How long a key is `Creating` or `Updating`."""
        self.rotation_takes = timedelta(0)
        """How long an on-demand rotation is under way."""
        self.missing_principals: set[str] = set()
        """Users and roles that IAM does not have: every other one exists."""
        self.principal_ids: dict[str, str] = {}
        """Unique ids of users and roles, by ARN."""
        self.stores: dict[str, str] = {}
        """Custom key stores: id and origin of their keys (`AWS_CLOUDHSM`, ...)."""
        self._keys: dict[tuple[str, str], dict[str, Key]] = {}
        self._aliases: dict[tuple[str, str], dict[str, Alias]] = {}
        self._stale: dict[str, _Stale] = {}
        self._due = NEVER
        self.serial = itertools.count(1)

    # What exists

    def keys(self, account: str, region: str) -> dict[str, Key]:
        """The keys of an account in a Region, by id, in the order of their creation."""
        return self._keys.setdefault((account, region), {})

    def aliases(self, account: str, region: str) -> dict[str, Alias]:
        """The aliases of an account in a Region, by name."""
        return self._aliases.setdefault((account, region), {})

    def every_key(self) -> Iterator[Key]:
        """All keys of all accounts and Regions."""
        for held in list(self._keys.values()):
            yield from list(held.values())

    def key(self, key_id: str, region: str = "") -> Key:
        """A key by id or ARN, for a test that looks inside."""
        self.settle()
        found = [
            each
            for each in self.every_key()
            if key_id in (each.id, each.arn) and region in ("", each.region)
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} keys are {key_id}")
        return found[0]

    def related(self, key: Key) -> list[Key]:
        """The primary and all replicas, the key included."""
        held = (self.keys(key.account, region).get(key.id) for region in self.regions)
        return [each for each in held if each is not None]

    def alias_names(self, key: Key) -> list[str]:
        """The names of the aliases that point to a key."""
        held = self.aliases(key.account, key.region).values()
        return [alias.name for alias in held if alias.key_id == key.id]

    def add(self, key: Key) -> Key:
        """Put a key where it belongs."""
        self.changing(key.arn, None)
        self.keys(key.account, key.region)[key.id] = key
        return key

    def new_material(self, octets: bytes | None = None, **more: Any) -> Material:
        """A version of key material, with an id as AWS gives them."""
        own = secrets.token_bytes(32) if octets is None else octets
        return Material(secrets.token_hex(32), own, self.clock(), **more)

    def aws_managed(self, service: str, *, account: str, region: str) -> Key:
        """Make the AWS-managed key of a service, with its alias."""
        key_id = f"{next(self.serial):08x}-0000-4000-8000-{secrets.token_hex(6)}"
        shared = Shared(key_id, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", False, region)
        shared.materials.append(self.new_material())
        shared.rotation.enabled = True
        arn = f"arn:aws:kms:{region}:{account}:key/{key_id}"
        root = {"AWS": f"arn:aws:iam::{account}:root"}
        reads = ["kms:Describe*", "kms:Get*", "kms:List*"]
        statement = {"Effect": "Allow", "Principal": root, "Action": reads, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Id": f"auto-{service}-1", "Statement": [statement]}
        now = self.clock()
        key = Key(arn, account, region, shared, now, policy, manager="AWS")
        name = f"alias/aws/{service}"
        alias = Alias(name, f"arn:aws:kms:{region}:{account}:{name}", key_id, now, now)
        self.aliases(account, region)[name] = alias
        return self.add(key)

    # Principals

    def delete_principal(self, arn: str, unique_id: str) -> None:
        """Delete a user or role: policies keep its unique id from now on."""
        self.missing_principals.add(arn)
        for key in self.every_key():
            text = policies.serialise(key.policy).replace(f'"{arn}"', f'"{unique_id}"')
            key.policy = policies.parse(text)

    # What a reader sees

    def changing(self, name: str, now: Any) -> None:
        """Keep what is before it changes. `name` is an ARN, `now` its record or `None`."""
        if self.lag:
            self._stale[name] = _Stale(copy.deepcopy(now))

    def seen(self, name: str, now: T | None, reader: str) -> T | None:
        """What `reader`, an operation, sees of a record; `None` if it sees none."""
        stale = self._stale.get(name)
        if stale is None or stale.seen[reader] >= self.lag:
            return now
        stale.seen[reader] += 1
        return stale.before

    def catch_up(self) -> None:
        """End the lag, and forget what was: a later lag begins with later changes."""
        self.lag = 0
        self._stale.clear()

    # Time

    def wake_at(self, when: datetime) -> None:
        """Remember that something happens by itself at this time."""
        self._due = min(self._due, when)

    def settle(self) -> None:
        """Let happen what the time that has passed brings."""
        now = self.clock()
        while now >= self._due:
            self._due = NEVER
            for key in self.every_key():
                self._pass(key, now)

    def _pass(self, key: Key, now: datetime) -> None:
        shared, rotation = key.shared, key.shared.rotation
        if shared.moving is not None and self._is_over(shared.moving[1], now):
            shared.primary_region, shared.moving = shared.moving[0], None
        if key.busy is not None and self._is_over(key.busy[1], now):
            key.busy = None
        for material in shared.materials:
            if material.octets and material.expires and self._is_over(material.expires, now):
                material.octets = b""
        if rotation.on_demand and self._is_over(rotation.on_demand + self.rotation_takes, now):
            self.rotate(key, "ON_DEMAND", rotation.on_demand)
            rotation.on_demand = None
        if rotation.enabled and rotation.next is not None and key.state == "Enabled":
            while key.is_primary and self._is_over(rotation.next, now):
                self.rotate(key, "AUTOMATIC", rotation.next)
                rotation.next += timedelta(days=rotation.period)
        if key.deletion is not None and self._is_over(key.deletion, now):
            self._remove(key)

    def _is_over(self, when: datetime, now: datetime) -> bool:
        if when <= now:
            return True
        self.wake_at(when)
        return False

    def rotate(self, key: Key, how: str, when: datetime) -> None:
        """Make new material current: the imported one that waits, or a fresh one."""
        waiting = [m for m in key.shared.materials if m.pending]
        material = waiting[0] if waiting else self.new_material()
        material.pending, material.rotation, material.since = False, how, when
        if not waiting:
            key.shared.materials.append(material)

    def _remove(self, key: Key) -> None:
        del self.keys(key.account, key.region)[key.id]
        for name in self.alias_names(key):
            del self.aliases(key.account, key.region)[name]
        left = self.related(key)
        if len(left) == 1 and left[0].window is not None and left[0].deletion is None:
            left[0].deletion = self.clock() + timedelta(days=left[0].window)
            self.wake_at(left[0].deletion)
