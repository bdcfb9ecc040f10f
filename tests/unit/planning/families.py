"""A key in several places, and short ways to look at a plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from keyplan.model.address import Address
from keyplan.plans.plan import Plan
from keyplan.testing.bench import key, replica

KEY = Address("key.k")
DR, US = KEY.replica("dr"), KEY.replica("us")
WINDOW = timedelta(days=31)


def several(**attributes: Any) -> Any:
    """A key that may be in several places."""
    return key("key.k", "root", "wrap", **{"multi_region": True, **attributes})


def both(**attributes: Any) -> tuple[Any, Any]:
    """A key with one replica that has an alias and a label of its own."""
    primary = several(**attributes)
    return primary, replica(primary, "dr", "fake.dr", aliases=["k"], labels={"place": "dr"})


def operations(plan: Plan) -> list[Any]:
    return [step.operation for step in plan.steps]


def kinds(plan: Plan) -> list[tuple[str, str]]:
    return [(step.address, step.operation.name) for step in plan.steps]


def rules(plan: Plan) -> set[str]:
    return {finding.rule for finding in plan.findings}
