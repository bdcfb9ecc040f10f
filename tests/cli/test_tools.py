"""`fmt`, `schema`, `console`, `graph` and `init`, as people and pipelines run them."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from tests.cli.conftest import STACK, Run

MESSY = STACK.replace("provider:\n  hsm: {", "provider:\n    hsm:   { ", 1)


# -- fmt ---------------------------------------------------------------------------------


def test_fmt_names_the_files_that_it_changed(stack: Path, keyplan: Run) -> None:
    (stack / "keyplan.yaml").write_text(MESSY)
    done = keyplan("fmt")
    assert (done.code, done.out, done.err) == (0, "keyplan.yaml\n", "")
    assert (stack / "keyplan.yaml").read_text() == STACK
    again = keyplan("fmt")
    assert (again.code, again.out, again.err) == (0, "", "")


def test_fmt_check_exits_with_3_and_writes_nothing(stack: Path, keyplan: Run) -> None:
    assert keyplan("fmt", "--check").code == 0
    (stack / "keyplan.yaml").write_text(MESSY)
    done = keyplan("fmt", "-check")
    assert (done.code, done.out) == (3, "keyplan.yaml\n")
    assert (stack / "keyplan.yaml").read_text() == MESSY


def test_fmt_diff_shows_what_changes(stack: Path, keyplan: Run) -> None:
    (stack / "keyplan.yaml").write_text(MESSY)
    done = keyplan("fmt", "--check", "--diff")
    assert done.code == 3
    assert "--- a/keyplan.yaml\n+++ b/keyplan.yaml\n" in done.out
    assert "-    hsm:   { store" in done.out
    assert "+  hsm: {store" in done.out
    assert (stack / "keyplan.yaml").read_text() == MESSY


def test_fmt_reports_what_cannot_be_parsed(stack: Path, keyplan: Run) -> None:
    (stack / "b.keyplan.yaml").write_text('key: {a: key.b["x"]}\n')
    done = keyplan("fmt", "--check")
    assert done.code == 1
    assert "b.keyplan.yaml:1:15" in done.err
    assert "single quotes" in done.err


def test_fmt_formats_stdin_for_editors(keyplan: Run) -> None:
    assert keyplan("fmt", "-", answer="key:   {}\n").out == "key: {}\n"
    assert keyplan("fmt", "--check", "-", answer="key:   {}\n").code == 3
    assert keyplan("fmt", "--diff", "-", answer="key:   {}\n").out.startswith("--- a/stdin\n")
    broken = keyplan("fmt", "-", answer="key: [\n")
    assert (broken.code, broken.out) == (1, "")
    assert keyplan("fmt", "-", "keyplan.yaml").code == 64


def test_fmt_refuses_other_files(stack: Path, keyplan: Run) -> None:
    (stack / "values.yaml").write_text("a:   1\n")
    done = keyplan("fmt", "values.yaml")
    assert done.code == 64
    assert (stack / "values.yaml").read_text() == "a:   1\n"


# -- schema ------------------------------------------------------------------------------


def test_schema_is_printed_or_written(stack: Path, keyplan: Run) -> None:
    printed = keyplan("schema")
    assert printed.code == 0
    Draft202012Validator.check_schema(printed.document)
    assert "hsm" in printed.document["properties"]["provider"]["properties"]
    written = keyplan("schema", "--output-file", "s.json")
    assert written.code == 0
    assert "yaml-language-server: $schema=s.json" in written.out
    assert json.loads((stack / "s.json").read_text()) == printed.document


# -- console -----------------------------------------------------------------------------


def test_console_reads_the_stack_before_and_after_apply(keyplan: Run) -> None:
    lines = "var.team\nkey.payments.usage\nkey.payments.id\nkey.root\n"
    before = keyplan("console", answer=lines)
    assert before.code == 0
    assert before.out == '"payments"\n"encrypt"\n(known after apply)\nkey.root\n'
    assert keyplan("apply", "--auto-approve").code == 0
    after = keyplan("console", answer="key.payments.id\nlength(key.payments.id) > 3\n")
    assert after.code == 0
    first, second = after.out.splitlines()
    assert json.loads(first) == keyplan("output", "payments_id", "--raw").out
    assert second == "true"


def test_console_takes_variables(keyplan: Run) -> None:
    assert keyplan("console", "--var", "team=x", answer="upper(var.team)\n").out == '"X"\n'


def test_console_goes_on_after_a_mistake_and_says_so_at_the_end(keyplan: Run) -> None:
    done = keyplan("console", answer="\n1 + 1\n  var.taem\n2 + 2\nexit\nnever\n")
    assert done.code == 1
    assert done.out == "2\n4\n"
    assert "console:2:1" in done.err
    assert "var.taem" in done.err
    assert "^^^^" in done.err
    assert "team" in done.err
    assert "Traceback" not in done.err


def test_console_says_what_cannot_be_read_there(keyplan: Run) -> None:
    done = keyplan("console", answer="this.scope\neach.key\nkey\n")
    assert done.out == ""
    assert done.err.count("error:") == 3


def test_console_writes_nothing(stack: Path, keyplan: Run) -> None:
    keyplan("console", answer="key.root.id\n")
    assert [path.name for path in stack.iterdir()] == ["keyplan.yaml"]


def test_console_refuses_a_broken_stack(stack: Path, keyplan: Run) -> None:
    (stack / "keyplan.yaml").write_text("key: {root: {provider: nix}}\n")
    done = keyplan("console", answer="1\n")
    assert (done.code, done.out) == (1, "")
    assert "keyplan.yaml:1" in done.err


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("stack")
def test_console_asks_on_a_terminal_and_ends_with_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", _Keyboard("1 +\n1\n"))
    terminal = Terminal(_Keyboard(), _Keyboard(), {"NO_COLOR": "1"})
    assert run(["console"], terminal) == 0
    assert terminal.stdout.getvalue() == "> > 1\n> \n"  # type: ignore[attr-defined]
    assert "the expression ends too early" in terminal.stderr.getvalue()  # type: ignore[attr-defined]


# -- graph -------------------------------------------------------------------------------


def test_graph_draws_the_hierarchy(keyplan: Run) -> None:
    dot = keyplan("graph")
    assert dot.code == 0
    assert '"key.root" -> "key.payments" [label="wraps"]' in dot.out
    mermaid = keyplan("graph", "--format", "mermaid")
    assert mermaid.out.startswith("flowchart TD\n")
    assert '-->|"wraps"|' in mermaid.out
    document = keyplan("graph", "--format", "json").document
    assert [(item["address"], item["order"]) for item in document["keys"]] == [
        ("key.root", 0), ("key.payments", 1),
    ]  # fmt: skip
    assert document["edges"] == [
        {"from": "key.root", "to": "key.payments", "kind": "parent", "relation": "wraps"}
    ]


def test_graph_tells_dependencies_apart(stack: Path, keyplan: Run) -> None:
    text = STACK.replace(
        "    labels: {", '    description: "beside ${key.other.id}"\n    depends_on: [key.third]\n'
        "    labels: {",
    ).replace(
        "  payments:\n    provider", "  third: {provider: hsm, tier: root, usage: wrap,"
        " algorithm: aes-256}\n  other: {provider: hsm, tier: root, usage: wrap,"
        " algorithm: aes-256}\n  payments:\n    provider",
    )  # fmt: skip
    (stack / "keyplan.yaml").write_text(text)
    edges = keyplan("graph", "--format", "json").document["edges"]
    assert [(edge["from"], edge["kind"]) for edge in edges] == [
        ("key.root", "parent"), ("key.other", "reference"), ("key.third", "depends_on"),
    ]  # fmt: skip


def test_graph_is_the_same_every_time(keyplan: Run) -> None:
    assert keyplan("graph").out == keyplan("graph").out


def test_graph_refuses_other_formats_and_broken_stacks(stack: Path, keyplan: Run) -> None:
    assert keyplan("graph", "--format", "svg").code == 64
    (stack / "keyplan.yaml").write_text("key: {root: {provider: nix}}\n")
    failed = keyplan("graph", "--format", "json")
    assert failed.code == 1
    assert failed.document["diagnostics"]


# -- init --------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["quickstart", "hierarchy"])  # aws: test_mock
def test_init_starts_a_stack_that_validates_and_plans(keyplan: Run, template: str) -> None:
    made = keyplan("init", "new", "--template", template)
    assert made.code == 0
    assert "Next: keyplan --chdir new plan" in made.out
    assert keyplan("--chdir", "new", "validate").code == 0
    assert keyplan("--chdir", "new", "fmt", "--check").code == 0
    planned = keyplan("--chdir", "new", "plan", "--detailed-exitcode")
    assert planned.code == 2, planned.err
    assert "0 errors, 0 warnings" in planned.out or "Findings" not in planned.out


def test_init_starts_the_quickstart_unless_told_otherwise(stack: Path, keyplan: Run) -> None:
    (stack / "keyplan.yaml").unlink()
    assert keyplan("init").code == 0
    assert "payments" in (stack / "keyplan.yaml").read_text()


def test_init_checks_the_stack_that_is_there_and_creates_nothing(stack: Path, keyplan: Run) -> None:
    done = keyplan("init")
    assert done.code == 0, done.err
    assert "configuration   2 keys, valid" in done.out
    assert "provider hsm" in done.out
    assert "keyplan.state.json, empty" in done.out
    assert "Next: keyplan plan" in done.out
    assert [path.name for path in stack.iterdir()] == ["keyplan.yaml"]


def test_init_says_who_one_is_and_where_the_state_stands(keyplan: Run) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    done = keyplan("init")
    assert "as hsm:security-officer" in done.out
    assert "serial 1, 2 keys" in done.out


def test_init_says_all_that_fails_and_what_to_do(stack: Path, keyplan: Run) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    (stack / "keyplan.state.json").write_text("{")
    (stack / ".keyplan/hsm.db").write_bytes(b"no database" * 100)
    done = keyplan("init")
    assert done.code == 1
    assert done.out.count("FAIL") == 2
    assert "2 checks failed. Nothing was changed." in done.out
    assert "Traceback" not in done.out + done.err


def test_init_says_that_a_run_did_not_end(
    stack: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    (journals,) = [path for path in (stack / ".keyplan").iterdir() if path.is_dir()]
    closed = next(path for path in journals.rglob("*") if path.is_file())
    opened = journals / f"9{closed.name}"
    opened.write_bytes(closed.read_bytes())
    done = keyplan("init")
    assert done.code == 1
    assert "keyplan resume" in done.out


def test_init_refuses_to_overwrite(stack: Path, keyplan: Run) -> None:
    done = keyplan("init", "--template", "hierarchy")
    assert done.code == 1
    assert "nothing was written" in done.err
    assert (stack / "keyplan.yaml").read_text() == STACK
    assert keyplan("init", "x", "--template", "none").code == 64


def test_init_notices_a_schema_of_another_installation(stack: Path, keyplan: Run) -> None:
    keyplan("schema", "--output-file", "keyplan.schema.json")
    assert "editor schema   keyplan.schema.json" in keyplan("init").out
    (stack / "keyplan.schema.json").write_text("{}")
    done = keyplan("init")
    assert done.code == 0
    assert "renew it" in done.out


# -- all ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fmt", "schema", "console", "graph", "init"])
def test_none_of_them_imports_what_it_does_not_need(stack: Path, command: str) -> None:
    program = (
        "import io, os, sys\n"
        "from keyplan.cli.main import run\n"
        "from keyplan.cli.terminal import Terminal\n"
        f"run([{command!r}], Terminal(io.StringIO(), io.StringIO(), os.environ))\n"
        "print(' '.join(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=stack, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    modules = set(done.stdout.split())
    assert not modules & {"rich", "deepdiff", "boto3"}
    assert not [name for name in modules if name.startswith("keyplan.applying")]
    if command == "fmt":
        assert not modules & {"jinja2", "cryptography"}


@pytest.mark.parametrize("arguments", [["fmt", "--check", "--diff"], ["fmt", "-"], ["graph"]])
def test_what_programs_read_is_utf_8_on_any_terminal(stack: Path, arguments: list[str]) -> None:
    text = STACK.replace("  root: {provider", '  root:   {for_each: ["ü"], provider').replace(
        "parent: key.root", 'parent: key.root["ü"]'
    )
    (stack / "keyplan.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "keyplan.cli", *arguments], cwd=stack, capture_output=True,
        input=text.encode(), env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    assert "ü".encode() in done.stdout


def test_console_never_shows_the_value_of_a_sensitive_variable(stack: Path, keyplan: Run) -> None:
    (stack / "b.keyplan.yaml").write_text(
        "variable:\n  code: {type: string, sensitive: true, default: hunter22}\n"
        '\nlocals:\n  inside: {text: ["a ${var.code}"]}\n  other: fine\n'
    )
    lines = "var.code\nvar.code ~ 1\nlocal.inside\nlocal.other\n"
    done = keyplan("console", answer=lines)
    assert '"fine"' in done.out
    assert "sensitive" in done.out + done.err
    assert "hunter22" not in (done.out + done.err).lower()


# -- memory ------------------------------------------------------------------------------


def test_what_a_command_leaves_behind_is_garbage_to_the_next(keyplan: Run) -> None:
    assert keyplan("validate").code == 0
    frozen = gc.get_freeze_count()
    assert keyplan("validate").code == 0
    assert gc.get_freeze_count() <= frozen
