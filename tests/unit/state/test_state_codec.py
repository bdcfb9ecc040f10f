from __future__ import annotations

import gc
import json

import pytest

from keyplan.errors import StateError
from keyplan.model.values import Reference, Unknown
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.model import FORMAT
from tests.unit.state import samples

UNKNOWN = Unknown((Reference(samples.LEDGER, "arn"),))


def encoded(state=None) -> bytes:
    return encode_state(state or samples.full_state(), keyplan_version="0.1.0")


def changed(*path, value) -> bytes:
    """The full state with one place of its JSON changed."""
    document = inner = json.loads(encoded())
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize("state", [samples.full_state(), samples.state()], ids=["full", "empty"])
def test_state_reads_back_equal(state) -> None:
    assert decode_state(encoded(state)) == state


def test_text_is_pretty_sorted_json() -> None:
    content = encoded()
    document = json.loads(content)
    assert content.endswith(b"\n}\n")
    assert list(document) == sorted(document)
    for resource in document["resources"].values():
        assert list(resource) == sorted(resource)
        assert list(resource["attributes"]) == sorted(resource["attributes"])
    assert b'\n        "strength": 256,\n' in content
    assert document["format"] == FORMAT
    assert document["keyplan_version"] == "0.1.0"


def test_equal_states_have_equal_bytes() -> None:
    state = samples.full_state()
    shuffled = samples.state(
        *reversed(state.resources.values()),
        serial=state.serial,
        outputs=dict(reversed(state.outputs.items())),
        closed_runs=state.closed_runs,
    )
    assert encoded(shuffled) == encoded(state)


def test_text_beyond_ascii_stays_readable() -> None:
    assert "Straße".encode() in encoded()


@pytest.mark.parametrize(
    "value", [UNKNOWN, [UNKNOWN], {"a": {"b": UNKNOWN}}, float("nan"), float("inf"), b"bytes"]
)
def test_what_json_lacks_is_not_written(value: object) -> None:
    state = samples.state(samples.resource(attributes={"state": "active", "odd": value}))
    with pytest.raises(StateError, match=r"^key\.root\.odd: a value that is not known"):
        encoded(state)
    with pytest.raises(StateError, match=r"^outputs\.odd: "):
        encoded(samples.state(outputs={"odd": value}))


def test_broken_unicode_is_not_written() -> None:
    with pytest.raises(StateError, match="no Unicode"):
        encoded(samples.state(outputs={"odd": "\ud800"}))


def test_newer_format_names_the_keyplan_that_wrote_it() -> None:
    newer = json.dumps({"format": FORMAT + 1, "keyplan_version": "9.4.0", "strange": 1}).encode()
    with pytest.raises(StateError, match=r"written by keyplan 9\.4\.0"):
        decode_state(newer)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the state is empty"),
        (b"  \n", "the state is empty"),
        (b"<<<<<<< HEAD\n{}", "not JSON"),
        (b'{"format": 1, "format" 2}', "line 1, column 24"),
        (b'{"format": NaN}', "NaN is not a JSON number"),
        (b'{"format": 1, "lineage": "\xff"}', "byte 26 is not UTF-8"),
        (b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b"[]", "not a keyplan state"),
        (b'{"format": "1"}', "not a keyplan state"),
        (b'{"format": true}', "not a keyplan state"),
        (b'{"version": 4, "terraform_version": "1.9"}', "not a keyplan state"),
    ],
    ids=lambda value: str(value[:30]),
)
def test_bytes_that_are_no_state_are_explained(content: bytes, message: str) -> None:
    with pytest.raises(StateError, match=message) as raised:
        decode_state(content)
    assert raised.value.advice


def test_cut_off_state_is_called_so_wherever_it_was_cut() -> None:
    content = encoded().rstrip()
    for size in range(1, len(content)):
        with pytest.raises(StateError, match=r"cut off|is not UTF-8"):
            decode_state(content[:size])


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("lineage",), 7, "lineage: "),
        (("serial",), True, "serial: "),
        (("serial",), 7.0, "serial: "),
        (("resources",), [], "resources: "),
        (("outputs",), None, "outputs: "),
        (("closed_runs", 1), 1, "closed_runs[1]: "),
        (("extra",), 1, "extra: "),
        (("resources", "key.ledger", "id"), None, 'resources["key.ledger"].id: '),
        (("resources", "key.ledger", "extra"), 1, 'resources["key.ledger"].extra: '),
        (("resources", "key.ledger", "phase"), "gone", 'resources["key.ledger"].phase: '),
        (("resources", "key.ledger", "attributes"), [], 'resources["key.ledger"].attributes: '),
        (("resources", "key.ledger", "managed"), {}, 'resources["key.ledger"].managed: '),
        (
            ("resources", "key.ledger", "dependencies", 0),
            "x",
            'resources["key.ledger"].dependencies: ',
        ),
        (("resources", "key.root", "owner"), {"stack": "x"}, 'resources["key.root"].owner.token: '),
        (
            ("resources", "key.root", "versions", 1, "created_at"),
            "today",
            'resources["key.root"].versions[1]: ',
        ),
        (("resources", "the key"), {}, 'resources["the key"]'),
        (("resources", "key.ledger"), "x", 'resources["key.ledger"]: '),
    ],
    ids=str,
)
def test_wrong_field_is_named_by_its_path(path: tuple, value: object, place: str) -> None:
    with pytest.raises(StateError) as raised:
        decode_state(changed(*path, value=value))
    assert str(raised.value).startswith(place)
    assert "not well-formed" in raised.value.what
    assert raised.value.advice


def test_missing_fields_are_named() -> None:
    document = json.loads(encoded())
    for name in ("lineage", "serial", "resources", "outputs", "closed_runs"):
        content = json.dumps({key: document[key] for key in document if key != name})
        with pytest.raises(StateError, match=f"^{name}: .*is missing"):
            decode_state(content.encode())


def test_key_that_is_no_address_is_refused() -> None:
    resources = json.loads(encoded())["resources"]
    with pytest.raises(StateError, match="is not an address"):
        decode_state(changed("resources", "master.prod", value=resources["key.root"]))


@pytest.mark.parametrize("enabled", [True, False])
def test_reading_leaves_the_garbage_collector_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        decode_state(encoded())
        with pytest.raises(StateError):
            decode_state(b"{")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
