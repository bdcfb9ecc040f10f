"""The emulator under random lives: nothing that should open stays shut, no chain breaks."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.errors import RejectedError
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ActivateVersion,
    ChangeState,
    DestroyVersion,
    RetireVersion,
    RewrapKey,
    RotateKey,
)
from keyplan.model.policies import OPERATIONS
from keyplan_hsm.audit import verify
from keyplan_hsm.plugin import PLUGIN
from keyplan_hsm.policy import canonical, validate
from tests.unit.hsm.bench import Bench, key

WRAPPERS = ("top", "left", "right")
DATA = ("wrapped", "derived", "alone")

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["rotate", "activate", "retire", "destroy", "rewrap", "suspend", "resume", "encrypt"]
        ),
        st.sampled_from([*WRAPPERS, "base", *DATA]),
        st.integers(1, 3),
        st.sampled_from(WRAPPERS),
    ),
    max_size=25,
)


def hierarchy(bench: Bench) -> None:
    bench.create("top", "wrap")
    bench.create("left", "wrap", parent="top")
    bench.create("right", "wrap", parent="left")
    bench.create("base", "derive", parent="left")
    bench.create("wrapped", parent="right")
    bench.create("derived", parent="base", relation="derives")
    bench.create("alone")


def perform(bench: Bench, step: tuple[str, str, int, str]) -> None:
    what, name, number, other = step
    target, latest = key(name), bench.read(name).latest_version
    operation: Any = {
        "rotate": RotateKey(target, latest + 1),
        "activate": ActivateVersion(target, latest, number),
        "retire": RetireVersion(target, number),
        "destroy": DestroyVersion(target, number),
        "rewrap": RewrapKey(target, None, key(other)),
        "suspend": ChangeState(target, KeyState.ACTIVE, KeyState.SUSPENDED),
        "resume": ChangeState(target, KeyState.SUSPENDED, KeyState.ACTIVE),
    }[what]
    bench.do(operation)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_what_was_encrypted_opens_unless_its_version_was_given_up(
    life: list[tuple[str, str, int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        hierarchy(bench)
        made: list[tuple[str, int, bytes]] = []
        for step in life:
            what, name, *_ = step
            try:
                if what == "encrypt":
                    blob = bench.plane().encrypt(bench.bind[key(name)], b"x")
                    made.append((name, int.from_bytes(blob[13:17], "big"), blob))
                else:
                    perform(bench, step)
            except RejectedError:
                continue  # the step was not permitted then
        bench.later(minutes=1)
        for name in (*WRAPPERS, "base", *DATA):
            if bench.read(name).state is KeyState.SUSPENDED:
                bench.become(name, "active")
        for name, version, blob in made:
            state = bench.read(name).versions[version - 1].state
            if state.may_process:
                assert bench.plane().decrypt(bench.bind[key(name)], blob) == b"x"
        for name in DATA:
            assert bench.plane().encrypt(bench.bind[key(name)], b"still usable")
        facts, audit_key = bench.device.facts(), bench.device.unlock().audit_key
        assert facts is not None
        with bench.device.reading() as rows:
            assert rows is not None
            assert verify(rows.connection, facts.serial, audit_key).broken_at is None
        bench.close()


names = st.sampled_from(["a", "b", "spiffe://c", "d/e"])
documents = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "administrators": st.lists(names, max_size=3),
        "statements": st.lists(
            st.fixed_dictionaries(
                {
                    "sid": st.sampled_from(["One", "Two", "Three"]),
                    "effect": st.sampled_from(["allow", "deny"]),
                    "principals": st.one_of(st.just("*"), st.lists(names, min_size=1, max_size=3)),
                    "operations": st.lists(
                        st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=4
                    ),
                },
                optional={
                    "when": st.fixed_dictionaries(
                        {}, optional={"context": st.dictionaries(names, names, max_size=2)}
                    ),
                    "expires_at": st.just("2027-01-01T00:00:00Z"),
                },
            ),
            max_size=4,
        ),
    }
)


@settings(max_examples=50)
@given(documents, st.randoms(use_true_random=False))
def test_a_policy_has_one_spelling_and_means_the_same_in_any_order(
    document: dict[str, Any], shuffle: random.Random
) -> None:
    once = validate(document)
    assert canonical(once) == once
    statements = [*document["statements"]]
    shuffle.shuffle(statements)
    assert validate({**document, "statements": statements}) == once
    assert set(PLUGIN.access(once, {})) == set(PLUGIN.access(canonical(document), {}))


durations = st.sampled_from(["24h", "1d", "90d", "60m", "1y", "3600s"])
attributes = st.fixed_dictionaries(
    {},
    optional={
        "aliases": st.lists(names, max_size=4),
        "labels": st.dictionaries(names, names, max_size=3),
        "rotation": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"every": durations}, optional={"overlap": durations, "keep": st.integers(1, 5)}
            ),
        ),
        "expires_at": st.sampled_from(["2027-01-01", "2027-01-01T00:00:00Z", None]),
        "policy": st.one_of(st.none(), documents),
        "certificate": st.fixed_dictionaries(
            {"subject": st.just("CN=a"), "valid": durations},
            optional={"usages": st.lists(st.sampled_from(["code_signing", "cert_sign"]))},
        ),
        "grants": st.dictionaries(
            names,
            st.fixed_dictionaries(
                {
                    "principal": st.lists(names, min_size=1),
                    "operations": st.lists(st.sampled_from(["use", "sign"]), min_size=1),
                },
                optional={"context": st.dictionaries(names, names, max_size=1)},
            ),
            max_size=2,
        ),
    },
)


@settings(max_examples=50)
@given(attributes)
def test_canonical_is_idempotent(given_attributes: dict[str, Any]) -> None:
    once = PLUGIN.canonical(given_attributes)
    assert PLUGIN.canonical(once) == once
