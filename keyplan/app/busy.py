"""Why nothing can rest on the state now: somebody works on it, or a run broke off.

Rules: nobody waits to find out. A lease whose time is over is nobody's; of one that is not,
its last sign of life is told, and what to do if its holder goes on, and if it died.
"""

from __future__ import annotations

from datetime import datetime

from keyplan.errors import BusyError, OpenRunError
from keyplan.sdk.store import LeaseInfo


def held(
    by: LeaseInfo, *, store: str, run: str | None, now: datetime, harm: str, again: str
) -> BusyError:
    """Somebody has the lease. `run` is open, if any is; `harm` is what going on would do."""
    silent = by.expires_at is not None and by.expires_at < now
    what = f"{by.holder} is running keyplan {by.operation} on this state"
    if silent:
        what = f"{by.holder} was running keyplan {by.operation} on this state and fell silent"
    died = f"If it died: keyplan state unlock {by.id}"
    if run is not None:
        died = (
            "If it died: keyplan resume --lock-timeout 5m finishes it, keyplan rollback"
            f" --lock-timeout 5m takes it back.\nTo free the state by hand: keyplan state unlock"
            f" {by.id}"
        )
    return BusyError(
        what,
        target=store,
        why=f"Since {by.created_at:%Y-%m-%d %H:%M} UTC; {harm}. {_sign_of_life(by, silent=silent)}",
        advice=f"If that run goes on: {again}\n{died}",
    )


def _sign_of_life(by: LeaseInfo, *, silent: bool) -> str:
    if by.expires_at is None:
        return f"Its process is there: the lease {by.id} would have ended with it."
    until = f"{by.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if silent:
        return (
            f"Its lease {by.id} was to be renewed by {until} and was not: if the clocks agree,"
            " that run is dead or paused."
        )
    return f"Its lease {by.id} ends at {until}, unless it lives and renews it."


def broke_off(run: str, *, store: str) -> OpenRunError:
    """A run is open, and nobody is at it."""
    return OpenRunError(
        f"run {run} did not end",
        target=store,
        why="It was stopped in the middle, so the state does not tell what its last steps did,"
        " and nothing could rest on it.",
        advice="Finish what it was doing: keyplan resume\nOr take it back: keyplan rollback",
    )
