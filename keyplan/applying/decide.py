"""Finding out whether an operation whose answer was lost was done.

A create is looked for by its token, everything else by reading the key. Where reads
lag writes, absence counts only after the lag that the provider declares, so the
question is asked again until then; presence counts at once.

Rules: looking changes nothing, with one exception: where the service itself takes an
idempotency token, repeating the create with it is how it answers. What cannot be told
is `None` with the reason, never a guess. Questions about one provider are asked together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.applying.recognise import was_done
from keyplan.errors import DeniedError, ProviderError
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    CreateKey,
    RemoteOperation,
    ReplicateKey,
    SetOwner,
)
from keyplan.sdk.capabilities import Finding
from keyplan.sdk.hidden import HiddenCandidateError
from keyplan.sdk.provider import Bindings, Outcome
from keyplan.session.clock import Clock
from keyplan.session.session import ProviderSession

LOOKS = 6
"""How often to look within the read lag, beside the first look."""


SKEW = timedelta(minutes=15)
"""By how much this machine's clock and a service's may differ: further apart, many refuse."""


@dataclass(frozen=True, slots=True)
class Question:
    """A step whose operation may have been done, and not before `since`."""

    number: int
    operation: RemoteOperation
    bindings: Bindings
    since: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out. `outcome` is set when it was done, `why` when it cannot be told.

    `final` verdicts do not change by looking again.
    """

    done: bool | None
    outcome: Outcome | None = None
    why: str = ""
    final: bool = False


def _yes(key_id: str, key: Observation | None) -> Verdict:
    return Verdict(done=True, outcome=Outcome(key_id, key), final=True)


def _unclear(why: str, *, final: bool = False) -> Verdict:
    return Verdict(done=None, why=why, final=final)


def decide(
    session: ProviderSession,
    questions: Iterable[Question],
    *,
    clock: Clock,
    stopped: Callable[[], bool] = lambda: False,
) -> Mapping[int, Verdict]:
    """A verdict for each question, by step number. `stopped` ends the waiting early."""
    lag = session.capabilities.read_lag.total_seconds()
    until = clock.monotonic() + lag
    verdicts: dict[int, Verdict] = {}
    open_questions = list(questions)
    while open_questions:
        last = clock.monotonic() >= until
        found = _look(session, open_questions, trusted=not lag)
        verdicts.update(found)
        open_questions = [item for item in open_questions if not verdicts[item.number].final]
        if last or not open_questions:
            break
        if stopped():
            why = "the run was interrupted before its absence could count"
            verdicts.update({item.number: _unclear(why) for item in open_questions})
            break
        clock.sleep(max(0.001, min(lag / LOOKS, until - clock.monotonic())))
    return verdicts


def _look(
    session: ProviderSession, questions: list[Question], *, trusted: bool
) -> dict[int, Verdict]:
    """One look. What is read is worth keeping only if reads are `trusted` not to lag."""
    verdicts: dict[int, Verdict] = {}
    to_read: list[Question] = []
    for question in questions:
        match question.operation:
            case CreateKey() | ReplicateKey() as create:
                verdicts[question.number] = _created(session, create, question, trusted=trusted)
            case SetOwner(target=target, after=after) if (
                target not in question.bindings and after is not None
            ):
                verdicts[question.number] = _found(session, after.token, None, trusted=trusted)
            case _:
                to_read.append(question)
    if to_read:
        verdicts.update(_reread(session, to_read, trusted=trusted))
    return verdicts


def _created(
    session: ProviderSession,
    create: CreateKey | ReplicateKey,
    question: Question,
    *,
    trusted: bool,
) -> Verdict:
    match session.capabilities.finding:
        case Finding.NONE:
            return _unclear(
                "the provider cannot find a key again whose creation was not answered;"
                " look for a key there that nothing uses",
                final=True,
            )
        case Finding.NATIVE:
            try:
                outcome = session.execute(create, question.bindings)
            except ProviderError as error:
                return _unclear(f"it was asked again with its token: {error.what}", final=True)
            return Verdict(done=True, outcome=outcome, final=True)
        case Finding.TAGGED | Finding.NAMED:
            return _found(session, create.owner.token, question.since, trusted=trusted)


def _found(
    session: ProviderSession, token: str, since: datetime | None, *, trusted: bool
) -> Verdict:
    """The verdict on the key with a token, which was made not before `since`, if that is known."""
    try:
        key = session.find(token)
    except HiddenCandidateError as error:
        if since is not None and error.made_at < since - SKEW:
            return Verdict(done=False)
        return _unclear(
            f"it cannot be looked for: {_refusal(error)}."
            f" Whoever administers that key can see whether it carries the token {token}"
        )
    except DeniedError as error:
        return _unclear(f"it cannot be looked for: {_refusal(error)}", final=True)
    except ProviderError as error:
        return _unclear(f"it cannot be looked for: {error.what}")
    return Verdict(done=False) if key is None else _yes(key.id, key if trusted else None)


def _reread(
    session: ProviderSession, questions: list[Question], *, trusted: bool
) -> dict[int, Verdict]:
    ids = {item.number: item.bindings.get(item.operation.target, "") for item in questions}
    try:
        keys = session.read([key_id for key_id in ids.values() if key_id])
    except DeniedError as error:
        why = f"the key cannot be read: {_refusal(error)}"
        return {item.number: _unclear(why, final=True) for item in questions}
    except ProviderError as error:
        return {
            item.number: _unclear(f"the key cannot be read: {error.what}") for item in questions
        }
    verdicts: dict[int, Verdict] = {}
    for question in questions:
        key_id = ids[question.number]
        key = keys.get(key_id)
        done = was_done(question.operation, key, question.bindings) if key_id else None
        if done is None:
            verdicts[question.number] = _unclear(_why(key_id, key))
        else:
            seen = key if trusted else None
            verdicts[question.number] = _yes(key_id, seen) if done else Verdict(done=False)
    return verdicts


def _refusal(error: DeniedError) -> str:
    """What is not allowed, and the permission that is missing: asking again changes neither."""
    return ": ".join(part.rstrip(".") for part in (error.what, error.why) if part)


def _why(key_id: str, key: Observation | None) -> str:
    if not key_id:
        return "the key's id is not in the journal"
    if key is None:
        return "the key is not there any more"
    return "the key is neither as it was before nor as it should be afterwards"
