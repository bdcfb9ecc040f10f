"""One case: an apply is killed, what finishes or undoes it is killed too, and all ends well.

A case is data, so that a failing one is run again exactly as it was:

    KEYPLAN_CRASH_CASE='{"provider": ...}' pytest tests/crash/test_kills.py -k again
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from tests.crash.dying import MOMENTS, WRITES, Point
from tests.crash.places import Land, Place
from tests.crash.processes import Ended

APPLY = ("apply", "--auto-approve", "--allow", "max-delete", "--allow", "max-update")
ROLLBACK = ("rollback", "--auto-approve", "--allow", "root", "--allow", "max-update")
ROUNDS = 8
"""More than the commands that any case needs until it has ended."""


@dataclass(frozen=True, slots=True)
class Kill:
    """When a process dies: at a point, or so many seconds after it got the lease."""

    point: Point | None = None
    within: float | None = None

    @property
    def how(self) -> dict[str, Any]:
        """As the forge is told."""
        return {"point": self.point, "within": self.within}


@dataclass(frozen=True, slots=True)
class Case:
    """From `before` (`nothing` or `first`) to `after`; `kills` are those of one command each."""

    provider: str
    store: str
    before: str
    after: str
    ending: str
    parallelism: int
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def parse(text: str) -> Case:
    """A case from what a failing one printed."""
    data = json.loads(text)
    kills = tuple(
        Kill(Point(**kill["point"]) if kill["point"] else None, kill["within"])
        for kill in data.pop("kills")
    )
    return Case(kills=kills, **data)


@dataclass(slots=True)
class Tally:
    """What was killed, and how often between a Started and its Succeeded."""

    kills: int = 0
    inside: int = 0
    cases: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """A run that nobody interrupted: how it ended, what it could have died at, how long it took."""

    picture: dict[str, Any]
    counts: Mapping[str, int]
    seconds: float


@dataclass
class Killing:
    """The cases of one land."""

    land: Land
    tally: Tally = field(default_factory=Tally)
    wholes: dict[tuple[str, str], Whole] = field(default_factory=dict)
    base: Place | None = None

    # -- what should come out ------------------------------------------------------------

    def start(self, before: str) -> Place:
        """A place as it is before the apply that will be killed."""
        place = self.land.place()
        if before == "nothing":
            place.declare("first")
            return place
        place.declare(before)
        if self.land.provider == "hsm" and self.base is not None:
            place.copy(self.base)
            return place
        ended = self.land.run(place, *APPLY)
        assert ended.code == 0, str(ended)
        self.base = self.base or place
        return place

    def whole(self, before: str, after: str) -> Whole:
        """The same without any kill, done once."""
        if (before, after) not in self.wholes:
            place = self.start(before)
            if self.land.provider == "hsm" and before != "nothing":
                place = self.start(before)  # the one before is what others are copied from
            place.declare(after)
            started = self.land.forge.start(APPLY, place.folder, place.environment)
            assert started.holds()
            since = time.monotonic()
            ended = started.wait()
            seconds = time.monotonic() - since
            assert ended.code == 0, str(ended)
            picture = self.land.picture(place)
            assert picture["planned"] == 0
            self.wholes[before, after] = Whole(picture, ended.counts, seconds)
        return self.wholes[before, after]

    def cases(self, random: Random) -> Iterator[Case]:
        """Without end: every point of every run once, in any order, then again; and chance."""
        while True:
            runs = [("nothing", "first"), ("first", "changed")]
            firsts = [
                (before, after, Kill(point))
                for before, after in runs
                for point in points(self.whole(before, after).counts)
            ]
            firsts += [
                (before, after, Kill(within=random.uniform(0, self.whole(before, after).seconds)))
                for before, after in runs
                for _ in range(len(firsts) // 4)
            ]
            random.shuffle(firsts)
            for before, after, kill in firsts:
                later = [self._later(random, before, after) for _ in range(random.randrange(4))]
                yield Case(
                    self.land.provider,
                    self.land.kind,
                    before,
                    after,
                    random.choice(("resume", "resume", "rollback")),
                    random.choice((1, 4)),
                    (kill, *later),
                )

    def _later(self, random: Random, before: str, after: str) -> Kill:
        if random.random() < 0.25:
            return Kill(within=random.uniform(0, self.whole(before, after).seconds))
        call = random.choice(("execute", "execute", "append", "append", "commit", "archive"))
        return Kill(Point(call, random.randint(1, 3), random.choice(MOMENTS), random.randint(1, 2)))

    # -- one case ------------------------------------------------------------------------

    def run(self, case: Case) -> None:
        """Raises `AssertionError` with everything that is needed to see it again."""
        self.tally.cases += 1
        said: list[str] = []
        try:
            _Trial(self, case, said).run()
        except BaseException as error:
            transcript = "\n".join(said)
            raise AssertionError(
                f"{error}\n\nAgain:\n  KEYPLAN_CRASH_CASE='{case}' \\\n"
                f"  pytest tests/crash/test_kills.py -k again\n\n{transcript}"
            ) from error


class _Trial:
    """A case under way."""

    def __init__(self, killing: Killing, case: Case, said: list[str]) -> None:
        self._killing = killing
        self._land = killing.land
        self._case = case
        self._said = said
        self._kills = list(case.kills)
        self._place = killing.start(case.before)
        self._start = self._land.picture(self._place) if case.ending == "rollback" else {}
        self._serial = self._place.serial
        self._place.declare(case.after)
        self._said.append((self._place.folder / "keyplan.yaml").read_text())

    def run(self) -> None:
        apply = (*APPLY, "--parallelism", str(self._case.parallelism))
        first = self._next(apply)
        assert first.killed or first.code == 0, "the apply failed"
        if self._case.ending == "resume":
            self._resume(apply)
        else:
            self._roll_back()

    def _next(self, argv: tuple[str, ...]) -> Ended:
        """The next command; killed if a kill is left."""
        place, tally = self._place, self._killing.tally
        kill = self._kills.pop(0) if self._kills else Kill()
        ended = self._land.run(place, *argv, **kill.how)
        self._said.append(f"--- {kill}\n{ended}")
        assert ended.killed or ended.code == 0, f"keyplan {argv[0]} failed"
        if ended.killed:
            place.free()
            tally.kills += 1
            tally.inside += bool(place.begun)
        assert place.store.holder() is None, "the lease was not given back"
        return ended

    def _resume(self, apply: tuple[str, ...]) -> None:
        """`resume` as long as a run is open; `apply` again only where none had begun."""
        place = self._place
        for _ in range(ROUNDS):
            if place.open_run:
                self._next(("resume", "--auto-approve"))
            elif place.serial == self._serial:
                self._next(apply)
            else:
                break
        whole = self._killing.whole(self._case.before, self._case.after).picture
        found = self._land.picture(place)
        assert not place.open_run
        assert place.serial == self._serial + 1
        _same(found, whole)

    def _roll_back(self) -> None:
        place, run, said = self._place, self._place.open_run, ""
        if not run and place.serial > self._serial:
            run = place.last_run
        for _ in range(ROUNDS):
            if place.open_run == run and run:
                ended = self._next(ROLLBACK)
            elif place.open_run:
                ended = self._next(("resume", "--auto-approve"))
            elif place.serial > self._serial:
                ended = self._next((*ROLLBACK, "--run", run))
            else:
                break  # nothing had begun
            said += ended.out
            if ended.argv[0] == "rollback" and not ended.killed and not place.open_run:
                break
        self._check_taken_back(said)

    def _check_taken_back(self, said: str) -> None:
        """The keys of the start are as they were; what the run made is off, and was named."""
        assert not self._place.open_run
        found, start = self._land.picture(self._place), self._start
        made = found["keys"].keys() - start["keys"].keys()
        _same({name: found["keys"].get(name) for name in start["keys"]}, start["keys"])
        for name in made:
            key = found["keys"][name]
            assert key["attributes"]["state"] in ("suspended", "pending_deletion"), name
            assert name in said, f"{name} stays and was not named"


def points(counts: Mapping[str, int]) -> list[Point]:
    """Every point of a run that made these calls."""
    return [
        Point(call, nth, moment, depth)
        for call in (*WRITES, "execute")
        for nth in range(1, counts.get(call, 0) + 1)
        for moment in MOMENTS
        for depth in ((1, 2, 3) if moment == "middle" and call == "commit" else (1,))
    ]


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises `AssertionError` with what differs, one line each."""
    if found != wanted:
        raise AssertionError("the world differs:\n" + "\n".join(_differences(found, wanted, "")))


def _differences(found: Any, wanted: Any, path: str) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                yield from _differences(found.get(name), wanted.get(name), f"{path}/{name}")
    else:
        yield f"  {path}: {found!r:.200} instead of {wanted!r:.200}"
