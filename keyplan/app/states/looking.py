"""What the state holds, what runs made of it, and whether all of it fits together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from keyplan import __version__
from keyplan.app.workspace import Workspace
from keyplan.errors import SealedJournalError, StateError, StoreError, UnknownNameError
from keyplan.model.address import Address, matches
from keyplan.plans.history import Problem, Run, RunOutcome
from keyplan.sdk.store import Store
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.entries import Entry, RunEnded, StepFailed, StepSucceeded
from keyplan.state.integrity import verify
from keyplan.state.model import ResourceState, State
from keyplan.state.rebuilding import misfit, newest_state, present_state, state_of_serial
from keyplan.state.runs import RunJournal, read_runs, strays
from keyplan.state.snapshot import check_name, check_newest, restoring

_NOT_NEEDED = (
    "The state is sound without it: only the history of this run and its rollback are lost. Put"
    " it back from a backup; if there is none, take it away."
)
_LOST = (
    "If there is none, what this run did is for the next plan to find. To go on without it:"
    " keyplan state pull > kept.json, then keyplan state push --force kept.json"
)


def list_keys(workspace: Workspace, pattern: str = "") -> list[ResourceState]:
    """The keys of the state, by address; `pattern` is an address, `*` matches anything."""
    resources = workspace.snapshot().state.resources
    return [
        item
        for address, item in sorted(resources.items())
        if not pattern or matches(pattern, address)
    ]


def one_key(workspace: Workspace, address: str) -> ResourceState:
    """One key of the state. Raises `UnknownNameError` if it is not there."""
    resources = workspace.snapshot().state.resources
    found = resources.get(Address(address)) if _is_address(address) else None
    if found is None:
        raise UnknownNameError(
            f"the state does not hold {address}", advice="See what it holds: keyplan state list"
        )
    return found


def _is_address(text: str) -> bool:
    try:
        Address(text)
    except ValueError:
        return False
    return True


def pull(workspace: Workspace, serial: int | None = None) -> bytes:
    """The file of the present state as it is, or that of an earlier serial.

    An earlier one is what was kept, or what its journals make of one that was. Raises
    `StateError` if there is none.
    """
    store = workspace.store
    if serial is not None:
        return encode_state(state_of_serial(store, serial), keyplan_version=__version__)
    blob = store.load()
    if blob is None:
        raise StateError("there is no state yet", target=store.describe())
    return blob.content


# -- history -------------------------------------------------------------------------------


def history(workspace: Workspace) -> list[Run]:
    """Every run whose journal is there, newest first; one that cannot be read says why."""
    store = workspace.store
    opened, closed = store.open_logs(), store.closed_logs()
    runs = [_run_of(item, frozenset(closed)) for item in read_runs(store, (*closed, *opened))]
    return sorted(runs, key=lambda run: (run.at, run.serial, run.id), reverse=True)


def _run_of(item: RunJournal, closed: frozenset[str]) -> Run:
    if isinstance(item.error, SealedJournalError):
        return Run(item.run, RunOutcome.SEALED, problem=item.error.advice)
    if item.error is not None:
        return Run(item.run, RunOutcome.UNREADABLE, problem=item.error.what)
    head, entries = item.head, item.entries
    if head is None:
        return Run(item.run, RunOutcome.EMPTY)
    end = entries[-1]
    outcome = RunOutcome.PUT_AWAY if item.run in closed else RunOutcome.OPEN
    if isinstance(end, RunEnded):
        outcome = RunOutcome(end.outcome)
    return Run(
        id=item.run,
        outcome=outcome,
        operation=head.operation,
        holder=head.holder,
        at=head.at,
        serial=head.serial,
        done=_count(entries, StepSucceeded),
        failed=_count(entries, StepFailed),
        allowed=head.allowed,
    )


def _count(entries: Sequence[Entry], kind: type[Entry]) -> int:
    return sum(isinstance(entry, kind) for entry in entries)


# -- soundness -----------------------------------------------------------------------------


def check_state(workspace: Workspace) -> list[Problem]:
    """Everything that is wrong with the state, its kept versions and its journals."""
    store = workspace.store
    problems: list[Problem] = []
    present = _present(store, problems)
    problems += _journals(store, present)
    if present is None:
        problems += _recovery(store)
    problems += _versions(store)
    return problems


def _recovery(store: Store) -> Iterator[Problem]:
    """What can be put in the place of a state that cannot be used, and by which command."""
    found = present_state(store)
    newest = None if found.newer is not None else newest_state(store)
    if newest is None:
        return
    said, advice = f"serial {newest.serial} can be made again", restoring(newest.serial)
    if found.lineage == newest.lineage and found.serial > newest.serial:
        said += f", and this machine has seen serial {found.serial}"
        advice = (
            f"If you have the state of serial {found.serial}: keyplan state push FILE\nIf it is"
            f" lost: keyplan state pull --serial {newest.serial} > kept.json, then keyplan state"
            " push --force kept.json"
        )
    yield Problem("recovery", said, advice)


def _present(store: Store, problems: list[Problem]) -> State | None:
    closed_logs = store.closed_logs()
    state: State | None = None
    try:
        if (blob := store.load()) is not None:
            state = decode_state(blob.content)
            verify(state)
        check_newest(store, state, closed_logs)
    except StoreError:
        raise
    except StateError as error:
        problems.append(Problem("state", f"{error.what}. {error.why}".strip(), error.advice))
        return None
    return state


def _journals(store: Store, present: State | None) -> Iterator[Problem]:
    """What is wrong with journals, and which runs did not end."""
    sealed = 0
    for item in read_runs(store, store.closed_logs()):
        if isinstance(item.error, SealedJournalError):
            sealed += 1
        elif item.error is not None:
            advice = item.error.advice if present is None else _NOT_NEEDED
            yield Problem(f"journal {item.run}", item.error.what, advice)
        elif item.torn:
            yield Problem(
                f"journal {item.run}", "its last line is cut off", "Restore it from a backup."
            )
    if sealed:
        yield Problem(
            f"{sealed} {'journal is' if sealed == 1 else 'journals are'} sealed",
            "from before the state was unsealed",
            "Nothing needs to be done. To read one, write `sealed` beside the store again as it"
            " was, for that command only.",
            matters=False,
        )
    for item in read_runs(store, store.open_logs()):
        yield _open(store, item, present)
    opened, closed = store.open_logs(), store.closed_logs()
    for log in strays([*closed, *opened]):
        yield _stray(store, log, present, opened=log in opened, known={*opened, *closed})


def _stray(
    store: Store, log: str, present: State | None, *, opened: bool, known: Collection[str]
) -> Problem:
    try:
        if opened:
            check_name(store, present, log, known=known)
    except StateError as error:
        return Problem(f"journal {log}", f"{error.what}. {error.why}", error.advice)
    return Problem(
        f"journal {log}",
        "it is not called as keyplan calls a journal, and nothing in it counts",
        "Somebody else put it there: look at it, then take it away.",
        matters=False,
    )


def _open(store: Store, item: RunJournal, present: State | None) -> Problem:
    if present is not None and item.run in present.closed_runs:
        return Problem(
            f"run {item.run}",
            "it ended and is in the state; only its journal waits to be archived",
            "Nothing needs to be done: the next apply archives it, and so does keyplan resume.",
            matters=False,
        )
    if item.error is not None:
        return Problem(f"run {item.run}", item.error.what, f"{item.error.advice}\n{_LOST}")
    advice = ""
    if present is not None and item.head is not None:
        advice = misfit(store, item.head, present)
    if advice:
        return Problem(f"run {item.run}", "it began with another state than this one", advice)
    return Problem(
        f"run {item.run}",
        "it did not end, or is going on",
        "When nobody runs it: keyplan resume, or keyplan rollback",
    )


def _versions(store: Store) -> Iterator[Problem]:
    """Kept versions that cannot be gone back to. The present one is looked at elsewhere."""
    for version in store.versions()[:-1]:
        try:
            verify(decode_state(store.content(version) or b""))
        except StateError as error:
            yield Problem(
                f"kept version {version[:12]}",
                error.what,
                "It is not needed, as long as the present state is sound.",
                matters=False,
            )
