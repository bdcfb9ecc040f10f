"""Everything keyplan raises on purpose.

Rules: an error says what happened, to what, why, and what to do next; it carries
those as fields, so that text and JSON show the same; it never contains key
material, a PIN, a token or a credential. A traceback that a user sees is a bug.

`error_class` is the machine-readable class that JSON output carries. Provider
errors are split by what the caller can do about them, not by what the service
called them.
"""

from __future__ import annotations

from typing import ClassVar


class KeyplanError(Exception):
    """Base of all expected errors.

    `what` is one sentence; `target` names the object (address, file, run);
    `why` explains; `advice` says what to do next.
    """

    error_class: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, target: str = "", why: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.target = target
        self.why = why
        self.advice = advice

    def __str__(self) -> str:
        parts = [self.what if not self.target else f"{self.target}: {self.what}"]
        parts += [part for part in (self.why, self.advice) if part]
        return "\n".join(parts)


class UsageError(KeyplanError):
    """The command line is wrong whatever the stack says (exit code 64, `EX_USAGE`).

    What had to be looked up to be refused is another error, such as `UnknownNameError`.
    """

    error_class = "usage"
    exit_code = 64


class UnknownNameError(KeyplanError):
    """What the command line names is not in the stack, the state, or what is installed."""

    error_class = "unknown_name"


class InterruptedRunError(KeyplanError):
    """A person stopped the run; state and journal were made safe first (exit code 130)."""

    error_class = "interrupted"
    exit_code = 130


# -- planning and applying ---------------------------------------------------------------


class PlanningError(KeyplanError):
    """No plan can be made from this declaration and this world."""

    error_class = "planning"


class BlockedPlanError(KeyplanError):
    """A guard refuses to apply the plan: error findings, or a brake nobody named."""

    error_class = "blocked"


class StalePlanError(KeyplanError):
    """A saved plan no longer fits the state, the identities or the live objects."""

    error_class = "stale"


class MovedError(StalePlanError):
    """State or keys changed since the plan was made, and nothing was done: plan again."""


class PlanFileError(KeyplanError):
    """A plan file cannot be read or was altered after it was written."""

    error_class = "plan_file"


# -- state and stores --------------------------------------------------------------------


class StateError(KeyplanError):
    """The state is unreadable, breaks an invariant, or was made by a newer keyplan.

    `unsaved` is a finished state, encoded, that the store did not take.
    """

    error_class = "state"
    unsaved: bytes | None = None


class RefusedStateError(StateError):
    """What is in the place of the state is damaged, old, or gone: there to be replaced.

    `version` is what a commit replaces; `lineage` and `serial` are of the newest state that
    this machine has seen there, if it has.
    """

    version: str | None = None
    lineage: str = ""
    serial: int = 0


class NewerStateError(StateError):
    """A newer keyplan wrote the state: it is sound, and this one cannot read it."""


class JournalError(StateError):
    """The journal's chain is broken: it was edited or mixed with another run's."""

    error_class = "journal"


class SealedJournalError(JournalError):
    """The journal is sealed, and nothing says how to open it: nothing is wrong with it."""


class StateConflictError(StateError):
    """Somebody else committed a state since this one was read (compare-and-swap failed)."""

    error_class = "conflict"


class BusyError(StateError):
    """Another run holds the lease of this state, or left one that is not finished."""

    error_class = "busy"


class OpenRunError(BusyError):
    """A run broke off, and nobody is at it: it is to be resumed or rolled back."""


class StoreError(StateError):
    """The store of the state cannot be read or written."""

    error_class = "store"


# -- providers ---------------------------------------------------------------------------


class ProviderError(KeyplanError):
    """A provider could not do what was asked. Subclasses say what the caller can do.

    `operation` is the remote call as the service names it; `request_id` is the
    service's own reference for support, when it gave one.
    """

    error_class = "provider"

    def __init__(
        self,
        what: str,
        *,
        target: str = "",
        why: str = "",
        advice: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(what, target=target, why=why, advice=advice)
        self.operation = operation
        self.request_id = request_id


class TransientError(ProviderError):
    """Nothing was done; the same call may succeed later (connection refused, 503)."""

    error_class = "transient"


class ThrottledError(TransientError):
    """Nothing was done because too many calls were made. `retry_after` is in seconds."""

    error_class = "throttled"

    def __init__(
        self,
        what: str,
        *,
        retry_after: float | None = None,
        target: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(
            what,
            target=target,
            operation=operation,
            request_id=request_id,
            advice="Try again later, or lower --parallelism.",
        )
        self.retry_after = retry_after


class OutcomeUnknownError(ProviderError):
    """The answer was lost: the effect may or may not have happened. Never retried blindly."""

    error_class = "outcome_unknown"


class NotFoundError(ProviderError):
    """The object does not exist (any more)."""

    error_class = "not_found"


class ConflictError(ProviderError):
    """The object exists already, belongs to somebody else, or changed since it was read."""

    error_class = "conflict"


class DeniedError(ProviderError):
    """The identity is known and may not do this. `why` names the missing permission."""

    error_class = "denied"


class UnauthenticatedError(ProviderError):
    """No identity, or one that the service no longer accepts (expired, wrong PIN)."""

    error_class = "unauthenticated"


class QuotaError(ProviderError):
    """A resource quota of the service is used up; waiting does not help."""

    error_class = "quota"


class RejectedError(ProviderError):
    """The service understood the request and refuses it as it is (invalid, wrong key state)."""

    error_class = "rejected"


class ProviderDefectError(ProviderError):
    """A provider broke its contract: a bug in the provider, not in the user's stack."""

    error_class = "provider_defect"
