"""Values that pass between modules: inputs and outputs, evaluated when first read, once.

Rules: reading one makes the key that is being evaluated depend on every key that the
value was made of, whoever read it first. A value that needs itself is an error that
names every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from keyplan.config.expressions import At, Lookup
from keyplan.config.report import (
    INVALID,
    AlreadyReportedError,
    Place,
    Report,
    related,
    suggest_or_list,
)
from keyplan.model.address import Address

_MAX_CHAIN = 30
"""How many inputs and outputs may lead from one to the next."""


class Tracker(Protocol):
    """Who knows which key is being evaluated."""

    running: list[Lazy]
    recording: list[dict[Address, None]]

    def depend(self, address: Address, at: At) -> None:
        """The key that is being evaluated, if any, needs another one."""


class _State(Enum):
    WAITING = 0
    RUNNING = 1
    DONE = 2


class Lazy:
    """An input or an output. `compute` gives its value, or `INVALID` after a report."""

    __slots__ = ("_compute", "_needs", "_report", "_state", "_value", "label", "place")

    def __init__(
        self, label: str, place: Place, compute: Callable[[], object], report: Report
    ) -> None:
        self.label = label
        self.place = place
        self._compute = compute
        self._report = report
        self._state = _State.WAITING
        self._value: object = INVALID
        self._needs: dict[Address, None] = {}

    def read(self, tracker: Tracker, at: At | None = None) -> object:
        """The value. Raises `AlreadyReportedError` if there is none."""
        if self._state is _State.RUNNING:
            self._report_circle(tracker.running)
            raise AlreadyReportedError
        if self._state is _State.WAITING:
            self._run(tracker)
        for recording in tracker.recording:
            recording.update(self._needs)
        if at is not None:
            for address in self._needs:
                tracker.depend(address, at)
        if self._value is INVALID:
            raise AlreadyReportedError
        return self._value

    def settle(self, tracker: Tracker) -> None:
        """Evaluate it if nobody did, so that its mistakes are found."""
        if self._state is _State.WAITING:
            self._run(tracker)

    def _run(self, tracker: Tracker) -> None:
        if len(tracker.running) >= _MAX_CHAIN:
            self._state = _State.DONE
            self._report.error(
                "KP-REF-013",
                self.place,
                "values lead through too many modules",
                advice="Give the modules what they need directly.",
            )
            return
        self._state = _State.RUNNING
        tracker.running.append(self)
        tracker.recording.append(self._needs)
        try:
            self._value = self._compute()
        finally:
            tracker.recording.pop()
            tracker.running.pop()
            self._state = _State.DONE

    def _report_circle(self, running: list[Lazy]) -> None:
        around = running[running.index(self) :]
        self._report.error(
            "KP-REF-013",
            self.place,
            "values lead in a circle: " + " -> ".join(item.label for item in [*around, self]),
            advice="Take one of these references away.",
            also=tuple(related(item.label, item.place) for item in around[1:]),
        )


class Inputs(Lookup):
    """`var` in a module."""

    __slots__ = ("_module", "_tracker", "_values")

    def __init__(self, module: str, values: Mapping[str, Lazy], tracker: Tracker) -> None:
        self._module = module
        self._values = values
        self._tracker = tracker

    def get_attribute(self, name: str, at: At) -> object:
        """`var.x`."""
        found = self._values.get(name)
        if found is None:
            raise at.error(
                "KP-REF-002",
                f"var.{name} is not declared",
                why=f"{self._module} has no such variable",
                advice=suggest_or_list(name, self._values, "Declared")
                or "Declare it under `variable:`.",
            )
        return found.read(self._tracker, at)

    def get_item(self, key: object, at: At) -> object:
        """`var["x"]` is another spelling of `var.x`, and there is one only."""
        raise at.error("KP-REF-001", "var has names, not entries", advice=f"Write var.{key}.")

    def entries(self, at: At) -> Mapping[str, object]:
        """Every value by its name."""
        return {name: item.read(self._tracker, at) for name, item in self._values.items()}
