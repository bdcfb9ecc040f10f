from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyplan.errors import StateError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, OwnerMark
from keyplan.model.values import Reference, Unknown
from keyplan.state.fold import CLOSED_RUNS
from keyplan.state.integrity import INVARIANTS, find_violations, verify
from keyplan.state.model import Phase
from tests.unit.state import samples
from tests.unit.state.samples import LEDGER, MASTER, ROOT, resource, state

UNKNOWN = Unknown((Reference(LEDGER, "arn"),))
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
JWK = {"kty": "EC", "crv": "P-256", "x": "f83O", "d": "jpsQnnGQmL"}


def holding(value: object):
    return state(resource(attributes={"state": "active", "odd": value}))


def version(number: int) -> KeyVersion:
    return KeyVersion(number, datetime(2026, 1, 1, tzinfo=UTC), KeyState.ACTIVE)


BROKEN = [
    ("KP-STATE-001", state(lineage="payments")),
    ("KP-STATE-002", state(serial=-1)),
    ("KP-STATE-003", state(closed_runs=("run-1", "run-1"))),
    ("KP-STATE-003", state(closed_runs=tuple(f"run-{n}" for n in range(CLOSED_RUNS + 1)))),
    ("KP-STATE-004", state(resources={LEDGER: resource(ROOT)})),
    ("KP-STATE-004", state(resource(Address("policy.envelope")))),
    ("KP-STATE-005", state(resource(provider=""))),
    ("KP-STATE-005", state(resource(provider="aws.eu.dr"))),
    ("KP-STATE-006", state(resource(id=""))),
    ("KP-STATE-006", state(resource(ROOT, id="same"), resource(LEDGER, id="same"))),
    ("KP-STATE-007", state(resource(ROOT, dependencies=(ROOT,)))),
    ("KP-STATE-007", state(resource(ROOT), resource(LEDGER, dependencies=(ROOT, ROOT)))),
    ("KP-STATE-007", state(resource(dependencies=(Address("policy.envelope"),)))),
    (
        "KP-STATE-008",
        state(
            resource(ROOT, dependencies=(LEDGER,)),
            resource(MASTER, dependencies=(ROOT,)),
            resource(LEDGER, dependencies=(MASTER,)),
        ),
    ),
    ("KP-STATE-009", state(resource(until="2027-01-01T00:00:00Z"))),
    ("KP-STATE-009", state(resource(phase=Phase.SOAKING))),
    ("KP-STATE-009", state(resource(phase=Phase.PENDING_DELETION, until="soon"))),
    ("KP-STATE-010", holding(UNKNOWN)),
    ("KP-STATE-010", holding({"a": [UNKNOWN]})),
    ("KP-STATE-010", holding({"$unknown": ["x"]})),
    ("KP-STATE-010", holding(float("nan"))),
    ("KP-STATE-010", holding(b"bytes")),
    ("KP-STATE-010", state(outputs={"arn": UNKNOWN})),
    ("KP-STATE-011", holding(PEM)),
    ("KP-STATE-011", holding([{"deep": PEM}])),
    ("KP-STATE-011", holding(JWK)),
    ("KP-STATE-011", holding("AGE-SECRET-KEY-1QQPQYY")),
    ("KP-STATE-011", holding("PuTTY-User-Key-File-3: ssh-ed25519")),
    ("KP-STATE-011", state(outputs={"pem": PEM})),
    ("KP-STATE-012", state(resource(managed=frozenset({"the label"})))),
    ("KP-STATE-012", state(resource(managed=frozenset({"labels:"})))),
    ("KP-STATE-012", state(resource(managed=frozenset({"state:active"})))),
    ("KP-STATE-013", state(resource(recorded=frozenset({"tier"})))),
    ("KP-STATE-014", state(resource(attributes={"state": "enabled"}))),
    ("KP-STATE-015", state(resource(versions=(version(0),)))),
    ("KP-STATE-015", state(resource(versions=(version(1), version(1))))),
    ("KP-STATE-015", state(resource(versions=(version(2), version(1))))),
    ("KP-STATE-016", state(resource(owner=OwnerMark(samples.LINEAGE, 'key["x"]')))),
    ("KP-STATE-016", state(resource(owner=OwnerMark("x" * 65, "t")))),
]


@pytest.mark.parametrize(("code", "broken"), BROKEN, ids=lambda value: str(value)[:60])
def test_broken_invariant_is_named(code: str, broken) -> None:
    assert {violation.code for violation in find_violations(broken)} == {code}
    with pytest.raises(StateError, match=code) as raised:
        verify(broken)
    assert raised.value.advice


def test_each_invariant_is_broken_by_a_test() -> None:
    assert {code for code, _ in BROKEN} == set(INVARIANTS)


def test_each_invariant_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")
    for code, sentence in INVARIANTS.items():
        assert f"| `{code}` | {sentence} |" in text


def test_full_state_breaks_none() -> None:
    assert find_violations(samples.full_state()) == ()
    verify(samples.full_state())


@pytest.mark.parametrize(
    "fine",
    [
        holding("the PRIVATE KEY of the house, PuTTY and a KEY"),
        holding({"kty": "EC", "crv": "P-256", "x": "f83O"}),
        holding("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"),
        holding("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
        state(resource(LEDGER, dependencies=(ROOT,))),
        state(resource(ROOT, id="same"), resource(LEDGER, id="same", provider="aws")),
        state(resource(managed=frozenset({"description", "labels:team", "grants:batch"}))),
        state(resource(attributes={})),
    ],
    ids=[
        "words",
        "public JWK",
        "public PEM",
        "certificate",
        "dependency that is gone",
        "same id elsewhere",
        "managed and absent",
        "nothing known",
    ],
)
def test_what_only_looks_odd_is_fine(fine) -> None:
    verify(fine)


def test_material_is_never_repeated() -> None:
    for secret in (PEM, JWK):
        with pytest.raises(StateError) as raised:
            verify(holding({"inner": [secret]}))
        assert "MHcCAQEE" not in str(raised.value)
        assert "jpsQnnGQmL" not in str(raised.value)
        assert raised.value.target == "key.root.odd.inner[0]"


def test_all_violations_are_counted() -> None:
    broken = state(resource(id="", provider=""), serial=-1)
    assert [violation.code for violation in find_violations(broken)] == [
        "KP-STATE-002",
        "KP-STATE-005",
        "KP-STATE-006",
    ]
    with pytest.raises(StateError, match=r"\(and 2 more\)"):
        verify(broken)
