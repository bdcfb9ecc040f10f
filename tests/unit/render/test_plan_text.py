"""Properties of plan text beyond the golden ones: width, folding, honesty, speed."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.operations import PutLabels, PutPolicy, RotateKey, SetAttribute
from keyplan.model.values import Reference, Unknown, Value
from keyplan.plans.changes import (
    AccessChange,
    Action,
    AttributeChange,
    DriftItem,
    DriftKind,
    DriftResponse,
    Due,
    OutputChange,
    Reason,
    ResourceChange,
)
from keyplan.plans.findings import Brake, BrakeName, Finding
from keyplan.plans.plan import Plan, PlanMode
from keyplan.render.options import TextOptions
from keyplan.render.text import plan_text
from tests.golden import samples
from tests.golden.samples import plan, step
from tests.support.page import on_the_page

FACTS = {"tier": "service", "usage": "encrypt", "algorithm": "aes-256"}

texts = st.text(max_size=60)
addresses = st.builds(
    lambda name, index: Address.of("key", name, index),
    st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True),
    st.none() | st.text(min_size=1, max_size=60).filter(lambda text: "\n" not in text),
)
unknowns = st.builds(lambda key: Unknown((Reference(key, "arn"),)), addresses)
values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | unknowns,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)
positions = st.none() | st.builds(
    Position, st.text(max_size=60), st.integers(1, 99_999), st.integers(1, 200)
)
paths = st.sampled_from(
    ["policy", "rotation", "state", "labels:team", "aliases:acme/x", "grants:batch", "description"]
)
attributes = st.builds(
    AttributeChange,
    path=paths,
    before=values,
    after=values,
    reason=st.sampled_from(Reason),
    recorded=st.booleans(),
    one_way=st.booleans(),
    note=texts,
)
changes = st.builds(
    ResourceChange,
    address=addresses,
    provider=st.text(min_size=1, max_size=30),
    action=st.sampled_from(Action),
    reason=st.sampled_from(Reason),
    before=st.none() | st.dictionaries(texts, values, max_size=4),
    after=st.none() | st.dictionaries(st.sampled_from([*FACTS, "rotation", "x"]), values),
    attributes=st.lists(attributes, max_size=4).map(tuple),
    steps=st.just((1, 2)),
    notes=st.lists(texts, max_size=2).map(tuple),
    parent=st.none() | addresses,
    position=positions,
)
drift = st.builds(
    DriftItem,
    addresses,
    texts,
    paths,
    values,
    values,
    st.sampled_from(DriftKind),
    st.sampled_from(DriftResponse),
    positions,
)
access = st.builds(
    AccessChange,
    addresses,
    texts,
    texts,
    texts,
    st.lists(st.sampled_from(["encrypt", "decrypt"]), min_size=1, max_size=2).map(tuple),
    st.none() | texts,
    st.none() | texts,
    st.booleans(),
)
findings = st.builds(
    Finding, texts, st.sampled_from(Severity), texts, st.none() | addresses, positions, texts
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    key = draw(addresses)
    return plan(
        stack=draw(texts),
        store=draw(texts),
        mode=draw(st.sampled_from(PlanMode)),
        changes=tuple(draw(st.lists(changes, max_size=4))),
        steps=(
            step(1, key, SetAttribute(key, "exportable", False, True), draw(texts), draw(texts)),
            step(
                2,
                key,
                SetAttribute(key, "exportable", False, draw(values)),
                draw(texts),
                one_way=("exportable",),
            ),
        ),
        drift=tuple(draw(st.lists(drift, max_size=3))),
        access=tuple(draw(st.lists(access, max_size=3))),
        findings=tuple(draw(st.lists(findings, max_size=3))),
        brakes=tuple(
            Brake(name, draw(texts)) for name in draw(st.sets(st.sampled_from(BrakeName)))
        ),
        outputs=tuple(OutputChange(draw(texts), draw(values), draw(values)) for _ in range(2)),
        due=tuple(Due(key, draw(texts), samples.NOW) for _ in range(draw(st.integers(0, 5)))),
        lockout=draw(texts),
        refreshed=draw(st.booleans()),
        observe=draw(st.booleans()),
    )


@given(plans(), texts, st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_plan_fits_the_page_in_plain_ascii(made: Plan, file: str, full: bool) -> None:
    text = plan_text(made, TextOptions(plan_file=file, full=full))
    assert text.isascii()
    assert not (full and "show all:" in text)
    too_long = [line for line in text.split("\n") if not on_the_page(line)]
    assert not too_long


def _many(number: int) -> Plan:
    keys = [Address.of("key", "k", f"{index:04}") for index in range(number)]
    return plan(
        keys=number,
        changes=tuple(
            ResourceChange(
                key,
                "hsm",
                Action.UPDATE,
                Reason.DECLARED,
                FACTS,
                FACTS,
                (AttributeChange("labels:team", None, "payments"),),
                steps=(index,),
            )
            for index, key in enumerate(keys, start=1)
        ),
        steps=tuple(
            step(index, key, PutLabels(key, {"team": "x"}, [], {}), "put labels")
            for index, key in enumerate(keys, start=1)
        ),
    )


def test_more_than_twenty_similar_changes_fold_and_are_counted() -> None:
    text = plan_text(_many(201), TextOptions(plan_file="kplan"))
    assert "~ 198 more keys: labels only (show all: keyplan show kplan)" in text
    assert text.count("key.k[") == 3 + 3
    assert "Plan: 0 to add, 201 to change, 0 to destroy." in text


def test_twenty_similar_changes_are_all_shown() -> None:
    text = plan_text(_many(20))
    assert "more keys" not in text
    assert text.count("~ key.k[") == 20


def test_show_folds_nothing() -> None:
    text = plan_text(_many(30), TextOptions(full=True))
    assert text.count("~ key.k[") == 30
    assert "show all" not in text


def test_what_was_folded_says_how_to_see_it() -> None:
    assert "(show all: keyplan plan --out FILE, then keyplan show FILE)" in flat(
        plan_text(_many(201))
    )
    assert "(show all: keyplan show 'my plan')" in flat(
        plan_text(_many(201), TextOptions(plan_file="my plan"))
    )


def test_every_date_is_shown_where_nothing_is_folded() -> None:
    due = tuple(Due(Address("key.a"), f"thing {number}", samples.NOW) for number in range(9))
    made = replace(_many(1), due=due)
    assert "thing 8" not in plan_text(made)
    assert "and 6 more dates after that" in plan_text(made)
    assert "thing 8" in plan_text(made, TextOptions(full=True))


def flat(text: str) -> str:
    return " ".join(text.split())


def test_what_cannot_be_undone_never_folds_into_what_can() -> None:
    many = _many(40)
    risky = replace(
        many.changes[30],
        attributes=(*many.changes[30].attributes, AttributeChange("x", 1, 2, one_way=True)),
    )
    changed = replace(many, changes=(*many.changes[:30], risky, *many.changes[31:]))
    text = plan_text(changed)
    assert f"~ {risky.address}" in text
    assert "ONE WAY, NO UNDO" in text


def _policies(number: int) -> Plan:
    keys = [Address.of("key", "k", f"{index:04}") for index in range(number)]

    def document(key: str, *principals: str) -> dict[str, Value]:
        names: list[Value] = list(principals)
        return {"statements": [{"sid": "A", "principals": names}, {"sid": "Own", "key": key}]}

    return plan(
        keys=number,
        changes=tuple(
            ResourceChange(
                key,
                "hsm",
                Action.UPDATE,
                Reason.DECLARED,
                FACTS,
                FACTS,
                (AttributeChange("policy", document(key, "a"), document(key, "a", "b")),),
                steps=(index,),
            )
            for index, key in enumerate(keys, start=1)
        ),
        steps=tuple(
            step(
                index,
                key,
                PutPolicy(key, document(key, "a"), document(key, "a", "b")),
                "put policy",
            )
            for index, key in enumerate(keys, start=1)
        ),
    )


def test_a_policy_change_is_shown_once_for_all_keys_it_reaches() -> None:
    text = plan_text(_policies(3))
    assert "~ the policy of 3 keys" in text
    assert text.count("statements.A.principals") == 1


def test_the_names_of_the_policies_come_from_their_changes() -> None:
    plan_made = _policies(2)
    named = tuple(
        replace(item, attributes=(replace(item.attributes[0], note="policy.envelope"),))
        for item in plan_made.changes
    )
    text = plan_text(replace(plan_made, changes=named))
    assert "~ policy.envelope, in force on 2 keys" in text
    alone = plan_text(replace(plan_made, changes=named[:1]))
    assert "policy       policy.envelope: " in alone
    created = replace(named[0], action=Action.CREATE, after={"policy": {"a": 1}})
    assert "policies     policy.envelope" in plan_text(replace(plan_made, changes=(created,)))


def test_access_that_drifted_is_called_so_first() -> None:
    item = DriftItem(
        samples.LEDGER,
        "hsm",
        "grants:x",
        None,
        {"operations": ["decrypt"]},
        DriftKind.ACCESS_WIDENED,
        DriftResponse.LEAVE,
    )
    text = plan_text(plan(drift=(item,)))
    assert "! DRIFT     key.ledger: access widened, grants changed; not managed" in text


def test_one_change_of_three_thousand_different_policies_is_one_group() -> None:
    text = plan_text(_policies(3000))
    assert "~ the policy of 3,000 keys" in text
    assert "and 2,980 more keys (show all: " in text


def test_three_thousand_updates_of_policies_are_rendered_fast() -> None:
    large = _policies(3000)
    plan_text(_policies(2))  # imports
    started = time.process_time()
    text = plan_text(large)
    assert time.process_time() - started < 3.0
    assert len(text.splitlines()) < 200


def test_sections_come_in_the_order_of_what_matters() -> None:
    text = plan_text(samples.risky())
    titles = ["Attention", "Drift", "Changes", "Who gains", "Findings", "Steps", "Plan:", "Next:"]
    assert [text.index(f"\n{title}") for title in titles] == sorted(
        text.index(f"\n{title}") for title in titles
    )


def test_irreversible_steps_stand_below_the_line() -> None:
    lines = plan_text(samples.risky()).splitlines()
    barrier = next(n for n, line in enumerate(lines) if "can be undone ---" in line)
    assert "undo: NONE" in lines[barrier + 1]
    assert all("undo: NONE" not in line for line in lines[:barrier])


def test_the_plan_line_is_terraforms_and_alone() -> None:
    text = plan_text(samples.destroy())
    assert "\nPlan: 0 to add, 0 to change, 1 to destroy, 1 to forget.\n" in text


def test_nothing_to_do_says_so_in_the_agreed_words() -> None:
    assert "\nNo changes. The keys match the configuration.\n" in plan_text(samples.no_changes())


def test_reported_drift_is_never_called_a_match() -> None:
    item = DriftItem(
        samples.LEDGER, "hsm", "state", "a", "b", DriftKind.AVAILABILITY, DriftResponse.REPORT
    )
    text = plan_text(plan(drift=(item,)))
    assert "The keys match the configuration." not in text
    assert "No changes. Drift on 1 key is left as it is (see Drift)." in text


def test_an_update_without_attributes_shows_its_steps() -> None:
    change = ResourceChange(
        samples.LEDGER, "hsm", Action.UPDATE, Reason.DUE, FACTS, FACTS, steps=(1,)
    )
    steps = (step(1, samples.LEDGER, RotateKey(samples.LEDGER, 2), "rotate key", "version 2"),)
    text = plan_text(plan(changes=(change,), steps=steps))
    assert "why          due" in text
    assert "step 1       rotate key: version 2" in text


def test_hints_can_be_left_out_for_automation() -> None:
    text = plan_text(samples.risky(), TextOptions(plan_file="kplan", hints=False))
    assert "Next:" not in text
    assert "--allow irreversible" in text


def test_due_dates_are_in_utc() -> None:
    text = plan_text(plan(due=(Due(samples.LEDGER, "expires", datetime(2027, 1, 2, tzinfo=UTC)),)))
    assert "  2027-01-02  key.ledger: expires" in text
