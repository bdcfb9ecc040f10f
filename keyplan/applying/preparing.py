"""Making a wave of steps ready to start: the live keys compared, nothing unknown left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keyplan.applying.executor import Prepared
from keyplan.applying.known import Known
from keyplan.applying.live import LiveCheck, stale
from keyplan.errors import KeyplanError
from keyplan.model.operations import is_remote
from keyplan.plans.plan import Step


def prepare(
    wave: Sequence[Step], known: Known, live: LiveCheck
) -> tuple[list[Prepared], Mapping[int, KeyplanError]]:
    """The steps of the wave that can start, and why the others cannot, by number."""
    failed: dict[int, KeyplanError] = {}
    try:
        if moved := live.again(wave):
            gone = stale(moved)
            failed = {step.number: gone for step in wave if step.address in moved}
    except KeyplanError as error:
        failed = {step.number: error for step in wave if step.expects}
    prepared: list[Prepared] = []
    for step in wave:
        if step.number not in failed:
            try:
                prepared.append(_resolved(step, known, live))
            except KeyplanError as error:
                failed[step.number] = error
    return prepared, failed


def _resolved(step: Step, known: Known, live: LiveCheck) -> Prepared:
    return Prepared(
        step=step,
        operation=known.resolved_operation(step.operation),
        inverse=known.resolved_inverse(step.inverse),
        settlement=known.resolved_settlement(step.settlement),
        bindings=known.bindings(step.operation) if is_remote(step.operation) else {},
        expects=live.expects(step),
    )
