"""What a plan is asked to be, apart from the declaration and the world."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.plans.plan import PlanMode


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Options of `keyplan plan`.

    `targets` and `excludes` are addresses or patterns with `*`; at most one of the two
    is given. Without `refresh` the state stands for the world. With `remediating` only
    drift is put back, and nothing else is done (`keyplan drift --remediate`).
    """

    mode: PlanMode = PlanMode.NORMAL
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    refresh: bool = True
    parallelism: int = 10
    remediating: bool = False
