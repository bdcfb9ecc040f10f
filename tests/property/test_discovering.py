"""Whatever exists: what discover writes imports it, and changes nothing."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan.model.address import Address
from keyplan.model.keys import Tier, Usage
from keyplan.plans.discovery import Discovery, Proposal
from keyplan.render.configuration import configuration_yaml
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import stacks

ADOPTED = "adopted.keyplan.yaml"
PROVIDER = {"provider": {"hsm": {"store": ".keyplan/hsm.db"}}}


class Folder:
    """A stack in a folder, and the command line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keyplan(self, *argv: str) -> str:
        """Run a command that must succeed; all that it said."""
        out, err = io.StringIO(), io.StringIO()
        code = run(["--chdir", str(self.path), *argv], Terminal(out, err, {}))
        assert code == 0, out.getvalue() + err.getvalue()
        return out.getvalue() + err.getvalue()

    def write(self, document: object) -> None:
        """The stack's file."""
        text = document if isinstance(document, str) else yaml.safe_dump(document)
        (self.path / "keyplan.yaml").write_text(text, encoding="utf-8")

    def abandon(self, spec: StackSpec) -> None:
        """Make the keys, and let keyplan forget them: they exist and are nobody's."""
        self.write(spec.yaml())
        self.keyplan("apply", "--auto-approve")
        gone = [{"from": f"key.{key.name}", "mode": "forget"} for key in spec.keys]
        self.write({**PROVIDER, "removed": gone})
        self.keyplan("apply", "--auto-approve")
        self.write(PROVIDER)


@settings(max_examples=12)
@given(stacks(max_keys=6, provider="hsm", without={Usage.AGREE}))
def test_importing_what_is_discovered_changes_nothing(spec: StackSpec) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        folder.abandon(spec)
        folder.keyplan("discover", "--generate-config-out", str(folder.path / ADOPTED))
        count = len(spec.keys)
        plan = folder.keyplan("plan")
        assert f"0 to add, 0 to change, 0 to destroy, {count} to import." in plan
        assert "KP-HIER" not in plan
        folder.keyplan("fmt", "--check")
        folder.keyplan("apply", "--auto-approve")
        assert "No changes." in folder.keyplan("plan")
        assert "does not have 0 keys" in folder.keyplan("discover")


HOSTILE = st.text(
    st.sampled_from("${}%\"'\\#:,[]&*!|>-? \n\t\x00\x7f\u2028é😀~none"), min_size=1, max_size=12
)


@settings(max_examples=25)
@given(st.dictionaries(HOSTILE, HOSTILE, max_size=3), HOSTILE)
def test_hostile_text_is_never_syntax(labels: dict[str, str], description: str) -> None:
    found = Discovery(
        (
            Proposal(
                Address("key.a"), "hsm", "id-1", Tier.SERVICE,
                attributes={"labels": labels, "description": description},
                notes=(description,),
            ),
        )
    )  # fmt: skip
    block = yaml.safe_load(configuration_yaml(found, header="x"))["key"]["a"]
    escaped = {name: _escaped(text) for name, text in labels.items()}
    assert (block.get("labels") or {}) == escaped
    assert block["description"] == _escaped(description)


@pytest.mark.parametrize("name", ["null", "true", "no"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(name: str) -> None:
    found = Discovery((Proposal(Address(f"key.{name}"), "hsm", "id-1", Tier.SERVICE),))
    assert set(yaml.safe_load(configuration_yaml(found, header="x"))["key"]) == {name}


def _escaped(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")
