"""The tables of fields: complete, consistent, and read without the template engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import keyplan.config.decode_scalars
from keyplan.config.fields import Choice, Field, Items, Kind, Record, Refers, Shape, Table, describe
from keyplan.config.language import KEYPLAN, OUTPUT, REMOVED, RESERVED, VARIABLE
from keyplan.config.language_key import KEY
from keyplan.config.language_policy import CONDITIONS, POLICY, PRINCIPAL, STATEMENT
from keyplan.config.loader import VariableInputs, load
from keyplan.testing.fake import fake_plugin

RECORDS = (KEYPLAN, VARIABLE, OUTPUT, REMOVED, PRINCIPAL, POLICY, STATEMENT, CONDITIONS, KEY)


def fields(shape: Shape) -> Iterator[Field]:
    match shape:
        case Record(fields=inner):
            for field in inner:
                yield field
                yield from fields(field.shape)
        case Items(item=item) | Table(item=item):
            yield from fields(item)


EVERY = [field for record in RECORDS for field in fields(record)]


def test_every_attribute_of_a_key_is_there() -> None:
    names = {field.name for field in KEY.fields if not field.later}
    assert names == {
        "for_each", "declare", "provider", "tier", "parent", "relation", "usage", "algorithm",
        "protection", "scope", "state", "rotation", "expires_at", "aliases", "multi_region",
        "replicas", "primary", "policies", "grants", "certificate", "labels", "owner",
        "description", "exportable", "deletion", "lifecycle", "unenforced", "depends_on",
    }  # fmt: skip
    assert {field.name for field in KEY.fields if field.later} == set(RESERVED)


def test_every_condition_is_there() -> None:
    assert {field.name for field in CONDITIONS.fields} == {
        "context", "source_ip", "source_vpc", "services", "mfa", "org", "account", "tags",
        "not_before", "not_after", "hours",
    }  # fmt: skip


def test_references_are_of_kind_reference_and_nothing_else_is() -> None:
    def refers(shape: Shape) -> bool:
        return isinstance(shape, Refers) or (isinstance(shape, Items) and refers(shape.item))

    for field in EVERY:
        assert (field.kind is Kind.REFERENCE) == refers(field.shape), field.name


def test_what_only_a_provider_knows_may_stand_in_three_fields() -> None:
    assert {field.name for field in EVERY if field.unknown} == {"labels", "description", "value"}


def test_tables_can_be_hashed_and_described() -> None:
    for field in EVERY:
        hash(field)
        assert describe(field.shape)
        if isinstance(field.shape, Choice):
            assert len(set(field.shape.values)) == len(field.shape.values)


PLAIN = """
keyplan: {mode: manage}
provider: {hsm: {place: here}}
principal: {admins: {kind: human, hsm: "spiffe://acme/{admins}"}}
policy: {p: {administrators: [principal.admins]}}
key:
  root:
    provider: hsm
    tier: root
    usage: wrap
    algorithm: aes-256
    labels: {json: '{"a": 1}', cost: $5, share: 100%}
    policies: [policy.p]
  child:
    for_each: [a, b]
    provider: hsm
    usage: encrypt
    algorithm: aes-256
    parent: key.root
"""


def test_plain_text_never_reaches_the_template_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(node: object) -> None:
        raise AssertionError(f"{node} was parsed")

    monkeypatch.setattr(keyplan.config.decode_scalars, "parse_template", refuse)
    monkeypatch.setattr(keyplan.config.decode_scalars, "parse_expression", refuse)
    (tmp_path / "keyplan.yaml").write_text(PLAIN, encoding="utf-8")
    configuration = load(
        tmp_path,
        inputs=VariableInputs(),
        plugins={"hsm": fake_plugin("hsm")},
        environment={},
    )
    assert list(configuration.keys) == ["root", "child"]
    assert configuration.keys["root"].constants["labels"] == {
        "json": '{"a": 1}', "cost": "$5", "share": "100%",
    }  # fmt: skip
