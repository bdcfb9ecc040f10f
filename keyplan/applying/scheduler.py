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
from keyplan.applying.flights import Flight, hung
from keyplan.applying.known import Known
from keyplan.applying.lanes import Begun, Crashed, Lanes, Message
from keyplan.applying.leasing import LeaseWatch
from keyplan.applying.live import LiveCheck, stale
from keyplan.applying.options import Surroundings
from keyplan.applying.order import Order
from keyplan.applying.record import Recorder, explain
from keyplan.applying.telling import Teller
from keyplan.errors import BusyError, KeyplanError, StateError
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
from keyplan.plans.reports import ApplyEvent, EventKind, StepResult, StepStatus
from keyplan.state.entries import (
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepUndecided,
)

TICK = 0.1
"""Seconds after which a wait for workers is broken off to look for an interrupt."""

PROGRESS = 10.0
"""A step in flight is mentioned again after so many seconds."""

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
        done: Collection[int] = (),
        held: Callable[[], None] = lambda: None,
    ) -> None:
        self._steps = steps
        self._known = known
        self._live = live
        self._recorder = recorder
        self._around = around
        self._order = Order(steps, done)
        self._lease = LeaseWatch(held, around.clock)
        parallelism = max(1, around.options.parallelism)
        self._lanes = Lanes(
            {name: max(1, item.capabilities.threads) for name, item in around.sessions.items()},
            parallelism,
        )
        self._core: list[Step] = []
        self._results: dict[int, StepResult] = {
            step.number: StepResult(step, StepStatus.SUCCEEDED)
            for step in steps
            if step.number in done
        }
        self._in_flight: dict[int, Flight] = {}
        self._numbered = {step.number: step for step in steps}
        self._stop = ""
        self.began = bool(done)
        self.teller = Teller(around.observer, around.interrupt)
        self.lost: StateError | None = None

    @property
    def interrupted(self) -> bool:
        """Whether somebody's wish to stop left something undone."""
        return self._around.interrupt.is_set and any(
            result.status is not StepStatus.SUCCEEDED for result in self._results.values()
        )

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
        self._skip_the_rest()
        return tuple(self._results[step.number] for step in self._steps)

    # -- starting ------------------------------------------------------------------------

    def _start_wave(self) -> bool:
        """Start what is ready and fits; whether more may have become ready by that alone."""
        for step in self._order.take():
            if is_remote(step.operation):
                self._lanes.offer(step)
            else:
                self._core.append(step)
        wave = [*self._core, *self._lanes.next()]
        self._core = []
        prepared = self._prepare(wave) if wave else []
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
                self._skip(item.step.number, self._stop)
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

    def _prepare(self, wave: list[Step]) -> list[Prepared]:
        """The wave ready to start, or nothing if one of its steps cannot be."""
        failed: dict[int, KeyplanError] = {}
        prepared: list[Prepared] = []
        try:
            moved = self._live.again(wave)
        except KeyplanError as error:
            moved, failed = [], {step.number: error for step in wave if step.expects}
        if moved:
            gone = stale(moved)
            failed = {step.number: gone for step in wave if step.address in moved}
        for step in wave:
            if step.number in failed:
                continue
            try:
                prepared.append(self._resolved(step))
            except KeyplanError as error:
                failed[step.number] = error
        if not failed:
            return prepared
        if not self.began:
            raise next(iter(failed.values()))
        for step in wave:
            if step.number in failed:
                self._fail(Attempt(step, error=failed[step.number]))
        return []

    def _resolved(self, step: Step) -> Prepared:
        return Prepared(
            step=step,
            operation=self._known.resolved_operation(step.operation),
            inverse=self._known.resolved_inverse(step.inverse),
            settlement=self._known.resolved_settlement(step.settlement),
            bindings=self._known.bindings(step.operation) if is_remote(step.operation) else {},
            expects=self._live.expects(step),
        )

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
        self._tell(EventKind.STARTED, step)
        self._succeed(step, StepSucceeded(step.number, key_id))

    # -- collecting ----------------------------------------------------------------------

    def _collect(self) -> None:
        messages = self._lanes.messages(TICK)
        for message in messages:
            self._take(message)
        self._heed_interrupt()
        self._check_lease()
        if not messages:
            self._flush()
            self._give_up_what_hangs()
        self._report_progress()

    def _take(self, message: Message) -> None:
        match message:
            case Begun(step, at, thread):
                self._in_flight[step.number] = Flight(step, at, at, thread)
                self._tell(EventKind.STARTED, step)
            case Crashed(error):
                raise error
            case Attempt(step) if step.number in self._results:
                pass  # it was given up; what it says now is for `resume` to find out
            case Attempt(step, outcome):
                self._lanes.reported(step)
                self._in_flight.pop(step.number, None)
                if outcome is None:
                    self._fail(message)
                else:
                    done = StepSucceeded(step.number, outcome.id, outcome.observation)
                    self._succeed(step, done, message.seconds)

    def _succeed(self, step: Step, entry: StepSucceeded, seconds: float = 0.0) -> None:
        self._recorder.add(entry)
        self._known.learn(step.operation.target, entry.id, entry.observation)
        self._order.succeeded(step.number)
        self._results[step.number] = StepResult(step, StepStatus.SUCCEEDED, seconds=seconds)
        self._tell(EventKind.COMPLETE, step, seconds)

    def _fail(self, attempt: Attempt) -> None:
        """Failed or undecided: nothing new starts."""
        step, error = attempt.step, attempt.error
        if error is None:
            raise AssertionError("an attempt has an outcome or an error")
        text = explain(error)
        if attempt.undecided:
            status = StepStatus.UNDECIDED
            self._recorder.add(StepUndecided(step.number, error.error_class, text))
        else:
            status = StepStatus.FAILED
            self._recorder.add(StepFailed(step.number, error.error_class, text))
        self._results[step.number] = StepResult(
            step, status, error.error_class, text, error.advice, attempt.seconds
        )
        self._tell(
            EventKind.ERRORED, step, attempt.seconds, error_class=error.error_class, message=text
        )
        self._halt(f"step {step.number} {'is undecided' if attempt.undecided else 'failed'}")

    # -- stopping ------------------------------------------------------------------------

    def _heed_interrupt(self) -> None:
        if self._around.interrupt.is_set:
            self._halt(INTERRUPTED)

    def _give_up_what_hangs(self) -> None:
        """Wait no longer for a call that was overdue at two looks: its answer is lost."""
        for flight in list(self._in_flight.values()):
            step, late = flight.step, flight.late
            flight.late = self._around.sessions[step.provider].overdue(flight.thread)
            if not (late and flight.late):
                continue
            seconds = self._around.clock.monotonic() - flight.began
            error = hung(step, self._around.options.deadline)
            self._lanes.reported(step)
            del self._in_flight[step.number]
            self._fail(Attempt(step, error=error, undecided=True, seconds=seconds))

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
            self._skip(number, self._stop)

    def _skip(self, number: int, why: str) -> None:
        self._recorder.add(StepSkipped(number, why))
        self._results[number] = StepResult(
            self._numbered[number], StepStatus.SKIPPED, message=f"not started: {why}"
        )

    def _skip_the_rest(self) -> None:
        """Everything without a result was never started; say what it waited for."""
        broken = [
            number
            for number, result in self._results.items()
            if result.status in (StepStatus.FAILED, StepStatus.UNDECIDED)
        ]
        behind = self._order.behind(sorted(broken))
        for number in self._numbered:
            if number not in self._results:
                origin = behind.get(number)
                self._skip(number, self._stop if origin is None else f"it depends on step {origin}")

    def _report_progress(self) -> None:
        """Mention steps that have been running for long, each every `PROGRESS` seconds."""
        now = self._around.clock.monotonic()
        for flight in self._in_flight.values():
            if now - flight.mentioned >= PROGRESS:
                flight.mentioned = now
                self._tell(EventKind.PROGRESS, flight.step, now - flight.began)

    def _tell(self, kind: EventKind, step: Step, seconds: float = 0.0, **error: str) -> None:
        done, total = len(self._results), len(self._steps)
        self.teller.tell(ApplyEvent(kind, step, done, total, seconds, **error))
