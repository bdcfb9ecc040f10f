"""The offline half: light, true to the installed SDK, and ahead of what AWS would refuse."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

import keyplan_aws
from keyplan.diagnostics import Position
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Tier, Usage
from keyplan.model.operations import ChangeState, PutLabels, SetAttribute
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Reading
from keyplan.sdk.provider import Identity, Plugin
from keyplan_aws.manifest import CALLS
from keyplan_aws.plugin import PLUGIN
from keyplan_aws.quotas import QUOTAS
from keyplan_aws.settings import AwsSettings
from keyplan_aws.specs import KEY_USAGES, SPECS, algorithm_of, algorithms, known_specs
from tests.aws_double.specs import usages

PACKAGE = Path(keyplan_aws.__file__).parent
HERE = Identity("111122223333 eu-west-1", "arn:aws:iam::111122223333:role/x", "")


@pytest.fixture(scope="module")
def model() -> object:
    return botocore.session.get_session().get_service_model("kms")


def _loaded(code: str) -> list[str]:
    shown = f"{code}; print(*(set(sys.modules) & {{'boto3', 'botocore', 'pydantic'}}))"
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {shown}"], capture_output=True, text=True, check=True
    ).stdout.split()


def test_naming_the_plugin_imports_next_to_nothing() -> None:
    assert _loaded("import keyplan_aws.plugin") == []


def test_validating_imports_no_sdk() -> None:
    code = (
        "from keyplan_aws.plugin import PLUGIN as p; p.capabilities(); p.settings_model;"
        " p.canonical({'labels': {}, 'policy': {'Statement': []}}); p.permissions();"
        " p.access(None, {})"
    )
    assert not set(_loaded(code)) & {"boto3", "botocore"}


def test_it_is_a_plugin_located_or_not() -> None:
    located = PLUGIN.located(HERE, AwsSettings(default_tags={"managed": "keyplan"}))
    assert isinstance(PLUGIN, Plugin)
    assert isinstance(located, Plugin)
    assert PLUGIN.default_labels() == {}
    assert located.default_labels() == {"managed": "keyplan"}
    assert located.capabilities() is PLUGIN.capabilities()


def test_an_arn_names_the_place_of_a_key_and_other_ids_do_not() -> None:
    located = PLUGIN.located(HERE, AwsSettings())
    here = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
    assert located.elsewhere(here) == ""
    assert located.elsewhere("1234abcd") == ""
    assert located.elsewhere(here.replace("eu-west-1", "eu-west-2")) == "111122223333 eu-west-2"
    assert located.elsewhere(here.replace("111122223333", "4" * 12)) == f"{'4' * 12} eu-west-1"
    assert PLUGIN.elsewhere(here) == ""


# -- true to the SDK ---------------------------------------------------------------------


def test_specs_are_those_of_the_installed_sdk(model: object) -> None:
    assert known_specs() == set(model.shape_for("KeySpec").enum)  # type: ignore[attr-defined]
    assert set(SPECS.values()) == known_specs(), "every one can be declared"
    assert set(KEY_USAGES.values()) == set(model.shape_for("KeyUsageType").enum)  # type: ignore[attr-defined]


def test_every_spec_is_offered_for_every_usage_that_it_has() -> None:
    for name, spec in SPECS.items():
        asked = {KEY_USAGES[usage.value] for usage in algorithms()[name]}
        assert asked == set(usages(spec)), spec


def test_an_older_sdk_offers_less(monkeypatch: pytest.MonkeyPatch) -> None:
    algorithms.cache_clear()
    monkeypatch.setattr("keyplan_aws.specs.known_specs", lambda: frozenset({"RSA_2048", "NEW_1"}))
    try:
        assert set(algorithms()) == {"rsa-2048"}
    finally:
        algorithms.cache_clear()


def test_a_spec_without_a_neutral_name_is_shown_and_not_offered() -> None:
    assert algorithm_of("NEW_SPEC_1") == "new-spec-1"
    assert "new-spec-1" not in algorithms()


def test_every_call_is_one_of_the_sdk_has_a_quota_and_a_permission(model: object) -> None:
    source = "".join(path.read_text() for path in PACKAGE.glob("*.py"))
    called = set(re.findall(r'\.(?:read|write|pages)\(\s*"([A-Z]\w+)"', source))
    assert "DescribeKey" in called
    assert "ListGrants" in called
    known = set(model.operation_names)  # type: ignore[attr-defined]
    assert called - {"GetResources", "GetCallerIdentity", "GetRole", "GetUser"} <= known
    assert called - {"GetCallerIdentity"} == set(QUOTAS)
    allowed = {permission.name.partition(":")[2] for permission in PLUGIN.permissions()}
    assert called == allowed
    writes = {call for calls in CALLS.values() for call in calls.split(", ")}
    assert writes <= called


def test_a_plan_names_the_exact_call() -> None:
    key, call = Address("key.a"), PLUGIN.capabilities().call
    assert call(SetAttribute(key, "rotation", None, {"every": "90d"})) == "EnableKeyRotation"
    assert call(SetAttribute(key, "rotation", {"every": "90d"}, None)) == "DisableKeyRotation"
    assert call(SetAttribute(key, "description", "a", None)) == "UpdateKeyDescription"
    assert call(ChangeState(key, KeyState.SUSPENDED, KeyState.ACTIVE)) == "EnableKey"
    assert call(PutLabels(key, {}, ["a"], {"a": "x"})) == "UntagResource"


def test_what_aws_cannot_tell_is_recorded() -> None:
    attributes = PLUGIN.capabilities().attributes
    assert attributes["usage"].reading is Reading.RECORDED
    assert attributes["expires_at"].reading is Reading.RECORDED
    assert "certificate" not in attributes


# -- what AWS would refuse ---------------------------------------------------------------


def _declared(algorithm: str = "aes-256", **attributes: Value) -> DesiredKey:
    return DesiredKey(
        Address("key.payments"),
        "aws",
        Tier.SERVICE,
        Usage.ENCRYPT,
        algorithm,
        attributes=attributes,
        positions={name: Position("keyplan.yaml", 9, 5) for name in attributes},
    )


ROLE = "arn:aws:iam::111122223333:role/batch"


@pytest.mark.parametrize(
    ("code", "attributes"),
    [
        ("KP-AWS-001", {"aliases": ["aws/payments"]}),
        ("KP-AWS-001", {"aliases": ["acme payments"]}),
        ("KP-AWS-001", {"aliases": ["x" * 251]}),
        ("KP-AWS-001", {"aliases": [f"a{number}" for number in range(51)]}),
        ("KP-AWS-002", {"description": "x" * 8193}),
        ("KP-AWS-003", {"labels": {"aws:team": "a"}}),
        ("KP-AWS-003", {"labels": {"keyplan:token": "a"}}),
        ("KP-AWS-003", {"labels": {"team": "x" * 257}}),
        ("KP-AWS-003", {"labels": {"team": 'a"b'}}),
        ("KP-AWS-003", {"labels": {"team": "a\tb"}}),
        ("KP-AWS-003", {"labels": {"team": "a\nb"}}),
        ("KP-AWS-003", {"labels": {"te\x85am": "a"}}),
        ("KP-AWS-003", {"labels": {f"t{number}": "a" for number in range(47)}}),
        ("KP-AWS-004", {"rotation": {"every": "89d"}}),
        ("KP-AWS-004", {"rotation": {"every": "2561d"}}),
        ("KP-AWS-004", {"rotation": {"every": "2161h"}}),
        ("KP-AWS-004", {"rotation": {"every": "90d", "overlap": "14d"}}),
        ("KP-AWS-004", {"rotation": {"every": "90d", "keep": 3}}),
        ("KP-AWS-005", {"deletion": {"protection": True, "soak": "0s", "window": "180h"}}),
        ("KP-AWS-006", {"grants": {"g": {"principal": [ROLE], "operations": ["set_policy"]}}}),
        ("KP-AWS-006", {"grants": {"g": {"principal": [ROLE, "x"], "operations": ["decrypt"]}}}),
        ("KP-AWS-006", {"grants": {"g/h": {"principal": [ROLE], "operations": ["decrypt"]}}}),
        (
            "KP-AWS-006",
            {"grants": {"g": {"principal": ["444455556666"], "operations": ["decrypt"]}}},
        ),
        ("KP-AWS-006", {"grants": {"g": {"principal": [ROLE], "operations": ["sign"]}}}),
        ("KP-AWS-007", {"protection": "external"}),
        ("KP-AWS-008", {"exportable": True}),
    ],
)
def test_check_says_what_aws_would_refuse_and_where(
    code: str, attributes: dict[str, Value]
) -> None:
    found = PLUGIN.check(_declared(**attributes))
    assert [item.code for item in found] == [code]
    assert found[0].position == Position("keyplan.yaml", 9, 5)
    assert found[0].advice


def test_only_symmetric_keys_rotate() -> None:
    assert [item.code for item in PLUGIN.check(_declared("rsa-2048", rotation={"every": "90d"}))]
    assert not PLUGIN.check(_declared("rsa-2048", rotation=None))


def test_only_symmetric_keys_bind_a_grant_to_a_context() -> None:
    bound = {"principal": [ROLE], "operations": ["decrypt"], "context": {"tenant": "a"}}
    (found,) = PLUGIN.check(_declared("rsa-2048", grants={"g": bound}))
    assert found.code == "KP-AWS-006"
    assert not PLUGIN.check(_declared(grants={"g": bound}))


def test_check_has_nothing_against_the_limits_themselves() -> None:
    key = _declared(
        aliases=["x" * 250, *(f"a{number}" for number in range(49))],
        description="x" * 8192,
        labels={f"team {number}": "a" * 256 for number in range(46)},
        rotation={"every": "2560d"},
        deletion={"protection": True, "soak": "0s", "window": "7d"},
        grants={"g": {"principal": [ROLE], "operations": ["decrypt"], "context": {}}},
        protection="hsm",
        exportable=False,
        multi_region=True,
    )
    assert not PLUGIN.check(key)
