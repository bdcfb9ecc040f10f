"""The loop of an apply: waves of steps, one flush for each, effects only after it.

    ready -> compared with the world -> resolved -> StepStarted, flushed -> lanes
          -> StepSucceeded | StepFailed | StepUndecided -> what they free is ready

Rules: no step starts before its `StepStarted` is durable; results become durable with
the next flush, and before the run ends. After a failure, or when asked to stop, nothing
new starts: what no thread has begun is withdrawn, what is in flight finishes. So it is
when the lease or the journal is lost: what is still answered is kept in memory. A call
that hangs beyond its deadline is given up, undecided. This thread alone keeps the books,
tells the observer, and runs steps that need no call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from keyplan.applying.executor import Attempt, Prepared, perform
from keyplan.applying.flights import Flights
from keyplan.applying.known import Known
from keyplan.applying.lanes import Begun, Crashed, Lanes, Message
from keyplan.applying.leasing import LeaseWatch
from keyplan.applying.live import LiveCheck
from keyplan.applying.options import Surroundings
from keyplan.applying.order import Order
from keyplan.applying.preparing import prepare
from keyplan.applying.record import Recorder
from keyplan.applying.results import Results
from keyplan.applying.telling import Teller
from keyplan.errors import BusyError, StateError
from keyplan.model.operations import (
    AdoptKey,
    ForgetKey,
    RecordAttributes,
    RemoteOperation,
    RenameKey,
    StateOperation,
    is_remote,
)
from keyplan.plans.plan import Step
from keyplan.plans.reports import EventKind, StepResult
from keyplan.state.entries import StepStarted, StepSucceeded

TICK = 0.1
"""Seconds after which a wait for workers is broken off to look for an interrupt."""

LEASE_EVERY = 1.0
"""Seconds between two looks whether the lease is still held, beside those of each flush."""

PAUSED = 5.0
"""A worker looks itself before it begins a step, if nobody did for so many seconds."""

INTERRUPTED = "the run was interrupted"
"""Why a step was not started after somebody asked for the stop."""


class Scheduler:
    """Runs the steps of one plan, once, but for those in `done`.

    `began` says whether anything was started, `lost` why the journal cannot be written any
    more. `held` raises if the lease is lost.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        known: Known,
        live: LiveCheck,
        recorder: Recorder,
        around: Surroundings,
        done: Collection[int],
        held: Callable[[], None],
    ) -> None:
        self._known = known
        self._live = live
        self._recorder = recorder
        self._around = around
        self._order = Order(steps, done)
        self._lease = LeaseWatch(held, around.clock)
        self._lanes = Lanes(
            {name: max(1, item.capabilities.threads) for name, item in around.sessions.items()},
            max(1, around.options.parallelism),
        )
        self._flights = Flights(around.sessions, around.options.deadline)
        self.teller = Teller(around.observer, around.interrupt)
        self._results = Results(
            steps,
            done,
            known=known,
            order=self._order,
            recorder=recorder,
            teller=self.teller,
        )
        self._stop = ""
        self.began = bool(done)
        self.lost: StateError | None = None

    @property
    def interrupted(self) -> bool:
        """Whether somebody's wish to stop left something undone."""
        return self._around.interrupt.is_set and not self._results.whole

    def run(self) -> tuple[StepResult, ...]:
        """Do the steps; a result for each, in their order.

        Raises the reason itself if it stopped before anything was done; nothing was
        recorded then.
        """
        try:
            while True:
                self._heed_interrupt()
                while not self._stop and self._start_wave():
                    self._heed_interrupt()
                if not self._lanes.busy:
                    break
                self._collect()
        finally:
            self._lanes.close()
        self._results.skip_the_rest(self._stop)
        return self._results.in_order()

    # -- starting ------------------------------------------------------------------------

    def _start_wave(self) -> bool:
        """Start what is ready and fits; whether more may have become ready by that alone."""
        prepared = self._prepared(self._wave())
        if not prepared:
            return False
        self.began = True
        for item in prepared:
            self._recorder.add(
                StepStarted(
                    item.step.number,
                    item.step.provider,
                    item.operation,
                    item.inverse,
                    item.settlement,
                    item.expects,
                )
            )
        calls = [item for item in prepared if is_remote(item.operation)]
        for item in calls:
            self._live.written(item.step)
        if calls and not self._flush():
            for item in prepared:
                self._results.skipped(item.step.number, self._stop)
            return False
        settled = False
        for item in prepared:
            operation = item.operation
            if isinstance(operation, RecordAttributes | AdoptKey | ForgetKey | RenameKey):
                self._settle_at_once(item.step, operation)
                settled = True
            else:
                self._submit(item, operation)
        return settled

    def _wave(self) -> list[Step]:
        """What is ready and fits."""
        core: list[Step] = []
        for step in self._order.take():
            if is_remote(step.operation):
                self._lanes.offer(step)
            else:
                core.append(step)
        return [*core, *self._lanes.next()]

    def _prepared(self, wave: list[Step]) -> list[Prepared]:
        """The wave ready to start, or nothing if one of its steps cannot be."""
        prepared, failed = prepare(wave, self._known, self._live)
        if not failed:
            return prepared
        if not self.began:
            raise next(iter(failed.values()))
        for step in wave:
            if step.number in failed:
                self._fail(Attempt(step, error=failed[step.number]))
        return []

    def _submit(self, item: Prepared, operation: RemoteOperation) -> None:
        begin = self._around.clock.monotonic
        self._lanes.submit(item.step, begin, lambda: self._work(item, operation))

    def _work(self, item: Prepared, operation: RemoteOperation) -> Attempt:
        """In a worker: the step, if the process was not paused while another took the lease."""
        around, number = self._around, item.step.number
        try:
            self._lease.require(within=PAUSED)
        except BusyError as error:
            return Attempt(item.step, error=error)
        return perform(
            item,
            operation,
            around.sessions[item.step.provider],
            clock=around.clock,
            deadline=around.options.deadline,
            stopped=lambda: (
                around.interrupt.is_set or self.lost is not None or number in self._results
            ),
        )

    def _settle_at_once(self, step: Step, operation: StateOperation) -> None:
        """A step that changes the state only is done as soon as it is recorded."""
        match operation:
            case AdoptKey(id=key_id) | ForgetKey(id=key_id) | RenameKey(id=key_id):
                pass
            case RecordAttributes(target):
                key_id = self._known.id_of(target) or ""
        self._results.tell(EventKind.STARTED, step)
        self._results.succeeded(step, StepSucceeded(step.number, key_id))

    # -- collecting ----------------------------------------------------------------------

    def _collect(self) -> None:
        messages = self._lanes.messages(TICK)
        for message in messages:
            self._take(message)
        self._heed_interrupt()
        self._check_lease()
        now = self._around.clock.monotonic()
        if not messages:
            self._flush()
            for attempt in self._flights.given_up(now):
                self._lanes.reported(attempt.step)
                self._fail(attempt)
        for flight in self._flights.to_mention(now):
            self._results.tell(EventKind.PROGRESS, flight.step, now - flight.began)

    def _take(self, message: Message) -> None:
        match message:
            case Begun(step):
                self._flights.begun(message)
                self._results.tell(EventKind.STARTED, step)
            case Crashed(error):
                raise error
            case Attempt(step) if step.number in self._results:
                pass  # it was given up; what it says now is for `resume` to find out
            case Attempt(step, outcome):
                self._lanes.reported(step)
                self._flights.landed(step)
                if outcome is None:
                    self._fail(message)
                else:
                    done = StepSucceeded(step.number, outcome.id, outcome.observation)
                    self._results.succeeded(step, done, message.seconds)

    # -- stopping ------------------------------------------------------------------------

    def _heed_interrupt(self) -> None:
        if self._around.interrupt.is_set:
            self._halt(INTERRUPTED)

    def _fail(self, attempt: Attempt) -> None:
        """Failed or undecided: nothing new starts."""
        self._results.failed(attempt)
        how = "is undecided" if attempt.undecided else "failed"
        self._halt(f"step {attempt.step.number} {how}")

    def _check_lease(self) -> None:
        """Somebody may have taken the lease away: then nothing more may begin."""
        if self.lost is None:
            try:
                self._lease.require(within=LEASE_EVERY)
            except BusyError as error:
                self._lose(error)

    def _flush(self) -> bool:
        """Make everything durable; whether it is. After a failure nothing is written again."""
        if self.lost is None:
            try:
                self._recorder.flush()
            except StateError as error:
                self._lose(error)
        return self.lost is None

    def _lose(self, error: StateError) -> None:
        self.lost = error
        self._halt("the journal cannot be written")

    def _halt(self, why: str) -> None:
        """Start nothing more, and take back what no thread has begun."""
        self._stop = self._stop or why
        for number in self._lanes.withdraw():
            self._results.skipped(number, self._stop)
