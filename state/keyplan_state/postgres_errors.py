"""What PostgreSQL refuses, as errors that say what to do. Codes: Appendix A of its manual."""

from __future__ import annotations

from typing import Any

from keyplan.errors import StoreError
from keyplan_state.postgres_target import Target

_KNOWN: dict[str, tuple[str, str]] = {
    "42501": (
        "the database user may not do this",
        "Let an administrator create the schema for it: CREATE SCHEMA ... AUTHORIZATION user.",
    ),
    "57014": (
        "the database took too long to answer",
        "See what keeps it busy (pg_stat_activity), then run again.",
    ),
    "55P03": (
        "something else keeps the rows of this state locked",
        "See who (pg_locks, pg_stat_activity), then run again.",
    ),
    "25006": (
        "the database takes no writes: it is a standby, or was made read-only",
        "Give the address of the primary, or add target_session_attrs=read-write to it.",
    ),
    "53100": ("the disk of the database is full", "Free some space there, then run again."),
    "57P": ("the database is shutting down or starting up", "Run again when it is up."),
    "40": ("the database could not decide between two writers", "Run again."),
}
"""What happened and what to do, by the longest known beginning of the SQLSTATE."""


def explained(error: Any, target: Target) -> StoreError:
    """The error for what the driver raised, without the password."""
    state = error.sqlstate or ""
    said = target.redacted(" ".join(str(error).split()))
    for length in (5, 3, 2):
        if state and (found := _KNOWN.get(state[:length])):
            return _refused(found[0], said, state, target, found[1])
    if "certificate" in said or "SSL" in said:
        return _refused(
            "the connection to the database cannot be protected", said, state, target,
            "Name the authority that signed the server's certificate: sslrootcert=/path/to/ca.pem"
            " or sslrootcert=system in the address.",
        )  # fmt: skip
    if "FATAL:" in said and not state:  # before there is a session the driver knows no code
        return _refused(
            "the database refuses the connection", said, state, target,
            "Check user, password and database in the address, and the server's pg_hba.conf.",
        )  # fmt: skip
    if not state:
        return _refused(
            "the database cannot be reached", said, state, target,
            "Check the address and that the server is up, then run again.",
        )  # fmt: skip
    return _refused(
        "the database refuses this", said, state, target,
        "Read what it says, correct that, then run again.",
    )  # fmt: skip


def _refused(what: str, said: str, state: str, target: Target, advice: str) -> StoreError:
    code = f" (SQLSTATE {state})" if state else ""
    return StoreError(what, target=target.name, why=f"It says: {said}{code}", advice=advice)
