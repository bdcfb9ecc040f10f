"""Applying a plan: the only way in which keyplan changes the world.

    preflight -> lease -> state as planned? -> identities -> live keys -> steps -> close

Rules: nothing is written before everything was checked under the lease. The plan is
performed as it is; configuration is never seen here. A run ends in one of three ways:
closed (every step is decided, the state committed, whatever failed), open (a step is
undecided: `keyplan resume`), or not at all (nothing was done, and the reason raised).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime

from keyplan.applying.faithful import check_brakes, check_steps
from keyplan.applying.leasing import leased
from keyplan.applying.options import (
    ApplyOptions,
    Interrupt,
    Observer,
    Surroundings,
    new_run_id,
    unwatched,
)
from keyplan.applying.preflight import (
    check_allowed,
    check_clock,
    check_idle,
    check_sessions,
    check_state,
)
from keyplan.applying.run import Run
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.session import ProviderSession
from keyplan.state.snapshot import load_snapshot

__all__ = ["ApplyOptions", "Interrupt", "Observer", "apply_plan"]


def apply_plan(
    plan: Plan,
    *,
    store: Store,
    sessions: Mapping[str, ProviderSession],
    lease: Lease | None = None,
    allowed: frozenset[str] = frozenset(),
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    observer: Observer = unwatched,
    clock: Clock = SYSTEM_CLOCK,
    interrupt: Interrupt | None = None,
    new_run: Callable[[datetime], str] = new_run_id,
) -> ApplyReport:
    """Perform a plan and save the state; the report says what became of each step.

    `allowed` names the brakes that may be released; without a `lease` one is taken and given
    back. Raises `BlockedPlanError`,
    `PlanFileError`, `StalePlanError` or `BusyError` if nothing may be done, `StateError` if
    the journal or the state cannot be written (the message says what was done), and
    whatever error stopped the run before its first write.
    """
    check_allowed(plan, allowed)
    around = Surroundings(sessions, options, clock, observer, interrupt or Interrupt())
    taken = leased(
        store,
        holder=options.holder,
        operation=options.operation,
        timeout=options.lock_timeout,
        clock=clock,
    )
    with taken if lease is None else nullcontext(lease) as held:
        snapshot = load_snapshot(store, new_lineage=lambda: plan.lineage)
        check_idle(snapshot, store.describe())
        check_state(plan, snapshot)
        check_clock(plan, clock.now())
        check_sessions(plan, sessions)
        check_steps(plan, sessions)
        check_brakes(plan, snapshot.state, allowed)
        run = Run(plan, store, held, snapshot, around, new_run(clock.now()), clock.monotonic())
        return run.begin(allowed)
