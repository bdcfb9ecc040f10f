from __future__ import annotations

import json
from typing import get_args

import pytest

from keyplan.errors import JournalError
from keyplan.model.operations import SetAttribute
from keyplan.model.values import Reference, Unknown
from keyplan.state.codec import decode_entry, encode_entry
from keyplan.state.entries import Entry, Settlement
from tests.unit.state import samples

UNKNOWN = Unknown(("arn of ", Reference(samples.LEDGER, "arn")))


def test_samples_have_every_kind_of_entry() -> None:
    assert {type(entry) for entry in samples.every_entry()} == set(get_args(Entry))


@pytest.mark.parametrize("entry", samples.every_entry(), ids=lambda entry: entry.kind)
def test_entry_reads_back_equal(entry: Entry) -> None:
    text = json.dumps(encode_entry(entry), allow_nan=False)
    assert decode_entry(json.loads(text)) == entry


@pytest.mark.parametrize("entry", samples.every_entry(), ids=lambda entry: entry.kind)
def test_missing_and_unknown_fields_are_named(entry: Entry) -> None:
    document = json.loads(json.dumps(encode_entry(entry)))
    for name in set(document) - {"kind", "on_failure"}:  # that one has a default
        with pytest.raises(ValueError, match=f"^{name}: is missing$"):
            decode_entry({key: document[key] for key in document if key != name})
    with pytest.raises(ValueError, match=r"^other: is not a known field$"):
        decode_entry({**document, "other": 1})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("step",), True, "step: expected a whole number, found true or false"),
        (("operation", "target"), "nothing", "operation: not an address: 'nothing'"),
        (("operation", "op"), "melt_key", "operation: not an operation: 'melt_key'"),
        (("operation", "owner"), {"stack": "a"}, "operation: lacks 'token'"),
        (("inverse", "grade"), "so-so", 'inverse.grade: "so-so" is not a grade'),
        (("inverse", "operations", 0), [], "inverse.operations[0]: expected an object"),
        (("settlement", "phase"), "gone", 'settlement.phase: "gone" is not a phase'),
        (("settlement", "manage", 1), 5, "settlement.manage[1]: expected text, found a whole"),
        (("settlement", "dependencies", 0), "x", "settlement.dependencies: not an address: 'x'"),
    ],
)
def test_wrong_field_of_a_step_is_named(path: tuple, value: object, message: str) -> None:
    document = json.loads(json.dumps(encode_entry(samples.every_entry()[3])))
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError) as raised:
        decode_entry(document)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("owner", "stack"), None, "observation.owner.stack: expected text, found null"),
        (("versions", 0, "state"), "odd", "observation.versions[0]: 'odd' is not a valid KeyState"),
        (("versions", 0, "number"), "1", "observation.versions[0].number: expected a whole number"),
        (("deletion_at",), "soon", 'observation.deletion_at: "soon" is not an instant'),
        (("attributes",), [], "observation.attributes: expected an object, found a list"),
    ],
)
def test_wrong_field_of_an_observation_is_named(path: tuple, value: object, message: str) -> None:
    document = json.loads(json.dumps(encode_entry(samples.every_entry()[4])))
    inner = document["observation"]
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError) as raised:
        decode_entry(document)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("document", [None, [], "run_ended", {}, {"kind": "x"}, {"kind": ["x"]}])
def test_what_is_no_entry_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not a kind of entry"):
        decode_entry(document)


def test_step_that_waits_for_a_value_is_refused_before_its_effect() -> None:
    unresolved = SetAttribute(samples.ROOT, "description", "old", UNKNOWN)
    with pytest.raises(JournalError, match=r"key\.root: step 4 .* still waits"):
        encode_entry(samples.step(unresolved, 4))
    resolved = SetAttribute(samples.ROOT, "description", "old", "new")
    with pytest.raises(JournalError, match="still waits"):
        encode_entry(samples.step(resolved, settlement=Settlement(record={"x": [UNKNOWN]})))


def test_inverse_may_wait_for_a_value() -> None:
    planned = samples.step(SetAttribute(samples.ROOT, "description", "old", UNKNOWN))
    resolved = SetAttribute(samples.ROOT, "description", "old", "new")
    entry = samples.step(resolved, inverse=planned.inverse)
    assert decode_entry(json.loads(json.dumps(encode_entry(entry)))) == entry


def test_a_head_from_before_rollback_is_read() -> None:
    document = encode_entry(samples.run_started(on_failure="rollback"))
    del document["on_failure"]
    assert decode_entry(document) == samples.run_started(on_failure="stop")
