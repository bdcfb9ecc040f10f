"""Steps run side by side; those on one key, and those that wait for others, do not."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.operations import RemoteOperation, SetAttribute
from keyplan.testing.fake import fake_plugin
from tests.lifecycle.world import Draft, World, create, instance, key


class Watch:
    """Remembers what ran beside what."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[Address] = set()
        self.most = 0
        self.collisions: list[Address] = []
        self.order: dict[Address, list[object]] = defaultdict(list)

    def before(self, operation: RemoteOperation) -> None:
        with self.lock:
            if operation.target in self.running:
                self.collisions.append(operation.target)
            self.running.add(operation.target)
            self.most = max(self.most, len(self.running))
            self.order[operation.target].append(getattr(operation, "after", "create"))
        threading.Event().wait(0.001)

    def after(self, operation: RemoteOperation) -> None:
        with self.lock:
            self.running.discard(operation.target)


def _run(world: World, drafts: list[Draft], watch: Watch, parallelism: int) -> bool:
    session = instance(world.plugin, before=watch.before, after=watch.after)
    plan = world.plan(drafts)
    return world.apply(plan, sessions={"fake": session}, parallelism=parallelism).ok


def test_keys_side_by_side_steps_of_one_key_in_order() -> None:
    world, watch = World(), Watch()
    drafts = [Draft(create(f"k{number}")) for number in range(12)]
    texts: list[str | None] = [None, *(str(number) for number in range(5))]
    for before, after in pairwise(texts):
        drafts += [  # no declared dependency: the order of the plan is enough
            Draft(SetAttribute(key(f"k{number}"), "description", before, after))
            for number in range(12)
        ]

    assert _run(world, drafts, watch, parallelism=6)

    assert not watch.collisions
    assert 2 <= watch.most <= 6
    assert all(seen == ["create", *texts[1:]] for seen in watch.order.values())


def test_a_provider_gets_no_more_threads_than_it_allows() -> None:
    world, watch = World(fake_plugin(threads=2)), Watch()
    assert _run(world, [Draft(create(f"k{number}")) for number in range(20)], watch, 10)
    assert watch.most <= 2


def test_all_providers_together_are_bounded() -> None:
    world, watch = World(instances=("fake", "fake.b", "fake.c")), Watch()
    sessions = {
        name: instance(world.plugin, name, before=watch.before, after=watch.after)
        for name in world.instances
    }
    plan = world.plan(
        [create(f"k{number}") for number in range(60)],
        provider=lambda operation: world.instances[int(operation.target[5:]) % 3],
    )
    assert world.apply(plan, sessions=sessions, parallelism=4).ok
    assert watch.most <= 4
    assert len(world.plugin.service("b").current()) == 20


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 60), parallelism=st.integers(1, 8))
def test_any_order_of_a_plan_is_kept(seed: int, size: int, parallelism: int) -> None:
    chance = random.Random(seed)
    world = World()
    finished: set[int] = set()
    lock = threading.Lock()
    after = [
        tuple(sorted(chance.sample(range(1, n), k=min(n - 1, chance.randrange(4)))))
        for n in range(1, size + 1)
    ]
    broken: list[int] = []

    def number(operation: RemoteOperation) -> int:
        return int(operation.target[5:])

    def begin(operation: RemoteOperation) -> None:
        with lock:
            if not finished.issuperset(after[number(operation) - 1]):
                broken.append(number(operation))

    def end(operation: RemoteOperation) -> None:
        with lock:
            finished.add(number(operation))

    drafts = [Draft(create(f"k{n}"), after=after[n - 1]) for n in range(1, size + 1)]
    session = instance(world.plugin, before=begin, after=end)
    report = world.apply(world.plan(drafts), sessions={"fake": session}, parallelism=parallelism)
    assert report.ok
    assert not broken
    assert len(finished) == size
