"""The state as people and tools read it."""

from __future__ import annotations

from keyplan.model.address import Address
from keyplan.render.state_text import output_document, state_document, state_text
from keyplan.state.model import Phase, ResourceState, State

ROOT, CHILD = Address("key.root"), Address('key.data["a"]')
STATE = State(
    lineage="6f9a",
    serial=3,
    resources={
        ROOT: ResourceState(ROOT, "hsm", "k-1", {"tier": "root", "usage": "wrap"}),
        CHILD: ResourceState(
            CHILD,
            "hsm",
            "k-2",
            {"tier": "service", "parent": "key.root", "labels": {"team": "x"}},
            phase=Phase.PENDING_DELETION,
            until="2026-12-22T00:00:00Z",
        ),
    },
    outputs={"arn": "arn:x"},
)


def test_children_stand_below_their_parents() -> None:
    lines = state_text(STATE, store="local x").splitlines()
    assert lines[0] == "State local x, serial 3: 2 keys"
    root = next(n for n, line in enumerate(lines) if line.startswith("  key.root"))
    child = next(n for n, line in enumerate(lines) if line.startswith('    key.data["a"]'))
    assert root < child
    assert "        phase        pending deletion until 2026-12-22" in lines
    assert "        labels       team=x" in lines


def test_a_parent_that_is_its_own_child_does_not_hang() -> None:
    loop = ResourceState(ROOT, "hsm", "k-1", {"parent": "key.root"})
    assert "State x" in state_text(State("l", resources={ROOT: loop}), store="x")


def test_the_document_has_terraforms_values() -> None:
    document = state_document(STATE, store="local x", version="0.1.0")
    resources = document["values"]["root_module"]["resources"]
    assert [item["address"] for item in resources] == ['key.data["a"]', "key.root"]
    assert document["values"]["outputs"] == {"arn": {"sensitive": False, "value": "arn:x"}}
    assert document["keyplan"]["resources"]['key.data["a"]']["phase"] == "pending_deletion"


def test_outputs_alone() -> None:
    assert output_document({"a": 1}) == {"a": {"sensitive": False, "value": 1}}
