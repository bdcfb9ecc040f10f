"""One call of an API: paced, within its deadline, its failure one of keyplan's errors.

Only questions are asked again here; a write is tried once, and the core decides. Each call is a
line in the log of level `debug`: what, where, about which key, how it ended, never what was sent.

`Work` is one operation of keyplan's, which may need several calls. Once it has written
something, a later definite failure no longer says "nothing was done": it becomes
`OutcomeUnknownError`, and the core looks at the key before it does anything else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import xform_name

from keyplan.errors import OutcomeUnknownError, ProviderError, ThrottledError, TransientError
from keyplan_aws.clients import TAGGING, Clients
from keyplan_aws.failures import FAILURES, Attempt, converted, outcome_of
from keyplan_aws.pacing import Clock, Pace

READ_PATIENCE = 60.0
"""Seconds that reading may take where the caller sets no deadline."""

READ_TRIES = 6
"""How often one question is asked."""

RETRY_BASE = 0.1
"""Seconds before a question is asked for the second time; each wait is twice the one before."""

_LOG = logging.getLogger("keyplan.aws")

_SERVICES = {
    "GetResources": TAGGING,
    "GetCallerIdentity": "sts",
    "GetRole": "iam",
    "GetUser": "iam",
}
_CREATES = frozenset({"CreateKey", "ReplicateKey", "RotateKeyOnDemand"})
"""Calls that make something new each time they are done."""

_NAMES = ("KeyId", "TargetKeyId", "AliasName", "RoleName", "UserName")
"""Parameters that say what a call is about."""


@dataclass(frozen=True, slots=True)
class Api:
    """What every call of one connection shares."""

    clients: Clients
    pace: Pace
    clock: Clock

    def work(self, target: str = "", deadline: float | None = None) -> Work:
        """The calls of one operation, which must end within `deadline` seconds."""
        patience = READ_PATIENCE if deadline is None else deadline
        return Work(self, target, self.clock.monotonic() + patience)


@dataclass(slots=True)
class Work:
    """The calls of one operation. `until` is on the clock's `monotonic`."""

    api: Api
    target: str
    until: float
    written: list[str] = field(default_factory=list)

    def read(self, call: str, /, *, region: str = "", **parameters: Any) -> dict[str, Any]:
        """Ask, again where that may help: one key must not cost the reading of thousands.

        Raises `ProviderError`, never `OutcomeUnknownError` before anything was written.
        """
        wait, number = RETRY_BASE, 1
        while True:
            try:
                return self._call(Attempt(call, self.target, number=number), region, parameters)
            except TransientError:
                if number >= READ_TRIES or self.api.clock.monotonic() + wait >= self.until:
                    raise
            self.api.clock.sleep(wait)
            wait, number = 2 * wait, number + 1

    def write(self, call: str, /, *, region: str = "", **parameters: Any) -> dict[str, Any]:
        """Change something, once. Raises `OutcomeUnknownError` if the answer was lost."""
        attempt = Attempt(call, self.target, writes=True, creates=call in _CREATES)
        answer = self._call(attempt, region, parameters)
        self.written.append(call)
        return answer

    def pages(
        self, call: str, items: str, /, *, region: str = "", **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list that comes in pages (`Marker`, `Truncated`)."""
        marker: dict[str, Any] = {}
        while True:
            page = self.read(call, region=region, **parameters, **marker)
            yield from page.get(items) or ()
            if not page.get("Truncated"):
                return
            marker = {"Marker": page["NextMarker"]}

    def _call(self, attempt: Attempt, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        call, pace = attempt.call, self.api.pace
        if not pace.turn(call, self.until):
            raise self._settled(
                TransientError(
                    f"there was no time left for {call}",
                    target=self.target,
                    why="The account's quota of such calls, or the service, is too slow for it.",
                    advice="Run the command again; it goes on where it stopped.",
                    operation=call,
                )
            )
        client = self.api.clients.get(
            _SERVICES.get(call, "kms"),
            region=region,
            within=self.until - self.api.clock.monotonic(),
        )
        meta = client.meta
        attempt = replace(attempt, region=meta.region_name, endpoint=str(meta.endpoint_url))
        began = time.monotonic()
        try:
            method: Callable[..., dict[str, Any]] = getattr(client, xform_name(call))
            answer = method(**parameters)
        except FAILURES as error:
            code, answer = outcome_of(error)
            _trace(attempt, parameters, code, answer, began)
            failure = converted(error, attempt)
            if isinstance(failure, ThrottledError):
                pace.throttled(call)
            raise self._settled(failure) from None
        _trace(attempt, parameters, "ok", answer, began)
        pace.passed(call)
        return answer

    def _settled(self, failure: ProviderError) -> ProviderError:
        """What the failure means, given what was written before it."""
        if not self.written or isinstance(failure, (TransientError, OutcomeUnknownError)):
            return failure
        return OutcomeUnknownError(
            f"{failure.what}, after {', '.join(self.written)} was done",
            target=self.target,
            why=failure.why,
            advice=failure.advice,
            operation=failure.operation,
            request_id=failure.request_id,
        )


def _trace(
    attempt: Attempt, parameters: dict[str, Any], outcome: str, answer: dict[str, Any], began: float
) -> None:
    """A line about one call. Of what was sent only which key it is about."""
    if not _LOG.isEnabledFor(logging.DEBUG):
        return
    key = next((parameters[name] for name in _NAMES if parameters.get(name)), "-")
    _LOG.debug(
        "%s %s %s: %s, request %s, %.0f ms, try %d",
        attempt.call,
        attempt.region,
        key,
        outcome,
        answer.get("ResponseMetadata", {}).get("RequestId") or "-",
        1000 * (time.monotonic() - began),
        attempt.number,
    )
