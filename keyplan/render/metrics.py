"""A check for drift as Prometheus text, for the textfile collector of node_exporter.

Source: Prometheus exposition format 0.0.4. Rules: few series (stack, provider, class;
never a key or a person); every class of every provider is there, zeros too, so that an
alert ends when the drift does. A check that failed says so and keeps the instant of the
last good one, so that "not checked for a day" can be an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import DriftReport

Labels: TypeAlias = tuple[tuple[str, str], ...]

CHECKED = "keyplan_last_drift_check_timestamp_seconds"

_CHECKED = re.compile(rf"^{CHECKED}{{.*}} ([0-9]+(?:\.[0-9]+)?)$", re.MULTILINE)


def drift_metrics(report: DriftReport, *, seconds: float) -> str:
    """The metrics of a check that could be made."""
    stack = ("stack", report.stack)
    tally: dict[tuple[str, DriftKind], int] = {
        (provider, kind): 0 for provider in report.providers for kind in DriftKind
    }
    places = [(one.item.provider, one.item.kind) for one in report.drifted]
    places += [(one.provider, DriftKind.UNMANAGED) for one in report.strays or ()]
    places += [(one.provider, DriftKind.NORMALISATION) for one in report.respelt]
    for place in places:
        tally[place] = tally.get(place, 0) + 1
    items = [
        ((stack, ("provider", provider), ("kind", kind.value.replace(" ", "_"))), number)
        for (provider, kind), number in sorted(tally.items())
    ]
    only: Labels = (stack,)
    return "".join(
        [
            *_metric("keyplan_drift_items", "Deviations by provider and class.", items),
            *_metric("keyplan_drift_keys", "Keys that drifted.", [(only, report.drifted_keys)]),
            *_metric("keyplan_keys", "Keys in the state.", [(only, report.keys)]),
            *_metric(
                "keyplan_drift_check_duration_seconds",
                "How long the last check took.",
                [(only, round(seconds, 3))],
            ),
            *_up(report.stack, up=True),
            *_checked(report.stack, report.now.timestamp()),
        ]
    )


def failed_metrics(stack: str, before: str) -> str:
    """The metrics of a check that could not be made; `before` is the file as it was."""
    last = next((found[1] for found in _CHECKED.finditer(before)), None)
    lines = [*_up(stack, up=False)]
    if last is not None:
        lines += _checked(stack, float(last))
    return "".join(lines)


def _up(stack: str, *, up: bool) -> Iterator[str]:
    text = "Whether the last check for drift could be made."
    return _metric("keyplan_drift_up", text, [((("stack", stack),), int(up))])


def _checked(stack: str, instant: float) -> Iterator[str]:
    text = "When drift was last looked for with success."
    return _metric(CHECKED, text, [((("stack", stack),), round(instant, 3))])


def _metric(name: str, help_: str, samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """A gauge with its samples."""
    yield f"# HELP {name} {help_}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{{{inside}}} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
