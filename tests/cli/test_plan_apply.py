"""Plan, show, ask, apply: what people and pipelines see."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_a_saved_plan_is_applied_without_asking_and_only_once(keyplan: Run, stack: Path) -> None:
    planned = keyplan("plan", "--out", "kplan")
    assert "\nPlan: 2 to add, 0 to change, 0 to destroy.\n" in planned.out
    assert planned.out.endswith("\nNext: keyplan apply kplan\n")
    applied = keyplan("apply", "kplan")
    assert applied.code == 0
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in applied.out
    assert "payments_id =" in applied.out
    again = keyplan("apply", "kplan")
    assert again.code == 1
    assert "Saved plan is stale" in again.err


def test_planning_writes_nothing(keyplan: Run, stack: Path) -> None:
    keyplan("plan")
    assert sorted(path.name for path in stack.iterdir()) == ["keyplan.yaml"]


def test_only_yes_approves(keyplan: Run, stack: Path) -> None:
    for answer in ("", "y\n", "no\n"):
        result = keyplan("apply", answer=answer)
        assert result.code == 1
        assert "Do you want to perform these changes?" in result.out
        assert "was not approved" in result.err
        assert not (stack / "keyplan.state.json").exists()
    assert keyplan("apply", answer="yes\n").code == 0
    assert (stack / "keyplan.state.json").exists()


def test_nothing_to_do_asks_nothing(keyplan: Run) -> None:
    keyplan("apply", "--auto-approve")
    result = keyplan("apply")
    assert result.code == 0
    assert "No changes. The keys match the configuration." in result.out
    assert "Do you want" not in result.out


def test_variables_win_in_the_order_given(keyplan: Run, stack: Path) -> None:
    (stack / "more.yaml").write_text("team: from_file\n")
    plan = keyplan("plan", "-var", "team=a", "-var-file=more.yaml")
    assert "team=from_file" in plan.out
    plan = keyplan("plan", "-var-file=more.yaml", "-var", "team=a")
    assert "team=a" in plan.out


def test_a_plan_made_with_variables_applies_without_them(keyplan: Run, stack: Path) -> None:
    text = (stack / "keyplan.yaml").read_text().replace(", default: payments", "")
    (stack / "keyplan.yaml").write_text(text)
    assert keyplan("plan").code == 1
    assert keyplan("plan", "--var", "team=a", "--out", "kplan").code == 0
    assert keyplan("apply", "kplan").code == 0


def test_chdir_comes_before_the_command_and_is_undone(keyplan: Run, stack: Path) -> None:
    (stack / "below").mkdir()
    (stack / "below" / "keyplan.yaml").write_text((stack / "keyplan.yaml").read_text())
    result = keyplan("-chdir=below", "plan", "--out", "kplan")
    assert "Stack below:" in result.out
    assert (stack / "below" / "kplan").exists()
    assert Path.cwd() == stack


def test_destroying_needs_its_brakes_named(keyplan: Run, stack: Path) -> None:
    keyplan("apply", "--auto-approve")
    text = (stack / "keyplan.yaml").read_text()
    unprotected = "algorithm: aes-256, deletion: {protection: false, soak: 0d, window: 7d}}"
    (stack / "keyplan.yaml").write_text(text.replace("algorithm: aes-256}", unprotected))
    assert keyplan("apply", "--auto-approve").code == 0
    refused = keyplan("destroy", "--auto-approve")
    assert refused.code == 1
    assert "--allow root" in refused.err
    allowed = keyplan("destroy", "--auto-approve", "--allow", "root")
    assert allowed.code == 0, allowed.err
    assert "Destroy complete! Resources: 0 added, 0 changed, 2 destroyed." in allowed.out
    assert keyplan("plan", "--destroy", "--detailed-exitcode").code == 0


def test_drift_is_seen_and_can_be_taken_over(keyplan: Run, stack: Path) -> None:
    keyplan("apply", "--auto-approve")
    text = (stack / "keyplan.yaml").read_text()
    (stack / "keyplan.yaml").write_text(text.replace("${var.team}", "money"))
    keyplan("apply", "--auto-approve")
    (stack / "old.json").write_text(keyplan("state", "pull", "--serial", "1").out)
    assert keyplan("state", "push", "--force", "old.json").code == 0  # it knows the old label
    result = keyplan("plan", "--refresh-only", "--detailed-exitcode", "--out", "kplan")
    assert result.code == 2
    assert "team: payments -> money" in result.out
    assert keyplan("apply", "kplan").code == 0
    assert keyplan("plan", "--refresh-only", "--detailed-exitcode").code == 0
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_targets_plan_a_part_and_say_so(keyplan: Run) -> None:
    result = keyplan("plan", "--target", "key.root")
    assert "Plan: 1 to add" in result.out
    assert "Incomplete" in result.out


def test_hints_are_left_out_in_automation(keyplan: Run) -> None:
    result = keyplan("plan", "--out", "kplan", env={"KEYPLAN_IN_AUTOMATION": "1"})
    assert "Next:" not in result.out
    assert "Saved to kplan" in result.out


def test_a_file_that_is_no_plan_is_refused(keyplan: Run, stack: Path) -> None:
    assert keyplan("apply", "nothing").code == 1
    result = keyplan("apply", "keyplan.yaml")
    assert result.code == 1
    assert "keyplan.yaml: this is not a keyplan plan file" in result.err


def test_the_environment_adds_arguments(keyplan: Run) -> None:
    env = {"KEYPLAN_CLI_ARGS": "--detailed-exitcode"}
    assert keyplan("plan", env=env).code == 2
