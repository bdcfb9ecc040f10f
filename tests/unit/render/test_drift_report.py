"""A report of drift in every form: short lines, nothing that escapes, limits that hold."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import Drifted, DriftReport, Repair, Respelt, Stray
from keyplan.plans.findings import Finding
from keyplan.render.cloudevents import drift_event
from keyplan.render.drift_document import drift_document
from keyplan.render.drift_markdown import LARGEST, drift_markdown
from keyplan.render.drift_report import drift_text, left_text
from keyplan.render.sarif import LARGEST as MOST
from keyplan.render.sarif import drift_sarif
from tests.support.page import on_the_page

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text())
"""The schema of SARIF 2.1.0 (OASIS), without its descriptions."""

HOSTILE = [
    "`x` | <img src=x> @team #1 **b** [a](http://e)",
    "a\x1b[2Jb\r\nc",
    "--> <!-- x",
    "\u202eevil",
    "x" * 300,
    "$(touch x) `` ``` ````",
]


PLACE = Position("keyplan.yaml", 3, 5)


def entry(
    address: str = "key.a",
    path: str = "description",
    kind: DriftKind = DriftKind.METADATA,
    response: DriftResponse = DriftResponse.REVERT,
    *,
    values: tuple[Any, Any, Any] = ("d", "d", "e"),
    position: Position = PLACE,
    **more: Any,
) -> Drifted:
    declared, applied, live = values
    item = DriftItem(
        Address(address), "fake", path, applied, live, kind, response, position, declared, True
    )
    repairs = (Repair("set description", "", Grade.EXACT),)
    return Drifted(item, "id-1", by_apply=repairs, by_remedy=repairs, **more)


def report(*entries: Drifted, **more: Any) -> DriftReport:
    facts: dict[str, Any] = {
        "stack": "demo",
        "store": "memory",
        "keyplan_version": "0.1.0",
        "lineage": "11111111-1111-4111-8111-111111111111",
        "serial": 3,
        "now": datetime(2027, 1, 1, 12, tzinfo=UTC),
        "providers": ("fake",),
        "keys": 5,
        "read": 5,
        "drifted": entries,
    }
    return DriftReport(**(facts | more))


texts = st.text(max_size=60) | st.sampled_from(HOSTILE)
values = st.none() | texts | st.dictionaries(texts, texts, max_size=3) | st.booleans()
entries = st.builds(
    entry,
    address=st.sampled_from(["key.a", 'key.a["x | `y` @team <b>"]', 'module.m["[a](b)"].key.b']),
    path=st.sampled_from(["", "state", "policy", "mark", "deletion_at"])
    | texts.map(lambda name: f"labels:{name}"),
    kind=st.sampled_from(list(DriftKind)[:6]),
    response=st.sampled_from(list(DriftResponse)),
    values=st.tuples(values, values, values),
    left=texts,
)
strays = st.builds(
    Stray, provider=texts, id=texts, aliases=st.tuples(texts), notes=st.tuples(texts)
)
reports = st.builds(
    lambda found, lost, stack, blocked: report(
        *found, strays=tuple(lost), stack=stack, blocked=blocked
    ),
    st.lists(entries, max_size=5),
    st.lists(strays, max_size=3),
    texts,
    texts,
)


@given(reports)
def test_text_is_ascii_in_80_columns(found: DriftReport) -> None:
    for text in (drift_text(found), drift_text(found, full=True), left_text(found, found.drifted)):
        assert text.isascii()
        assert all(on_the_page(line) and line.isprintable() for line in text.splitlines())
        assert text.endswith("\n")


@given(reports)
def test_sarif_is_valid(found: DriftReport) -> None:
    jsonschema.validate(drift_sarif(found, folder="stacks/demo"), SCHEMA)


@given(reports)
def test_everything_is_json(found: DriftReport) -> None:
    assert json.loads(json.dumps(drift_document(found)))["exit_code"] in (0, 2)
    assert json.loads(json.dumps(drift_event(found)))["specversion"] == "1.0"


@given(reports)
def test_nothing_escapes_from_markdown(found: DriftReport) -> None:
    text = drift_markdown(found)
    assert len(text) <= LARGEST
    assert re.match(r"<!-- keyplan: drift stack=[A-Za-z0-9_.-]* -->\n", text)
    assert text.isascii()
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text.partition("\n")[2])
    assert not re.search(r"<img|\x1b|(?<!\\)\]\(", outside)
    assert "@team" not in html.unescape(outside).replace("<!-- -->", " ")


def test_markdown_fits_whatever_its_size_worst_first() -> None:
    many = [
        entry(f"key.k{number}", values=("x" * 3000, "y" * 3000, {"z" * 500: "w" * 5000}))
        for number in range(20_000)
    ]
    text = drift_markdown(
        report(
            entry("key.worst", "state", DriftKind.DESTRUCTIVE),
            *many,
            strays=tuple(Stray("fake", "s" * 900, notes=("n" * 2000,)) for _ in range(500)),
        )
    )
    assert len(text) <= LARGEST
    assert text.index("key.worst") < text.index("key.k0")
    shown = text.count("| metadata |")
    assert f"and {20_000 - shown:} more" in text


def test_more_than_twenty_alike_fold_and_none_is_lost() -> None:
    many = [entry(f"key.k{number}") for number in range(50)]
    text = drift_text(report(*many))
    assert "47 more keys" in text
    assert "50 deviations on 50 keys" in text
    assert "47 more keys" not in drift_text(report(*many), full=True)


def test_what_was_not_asked_for_is_not_counted() -> None:
    quiet = report(respelt=(Respelt(Address("key.a"), "fake", "policy"),), strays=())
    assert not quiet.found
    assert "policy is spelled otherwise and means the same" in drift_text(quiet)
    assert drift_document(quiet)["exit_code"] == 0
    assert drift_document(report())["unmanaged"] is None


def test_what_could_not_be_seen_is_said_in_every_form() -> None:
    unseen = report(
        findings=(Finding("KP-PLAN-015", Severity.NOTE, "policy of 1 key cannot be read"),)
    )
    assert "policy of 1 key cannot be read" in drift_text(unseen)
    assert "policy of 1 key cannot be read" in drift_markdown(unseen)
    told = drift_sarif(unseen)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert told[0]["message"]["text"] == "policy of 1 key cannot be read"


def test_sarif_knows_a_result_again_and_keeps_to_the_limit() -> None:
    first = drift_sarif(report(entry()))["runs"][0]["results"][0]
    moved = entry(position=Position("other.yaml", 99, 1), values=("d", "d", "f"))
    second = drift_sarif(report(moved))["runs"][0]["results"][0]
    assert first["partialFingerprints"] == second["partialFingerprints"]
    place = second["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("other.yaml", 99)
    for folder, file, uri in (
        (".", "keyplan.yaml", "keyplan.yaml"),
        ("", "./keys/a b.yaml", "keys/a%20b.yaml"),
        ("stacks/prod", "../shared/keys.yaml", "stacks/shared/keys.yaml"),
    ):
        one = entry(position=Position(file, 3, 5))
        (result,) = drift_sarif(report(one), folder=folder)["runs"][0]["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    many = [entry(f"key.k{number}") for number in range(MOST + 10)]
    run = drift_sarif(report(*many))["runs"][0]
    assert len(run["results"]) == MOST
    told = run["invocations"][0]["toolExecutionNotifications"]
    assert told[-1]["message"]["text"] == "10 more results left out"


def test_sarif_levels_and_severities_fall_with_the_class() -> None:
    rules = drift_sarif(report())["runs"][0]["tool"]["driver"]["rules"]
    scores = [float(rule["properties"]["security-severity"]) for rule in rules[:6]]
    assert scores == sorted(scores, reverse=True)
    assert [rule["defaultConfiguration"]["level"] for rule in rules[:3]] == ["error"] * 3
    assert drift_sarif(report())["runs"][0]["automationDetails"]["id"] == "keyplan/demo/drift/"
