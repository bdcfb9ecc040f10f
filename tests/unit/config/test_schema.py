"""The published schema and the decoder are of one table, and agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from keyplan.app.schema import language_schema
from keyplan.config.fields import Field as LanguageField
from keyplan.config.fields import Items, Kind, Plain, Record, Refers, Shape, Table, Text
from keyplan.config.language import BLOCKS, LATER_BLOCKS, RESERVED
from keyplan.config.language_stack import STACK, documentation, field_at, quotes_matter
from keyplan.config.schema.document import Installed, stack_schema
from keyplan.config.schema.shapes import KIND
from keyplan.session.registry import load_registry
from tests.unit.config.schemas import SCHEMA, complaints, load

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("**/*keyplan.yaml"))
TEMPLATES = sorted((ROOT / "keyplan/app/templates").glob("*/*.yaml"))
BROKEN = sorted((ROOT / "tests/broken").glob("*.yaml"))

# Mistakes that one file's structure does not show: what addresses name, what values mean,
# what providers can do, what `defaults` of another file may supply.
UNSEEN = {
    "KP-CAP", "KP-HIER", "KP-POL", "KP-REF", "KP-EXPR",
    "KP-DECL-002",  # a required field may come from defaults
    "KP-DECL-013",  # the version that runs
    "KP-DECL-014",
    "KP-DECL-016", "KP-DECL-017", "KP-DECL-019",  # values of variables
    "KP-DECL-022",  # in unenforced, which names types of providers
    "KP-DECL-024",  # the provider of the key
    "KP-DECL-025",  # what for_each gives
    "KP-DECL-027", "KP-DECL-034", "KP-DECL-035",  # addresses
    "KP-DECL-037",  # where replicas and their key are
    "KP-DECL-036",  # what reads a sensitive variable
}  # fmt: skip
UNSEEN_FILES = {
    "accepted_gap_of_nothing",  # what a gap can be about depends on where it stands
    "date_that_is_none",  # 30 February has the form of a date
    "declared_twice_in_list",  # texts may look like one number
    "ignore_changes_of_nothing",
    "network_with_host_bits",
    "this_entry_missing_here",
    "time_zone_unknown",
    "variable_default_of_wrong_type",
}


# -- the whole ---------------------------------------------------------------------------


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "0.1.0" in SCHEMA["$id"]


def test_the_schema_of_this_installation_is_one_too() -> None:
    found = language_schema(load_registry())
    assert found.unusable == ()
    Draft202012Validator.check_schema(found.document)


@pytest.mark.parametrize("file", EXAMPLES + TEMPLATES, ids=lambda path: "/".join(path.parts[-2:]))
def test_examples_and_templates_are_accepted(file: Path) -> None:
    document = language_schema(load_registry()).document
    assert complaints(load(file.read_text(encoding="utf-8")), document) == []


@pytest.mark.parametrize("file", BROKEN, ids=lambda path: path.stem)
def test_a_structural_mistake_is_refused_here_too(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    codes = re.findall(r"KP-[A-Z]+-\d+", text.partition("\n")[0])
    data = load(text)
    if data is None:
        return  # not YAML: no schema is asked
    unseen = all(code in UNSEEN or code.rpartition("-")[0] in UNSEEN for code in codes)
    if unseen or file.stem in UNSEEN_FILES:
        return
    assert complaints(data), f"{file.stem} is accepted"


def test_what_is_listed_as_unseen_is_unseen() -> None:
    for name in UNSEEN_FILES:
        file = ROOT / "tests/broken" / f"{name}.yaml"
        assert complaints(load(file.read_text(encoding="utf-8"))) == [], name


def test_every_block_that_works_is_in_it_and_no_other() -> None:
    assert {field.name for field in STACK.fields} == set(BLOCKS)
    assert SCHEMA["properties"].keys() == set(BLOCKS)
    for word in (*LATER_BLOCKS, *RESERVED):
        assert complaints({word: {}})


# -- the table and the schema, side by side ------------------------------------------------


def walk(record: Record, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], LanguageField]]:
    """Every field below a record, with its path of field names."""
    for field in record.fields:
        here = (*path, field.name)
        yield here, field
        shape: Shape = field.shape
        while isinstance(shape, Items | Table):
            shape = shape.item
        if isinstance(shape, Record):
            yield from walk(shape, here)


FIELDS = [(path, field) for path, field in walk(STACK, ()) if not field.later]


def published(schema: Any, path: tuple[str, ...]) -> dict[str, Any]:
    """The one schema with that title."""
    title = ".".join(path)
    found: list[dict[str, Any]] = []

    def look(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("title") == title and "description" in part:
                found.append(part)
            for item in part.values():
                look(item)
        elif isinstance(part, list):
            for item in part:
                look(item)

    look(schema)
    assert found, title
    assert all(item == found[0] for item in found), title
    return found[0]


@pytest.mark.parametrize(
    ("path", "field"), FIELDS, ids=lambda part: ".".join(part) if isinstance(part, tuple) else ""
)
def test_each_field_is_published_with_kind_and_documentation(
    path: tuple[str, ...], field: LanguageField
) -> None:
    found = published(SCHEMA, path)
    assert found[KIND] == field.kind.value
    assert documentation(path, field) in found["description"]
    assert found["description"]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and "additionalProperties" in schema:
            yield schema
        for item in schema.values():
            yield from objects(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item)


def test_objects_with_fields_take_no_others() -> None:
    found = list(objects(SCHEMA))
    assert len(found) > 30
    assert all(item["additionalProperties"] is False for item in found if "properties" in item)


def test_reserved_fields_are_not_in_it() -> None:
    for path, field in walk(STACK, ()):
        if field.later:
            title = ".".join(path)
            assert f"'title': '{title}'" not in str(SCHEMA)


# -- blocks ------------------------------------------------------------------------------


def test_empty_blocks_are_accepted_as_the_loader_accepts_them() -> None:
    assert complaints(None) == []
    assert complaints({"key": None, "provider": {"hsm": None}, "removed": None}) == []
    assert complaints({"key": {"root": None}}) == []


def test_providers_have_their_own_settings() -> None:
    assert (
        complaints({"provider": {"hsm": {"place": "here"}, "aws.dr": {"place": "${var.x}"}}}) == []
    )
    assert complaints({"provider": {"hsm": {"palce": "here"}}})
    assert complaints({"provider": {"gcp": {}}})


def test_an_identity_with_a_provider_that_is_not_installed_is_accepted() -> None:
    claims = {"issuer": "https://oidc.acme.example"}
    api = {"kind": "workload", "gcp": "x", "aws.dr": "y", "hsm": ["a", "b"], "claims": claims}
    assert complaints({"principal": {"api": api}}) == []
    assert complaints({"principal": {"api": {"kind": "workload", "gcp": {"x": "y"}}}})


def test_one_store_is_named() -> None:
    assert complaints({"keyplan": {"state": {"local": {"path": "x.json"}}}}) == []
    assert complaints({"keyplan": {"state": {"local": {}, "s3": {}}}})
    assert complaints({"keyplan": {"state": {"local": {"pth": "x.json"}}}})


@pytest.mark.parametrize(
    ("written", "good"),
    [
        ("string", True), ("list(string)", True), ("map(list(number))", True), ("key", True),
        ({"list": "string"}, True), ({"map": {"set": "bool"}}, True),
        ({"object": {"role": "string", "partner": "string?"}}, True),
        ("strng", False), ({"lst": "string"}, False), ({"list": "string", "set": "string"}, False),
        ({}, False), ("string?", False),
    ],
)  # fmt: skip
def test_types_of_variables(written: Any, good: bool) -> None:
    assert (complaints({"variable": {"x": {"type": written}}}) == []) is good


def test_required_fields_that_defaults_cannot_supply_are_required() -> None:
    assert complaints({"key": {"a": {"grants": {"x": {"operations": ["encrypt"]}}}}})
    assert complaints({"removed": [{"from": "key.a"}]})
    assert complaints({"key": {"a": {"rotation": {"keep": 3}}}}) == []


# -- settings of providers -----------------------------------------------------------------


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1


class Settings(BaseModel):
    """What a provider takes."""

    model_config = ConfigDict(extra="forbid")
    region: str = Field(pattern=r"^[a-z]+$")
    count: int = Field(default=0, ge=0, le=5)
    on: bool = False
    inner: Inner | None = None
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({"region": "eu"}, True), ({"region": "${var.region}"}, True), ({"region": "EU"}, False),
        ({}, False), ({"region": "eu", "count": "3"}, True), ({"region": "eu", "count": 6}, False),
        ({"region": "eu", "on": "${var.on}"}, True), ({"region": "eu", "off": 1}, False),
        ({"region": "eu", "inner": {"size": 2}}, True),
        ({"region": "eu", "inner": {"sze": 2}}, False),
        ({"region": "eu", "many": [{"size": "${var.x}"}]}, True),
        ({"region": "eu", "inner": None}, False),
    ],
)  # fmt: skip
def test_settings_are_those_of_the_model_with_templates(settings: Any, good: bool) -> None:
    schema = stack_schema(Installed(providers={"own": Settings}, keys={"own": Settings}), "1")
    Draft202012Validator.check_schema(schema)
    assert (complaints({"provider": {"own": settings}}, schema) == []) is good
    assert (complaints({"key": {"a": {"own": settings}}}, schema) == []) is good


# -- paths -------------------------------------------------------------------------------


def test_a_path_leads_to_the_field_it_names() -> None:
    assert field_at(("key", "any", "parent")) == (Kind.REFERENCE, Refers("key"))
    assert field_at(("policy", "p", "statement", "S", "principals")) == (
        Kind.REFERENCE, Refers("principal"),
    )  # fmt: skip
    assert field_at(("removed", "from")) == (Kind.LITERAL, Text())
    assert field_at(("output", "x", "value")) == (Kind.EXPRESSION, Plain(typed=True))
    assert field_at(("key", "a", "no_such")) is None
    assert field_at(("nothing",)) is None


def test_quotes_matter_in_expressions_and_data_only() -> None:
    assert not quotes_matter(("key", "a", "parent"))
    assert not quotes_matter(("moved", "to"))
    assert not quotes_matter(("key", "a", "description"))
    assert quotes_matter(("output", "a", "value"))
    assert quotes_matter(("locals", "a"))
    assert quotes_matter(("key", "a", "aws", "x"))
