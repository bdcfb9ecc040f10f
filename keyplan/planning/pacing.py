"""How long the limits of services make a plan take, whatever the machine and the network.

Rules: each call of a service has a limit of its own at each place, and the limits run side
by side, so the slowest one decides. Operations that are the same call share its limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from keyplan.model.operations import is_remote
from keyplan.plans.plan import Pace, Step
from keyplan.sdk.capabilities import Capabilities


def pace_of_steps(steps: Sequence[Step], capabilities: Mapping[str, Capabilities]) -> Pace:
    """The time that the calls of the steps take at least, and which call decides."""
    seconds: dict[tuple[str, str], float] = {}
    rates: dict[tuple[str, str], float] = {}
    for step in steps:
        rate = capabilities[step.provider].rates.get(step.operation.name, 0.0)
        if is_remote(step.operation) and rate > 0:
            call = (step.provider, step.call)
            seconds[call] = seconds.get(call, 0.0) + 1 / rate
            rates[call] = min(rate, rates.get(call, rate))
    slowest = max(seconds, key=lambda call: (seconds[call], call), default=None)
    return Pace() if slowest is None else Pace(seconds[slowest], slowest[1], rates[slowest])


def pace_of_reading(providers: Iterable[str], capabilities: Mapping[str, Capabilities]) -> Pace:
    """The time that reading a key at each of these instances takes at least."""
    counts: dict[str, int] = {}
    for provider in providers:
        counts[provider] = counts.get(provider, 0) + 1
    paces = [
        Pace(count / rate, "read", rate)
        for provider, count in counts.items()
        if (rate := capabilities[provider].rates.get("read", 0.0)) > 0
    ]
    return max(paces, key=lambda pace: pace.seconds, default=Pace())
