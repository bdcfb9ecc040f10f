"""Journal entries as JSON documents and back: `{"kind": "step_started", "step": 7, ...}`.

Rules: what was written reads back equal. The operation and the settlement of a step are
fully known when the step starts: one that still waits for a value of another key is
refused here, before the effect that it announces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, assert_never

from keyplan.errors import JournalError
from keyplan.model.address import Address
from keyplan.model.encoding import encode_operation
from keyplan.model.timing import parse_instant
from keyplan.model.values import has_unknown
from keyplan.state import documents, parts
from keyplan.state.documents import Document, MalformedError
from keyplan.state.entries import (
    Entry,
    OutputsSet,
    RunEnded,
    RunPlanned,
    RunStarted,
    StateReplaced,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepUndecided,
    Verified,
)


def encode_entry(entry: Entry) -> Document:
    """Plain JSON data. Raises `JournalError` for a step that is not fully known yet."""
    kind = entry.kind
    match entry:
        case RunStarted():
            return _encode_head(entry)
        case RunPlanned(program):
            return {"kind": kind, "program": program}
        case StepStarted():
            return _encode_started(entry)
        case StepSucceeded(step, id, observation):
            seen = None if observation is None else parts.encode_observation(observation)
            return {"kind": kind, "step": step, "id": id, "observation": seen}
        case StepFailed(step, error_class, message) | StepUndecided(step, error_class, message):
            return {"kind": kind, "step": step, "error_class": error_class, "message": message}
        case StepSkipped(step, why):
            return {"kind": kind, "step": step, "why": why}
        case Verified(address, observation):
            seen = parts.encode_observation(observation)
            return {"kind": kind, "address": address, "observation": seen}
        case OutputsSet(values):
            return {"kind": kind, "values": values}
        case StateReplaced(content, edited):
            return {"kind": kind, "content": content, "edited": edited}
        case RunEnded(outcome, at):
            return {"kind": kind, "outcome": outcome, "at": at}
        case _:
            assert_never(entry)


def _encode_head(entry: RunStarted) -> Document:
    return {
        "kind": entry.kind,
        "run": entry.run,
        "operation": entry.operation,
        "checksum": entry.checksum,
        "lineage": entry.lineage,
        "serial": entry.serial,
        "holder": entry.holder,
        "allowed": list(entry.allowed),
        "at": entry.at,
        "places": entry.places,
        "on_failure": entry.on_failure,
    }


def _encode_started(entry: StepStarted) -> Document:
    operation, settlement = entry.operation, entry.settlement
    if has_unknown(settlement.record) or any(
        has_unknown(getattr(operation, item.name)) for item in fields(operation)
    ):
        raise JournalError(
            f"step {entry.step} ({operation.name}) still waits for a value of another key",
            target=str(operation.target),
            why="A step is journalled as it will be done, with every reference resolved.",
            advice="Nothing was done. This is a defect of keyplan: please report it.",
        )
    return {
        "kind": entry.kind,
        "step": entry.step,
        "provider": entry.provider,
        "operation": encode_operation(operation),
        "inverse": parts.encode_inverse(entry.inverse),
        "settlement": parts.encode_settlement(settlement),
        "expects": entry.expects,
    }


def decode_entry(data: Any) -> Entry:
    """The inverse of `encode_entry`; raises `MalformedError` (a `ValueError`) with the path."""
    kind = data.get("kind") if type(data) is dict else None
    decode = _DECODERS.get(kind) if type(kind) is str else None
    if decode is None:
        raise MalformedError("kind", f"{kind!r} is not a kind of entry")
    return decode(data)


def _run_started(data: Document) -> RunStarted:
    """Journals from before runs could be rolled back do not say what follows a failure."""
    found = documents.document({"on_failure": "stop", **data}, _fields(RunStarted), "")
    return RunStarted(
        run=documents.text(found, "run", ""),
        operation=documents.text(found, "operation", ""),
        checksum=documents.text(found, "checksum", ""),
        lineage=documents.text(found, "lineage", ""),
        serial=documents.number(found, "serial", ""),
        holder=documents.text(found, "holder", ""),
        allowed=tuple(documents.texts(found, "allowed", "")),
        at=_instant(found),
        places=_places(found),
        on_failure=documents.text(found, "on_failure", ""),
    )


def _run_planned(data: Document) -> RunPlanned:
    found = documents.document(data, _fields(RunPlanned), "")
    return RunPlanned(documents.mapping(found, "program", ""))


def _places(found: Document) -> dict[str, str]:
    places = documents.mapping(found, "places", "")
    return {instance: documents.text(places, instance, "places") for instance in places}


def _step_started(data: Document) -> StepStarted:
    found = documents.document(data, _fields(StepStarted), "")
    return StepStarted(
        step=documents.number(found, "step", ""),
        provider=documents.text(found, "provider", ""),
        operation=parts.operation_at(found["operation"], "operation"),
        inverse=parts.decode_inverse(found["inverse"]),
        settlement=parts.decode_settlement(found["settlement"]),
        expects=documents.text(found, "expects", ""),
    )


def _step_succeeded(data: Document) -> StepSucceeded:
    found = documents.document(data, _fields(StepSucceeded), "")
    seen = found["observation"]
    return StepSucceeded(
        step=documents.number(found, "step", ""),
        id=documents.text(found, "id", ""),
        observation=None if seen is None else parts.decode_observation(seen),
    )


def _step_failed(data: Document) -> StepFailed:
    return StepFailed(*_failure(data))


def _step_undecided(data: Document) -> StepUndecided:
    return StepUndecided(*_failure(data))


def _failure(data: Document) -> tuple[int, str, str]:
    found = documents.document(data, _fields(StepFailed), "")
    return (
        documents.number(found, "step", ""),
        documents.text(found, "error_class", ""),
        documents.text(found, "message", ""),
    )


def _step_skipped(data: Document) -> StepSkipped:
    found = documents.document(data, _fields(StepSkipped), "")
    return StepSkipped(documents.number(found, "step", ""), documents.text(found, "why", ""))


def _verified(data: Document) -> Verified:
    found = documents.document(data, _fields(Verified), "")
    return Verified(
        address=documents.converted(Address, found, "address", "", "an address"),
        observation=parts.decode_observation(found["observation"]),
    )


def _outputs_set(data: Document) -> OutputsSet:
    found = documents.document(data, _fields(OutputsSet), "")
    return OutputsSet(documents.mapping(found, "values", ""))


def _state_replaced(data: Document) -> StateReplaced:
    found = documents.document(data, _fields(StateReplaced), "")
    return StateReplaced(
        documents.text(found, "content", ""), edited=documents.flag(found, "edited", "")
    )


def _run_ended(data: Document) -> RunEnded:
    found = documents.document(data, _fields(RunEnded), "")
    return RunEnded(outcome=documents.text(found, "outcome", ""), at=_instant(found))


def _instant(data: Document) -> str:
    documents.converted(parse_instant, data, "at", "", "an instant")
    return documents.text(data, "at", "")


def _fields(kind: type[Entry]) -> frozenset[str]:
    return frozenset({"kind", *(item.name for item in fields(kind))})


_DECODERS: dict[str, Callable[[Document], Entry]] = {
    RunStarted.kind: _run_started,
    RunPlanned.kind: _run_planned,
    StepStarted.kind: _step_started,
    StepSucceeded.kind: _step_succeeded,
    StepFailed.kind: _step_failed,
    StepUndecided.kind: _step_undecided,
    StepSkipped.kind: _step_skipped,
    Verified.kind: _verified,
    OutputsSet.kind: _outputs_set,
    StateReplaced.kind: _state_replaced,
    RunEnded.kind: _run_ended,
}
