"""A check for drift as Prometheus text, for the textfile collector of node_exporter.

Source: Prometheus exposition format 0.0.4. Rules: few series (stack, provider, class;
never a key or a person); every class of every provider is there, zeros too, so that an
alert ends when the drift does. A check that failed says so and keeps the instant of the
last good one, so that "not checked for a day" can be an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import DriftReport

Labels: TypeAlias = tuple[tuple[str, str], ...]

RUN = "keyplan_drift_last_run_timestamp_seconds"
SUCCESS = "keyplan_drift_last_run_success"
CHECKED = "keyplan_drift_last_success_timestamp_seconds"

_LABEL = r'\{stack="((?:[^"\\\n]|\\.)*)"\}'
_STACK = re.compile(rf"^{SUCCESS}{_LABEL} ", re.MULTILINE)
_CHECKED = re.compile(rf"^{CHECKED}{_LABEL} ([0-9]+(?:\.[0-9]+)?)$", re.MULTILINE)


def drift_metrics(report: DriftReport, *, seconds: float, before: str = "") -> str:
    """The metrics of a check; `before` is the file as it was.

    A check that could not see all that matters has figures, and is no success.
    """
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
            *_metric(
                "keyplan_drift_unreadable",
                "Attributes that are declared or were applied and cannot be read.",
                [(only, report.unreadable)],
            ),
            *_metric(
                "keyplan_drift_hidden_keys",
                "Keys of which nothing can be read.",
                [(only, report.hidden)],
            ),
            *_metric("keyplan_keys", "Keys in the state.", [(only, report.keys)]),
            *_metric(
                "keyplan_drift_last_run_duration_seconds",
                "How long the last check took.",
                [(only, seconds)],
            ),
            *_ran(only, report.now, success=not report.blind),
            *(_last_success(only, before) if report.blind else _checked(only, report.now)),
        ]
    )


def failed_metrics(stack: str | None, before: str, now: datetime) -> str:
    """The metrics of a check that could not be made; `before` is the file as it was.

    The figures of earlier checks are gone from it. A `stack` that cannot be read is called
    as it was there.
    """
    if stack is None:
        known = _STACK.search(before)
        stack = _plain(known[1]) if known else ""
    only: Labels = (("stack", stack),)
    return "".join([*_ran(only, now, success=False), *_last_success(only, before)])


def _last_success(labels: Labels, before: str) -> Iterator[str]:
    last = _CHECKED.search(before)
    if last:
        yield from _checked(labels, datetime.fromtimestamp(float(last[2]), UTC))


def _ran(labels: Labels, now: datetime, *, success: bool) -> Iterator[str]:
    yield from _metric(
        RUN,
        "When drift was last looked for, with or without success.",
        [(labels, now.timestamp())],
    )
    text = "Whether the last check for drift saw all that matters, whatever it found."
    yield from _metric(SUCCESS, text, [(labels, int(success))])


def _checked(labels: Labels, instant: datetime) -> Iterator[str]:
    text = "When drift was last looked for with success."
    return _metric(CHECKED, text, [(labels, instant.timestamp())])


def _metric(name: str, help_: str, samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """A gauge with its samples, to the thousandth."""
    yield f"# HELP {name} {help_}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{{{inside}}} {round(value, 3)}\n"


def _plain(label: str) -> str:
    """The inverse of `_escaped`."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], label)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
