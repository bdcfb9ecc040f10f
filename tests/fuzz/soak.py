"""Many inputs, one after the other, until one of them is not answered as it must be.

    python -m tests.fuzz.soak --target expressions --count 500000 --seed 1
    python -m tests.fuzz.soak --target stacks --seed 1 --start 4711 --count 1     # one again
    python -m tests.fuzz.soak --target trees --count 200000 --coverage            # with atheris

Without `--coverage` input number N of a seed is always the same, whatever came before it.
With it, libFuzzer changes bytes that stand for words of the language, guided by which
lines of keyplan they reach (`pip install '.[fuzz]'`). An input that takes longer than
`SLOW` seconds is a finding, as is anything that raises. Findings of one kind, by where
they were raised, are shown once. The exit code is 1 if there was any.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SLOW = 2.0
"""Seconds of processor time after which an input counts as a finding."""

HANGS = 20
"""Seconds after which an input is given up."""

_MEMORY = 4 << 30
TARGETS = ("trees", "expressions", "stacks")


class HangsError(BaseException):
    """The input took too long; nothing that is being tested may catch this."""


@dataclass(slots=True)
class Findings:
    """What was found, by where it was raised. `limit` is how long an input may take."""

    limit: float = SLOW
    seen: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0

    def run(self, check: Callable[[Any], None], value: object, label: str) -> None:
        """Check one input; whatever it raises is kept."""
        started = time.process_time()
        signal.alarm(HANGS)
        try:
            check(value)
        except (Exception, HangsError) as error:  # noqa: BLE001  # anything at all is a finding
            self._add(error, value, label)
        finally:
            signal.alarm(0)
        took = time.process_time() - started
        if took > self.slowest:
            self.slowest = took
            if took > self.limit:
                self._report(f"slow: {took:.1f} s", f"{took:.1f} s", value, label)

    def _add(self, error: BaseException, value: object, label: str) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        if kind not in self.seen:
            detail = "".join(traceback.format_exception(error)[-6:])
            self._report(kind, detail, value, label)

    def _report(self, kind: str, detail: str, value: object, label: str) -> None:
        self.seen[kind] = label
        shown = json.dumps(value)
        print(f"FINDING {kind}\n  {label}\n{detail}\n  input: {shown[:4000]}\n", flush=True)


def check_of(target: str) -> Callable[[Any], None]:
    """The function that takes one input of a target."""
    from tests.fuzz import targets  # noqa: PLC0415  # atheris watches what is imported later

    return {
        "trees": targets.check_tree,
        "expressions": targets.check_expression,
        "stacks": targets.check_stack,
    }[target]


def made(target: str, seed: int, number: int) -> str | Mapping[str, str]:
    """Input `number` of a seed."""
    from tests.fuzz import mutations, seeds  # noqa: PLC0415

    random = Random(f"{seed}:{number}")
    if target == "stacks":
        every = seeds.stacks()
        rich = random.random() < 0.7  # the first few are whole stacks, the rest broken ones
        chosen = random.choice(every[:7] if rich else every)
        return mutations.mutate_stack(random, chosen, seeds.documents())
    if target == "trees":
        words, texts = mutations.YAML_WORDS, seeds.documents()
    else:
        words, texts = mutations.EXPRESSION_WORDS, seeds.expressions()
    match random.randrange(5):
        case 0:
            return mutations.words_in_any_order(random, words)
        case 1 if target == "trees":
            return mutations.mutate_document(random, random.choice(texts), texts)
        case _:
            text = random.choice(texts)
            if len(text) > 600:
                begin = random.randrange(len(text) - 500)
                text = text[begin : begin + 500]
            return mutations.mutate_text(random, text, words, texts)


def soak(
    target: str, *, seed: int, start: int, count: int, seconds: float, limit: float
) -> Findings:
    """Run inputs `start` to `start + count` of a seed, or as many as the time allows."""
    check, findings = check_of(target), Findings(limit)
    began = time.monotonic()
    number = start
    for number in range(start, start + count):
        findings.run(check, made(target, seed, number), f"--target {target} --seed {seed} "
                     f"--start {number} --count 1")  # fmt: skip
        if number % 256 == 0 and seconds and time.monotonic() - began > seconds:
            break
    _summary(target, f"seed {seed}", number + 1 - start, began, findings)
    return findings


def soak_with_coverage(target: str, *, seed: int, count: int, seconds: float) -> Findings:
    """As `soak`, with libFuzzer choosing. It ends the process itself when it is done."""
    import atheris  # noqa: PLC0415  # an extra

    with atheris.instrument_imports(include=["keyplan"], enable_loader_override=False):
        check = check_of(target)
    from tests.fuzz import mutations, seeds  # noqa: PLC0415

    words = mutations.YAML_WORDS + mutations.VALUES
    texts: Sequence[str] = seeds.documents()
    if target == "expressions":
        words, texts = mutations.EXPRESSION_WORDS, seeds.expressions()
    stacks = seeds.stacks()
    findings = Findings(SLOW * 10)  # watching costs time
    began = time.monotonic()
    done = 0

    def run(data: bytes) -> None:
        nonlocal done
        done += 1
        value: object = spelt(data, words, texts)
        if target == "stacks":
            stack = dict(stacks[(data[0] if data else 0) % 6])
            name = min(stack)
            cut = int.from_bytes(data[1:3]) % (len(stack[name]) + 1)
            drop = data[3] if len(data) > 3 else 0
            middle = spelt(data[4:], words, texts)
            value = {**stack, name: stack[name][:cut] + middle + stack[name][cut + drop :]}
        findings.run(check, value, f"--target {target} --coverage, seed {seed}")
        if done == count or (seconds and time.monotonic() - began > seconds):
            _summary(target, f"coverage, seed {seed}", done, began, findings)
            sys.stdout.flush()
            import os  # noqa: PLC0415

            os._exit(1 if findings.seen else 0)

    flags = [sys.argv[0], f"-seed={seed}", "-max_len=400", "-timeout=60", "-rss_limit_mb=4096"]
    atheris.Setup([*flags, f"-runs={count + 10}", "-print_final_stats=1", "-verbosity=0"], run)
    atheris.Fuzz()
    return findings


def spelt(data: bytes, words: Sequence[str], texts: Sequence[str]) -> str:
    """Bytes below 128 are characters; the rest are words, and 255 a whole text."""
    parts: list[str] = []
    for byte in data:
        if byte < 128:
            parts.append(chr(byte))
        elif byte < 255:
            parts.append(words[(byte - 128) % len(words)])
        else:
            parts.append(texts[len(parts) * 7 % len(texts)][:200])
    return "".join(parts)


def _summary(target: str, how: str, count: int, began: float, findings: Findings) -> None:
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{target}, {how}: {count:,} inputs in {seconds:.0f} s, slowest {findings.slowest:.2f} s, "
        f"peak {peak} MB, {len(findings.seen)} findings",
        flush=True,
    )


def _hangs(*_: object) -> None:
    raise HangsError


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so long")
    parser.add_argument("--coverage", action="store_true", help="guided by atheris")
    chosen = parser.parse_args()
    signal.signal(signal.SIGALRM, _hangs)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if chosen.coverage:
        found = soak_with_coverage(
            chosen.target, seed=chosen.seed, count=chosen.count, seconds=chosen.seconds
        )
    else:
        found = soak(
            chosen.target, seed=chosen.seed, start=chosen.start, count=chosen.count,
            seconds=chosen.seconds, limit=SLOW,
        )  # fmt: skip
    return 1 if found.seen else 0


if __name__ == "__main__":
    sys.exit(main())
