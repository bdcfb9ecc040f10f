"""Edits of the state itself. No key is touched by any of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from keyplan.app.apply import holder
from keyplan.app.workspace import Workspace
from keyplan.applying.editing import (
    began_nothing,
    edit_state,
    finish_replacement,
    replace_state,
)
from keyplan.applying.leasing import leased
from keyplan.errors import BusyError, JournalError, StateError, UnknownNameError, UsageError
from keyplan.model.address import Address
from keyplan.model.operations import ForgetKey, RenameKey
from keyplan.sdk.store import Lease, LeaseInfo, Store
from keyplan.state.codec import decode_state
from keyplan.state.entries import RunStarted
from keyplan.state.integrity import verify
from keyplan.state.model import ResourceState, State, StateSnapshot
from keyplan.state.rebuilding import Present, lineage_of, newest_state, present_state
from keyplan.state.runs import read_runs
from keyplan.state.snapshot import archive_closed_runs, load_snapshot

LARGEST = 512 * 1024 * 1024
"""A file larger than this many bytes is not a state."""


def move(workspace: Workspace, source: str, target: str, *, lock_timeout: float) -> State:
    """Give a key of the state another address. Raises `UnknownNameError`, `StateError`."""
    snapshot = workspace.idle_snapshot()
    found = _resource(snapshot.state, source)
    new = _address(target)
    if new in snapshot.state.resources:
        raise StateError(
            f"the state holds {new} already", advice="Give it another address, or remove that one."
        )
    rename = RenameKey(new, found.address, found.id)
    return _edit(workspace, snapshot, [rename], "state mv", lock_timeout)


def remove(workspace: Workspace, addresses: Sequence[str], *, lock_timeout: float) -> State:
    """Drop keys from the state; the keys stay as they are, and so does keyplan's mark."""
    snapshot, found = _removable(workspace, addresses)
    forget = [ForgetKey(item.address, item.id) for item in found]
    return _edit(workspace, snapshot, forget, "state rm", lock_timeout)


def check_removable(workspace: Workspace, addresses: Sequence[str]) -> None:
    """Raise what `remove` would, before anybody is asked."""
    _removable(workspace, addresses)


def _removable(
    workspace: Workspace, addresses: Sequence[str]
) -> tuple[StateSnapshot, list[ResourceState]]:
    snapshot = workspace.idle_snapshot()
    found = [_resource(snapshot.state, address) for address in dict.fromkeys(addresses)]
    gone = {item.address for item in found}
    for item in snapshot.state.resources.values():
        below = gone.intersection(item.dependencies)
        if below and item.address not in gone:
            raise StateError(
                f"{item.address} depends on {min(below)}, which would be forgotten",
                advice=f"Forget both: keyplan state rm '{min(below)}' '{item.address}'",
            )
    return snapshot, found


def push(workspace: Workspace, content: bytes, *, force: bool, lock_timeout: float) -> State:
    """Put another state in the place of the present one.

    Without `force` it must be keyplan's own writing, of the same lineage and not older than
    what is known. With it, journals of runs that cannot belong to it are no obstacle: those of
    another stack are put away, those that began later wait for `resume`. Raises `StateError`
    that says which, `BusyError` for an open run.
    """
    pushed = decode_state(content, edited=force)
    verify(pushed)
    store, clock = workspace.store, workspace.clock
    with leased(
        store, holder=holder(), operation="state push", timeout=lock_timeout, clock=clock
    ) as lease:
        finished = finish_replacement(store, lease)
        if finished is not None and finished.content.encode() == content:
            return load_snapshot(store, new_lineage=lambda: "none").state
        present = present_state(store)
        own = lineage_of(store, present) or pushed.lineage
        runs = _open_runs(store, present.state, lease)
        if pushed.lineage == own and any(
            _belongs(pushed, present, run, head) for run, head in runs.items()
        ):
            return _save(store, content, pushed, present.version, lease)
        later = _put_away(store, pushed, runs, lease) if force else 0
        _check_idle(runs, store)
        newest = _newest(store, own, present)
        if not force:
            _check_newer(present)
            _check_lineage(own, pushed, store)
            _check_serial(newest, pushed, store)
            _check_other(present, pushed, store)
        base = present.state
        if base is None or base.lineage != own:
            base = State(own, closed_runs=pushed.closed_runs)
        serial = max(newest, base.serial, pushed.serial, _counted(store, own), later)
        at = StateSnapshot(State(own, serial, closed_runs=base.closed_runs), present.version)
        return replace_state(store, at, content, lease, holder=holder(), edited=force, clock=clock)


def unlock(workspace: Workspace, lease_id: str) -> None:
    """Take the lock away from whoever holds it, who cannot write any more."""
    workspace.store.unlock(lease_id)


def lock_holder(workspace: Workspace) -> LeaseInfo | None:
    """Who holds the state."""
    return workspace.store.holder()


# -- checks --------------------------------------------------------------------------------


def _edit(
    workspace: Workspace,
    snapshot: StateSnapshot,
    operations: Sequence[RenameKey | ForgetKey],
    operation: str,
    lock_timeout: float,
) -> State:
    return edit_state(
        workspace.store,
        operations,
        operation=operation,
        holder=holder(),
        expected=snapshot.version,
        lock_timeout=lock_timeout,
        clock=workspace.clock,
    )


def _resource(state: State, written: str) -> ResourceState:
    found = next((item for address, item in state.resources.items() if address == written), None)
    if found is None:
        raise UnknownNameError(
            f"the state does not hold {written}", advice="See what it holds: keyplan state list"
        )
    return found


def _address(written: str) -> Address:
    try:
        return Address(written)
    except ValueError as error:
        raise UsageError(f"{error}", advice='Write it as key.name or key.name["x"].') from None


def _open_runs(store: Store, present: State | None, lease: Lease) -> dict[str, RunStarted | None]:
    """Runs that did not end, with their beginning if it can be read.

    The journals of those that did nothing are put away: no state is lost with them.
    """
    closed = () if present is None else present.closed_runs
    found: dict[str, RunStarted | None] = {}
    for item in read_runs(store, (log for log in store.open_logs() if log not in closed)):
        if item.error is None and began_nothing(item.entries):
            store.archive(item.run, lease=lease)
        elif item.error is None or isinstance(item.error, JournalError):
            found[item.run] = item.head
        else:
            raise item.error
    return found


def _counted(store: Store, lineage: str) -> int:
    """The serial after the last run that is known, also where its state cannot be made again."""
    ended = [head for item in read_runs(store, store.closed_logs()) if (head := item.ended)]
    return max((head.serial + 1 for head in ended if head.lineage == lineage), default=0)


def _put_away(store: Store, pushed: State, runs: dict[str, RunStarted | None], lease: Lease) -> int:
    """Take out the open runs that cannot have begun with a state there was or is.

    The journals of another stack, and those that nobody can read, are archived; those of
    later serials stay. Returns the serial after theirs.
    """
    later = 0
    for run, head in list(runs.items()):
        if head is None or head.lineage != pushed.lineage:
            store.archive(run, lease=lease)
            del runs[run]
        elif head.serial > pushed.serial:
            later = max(later, head.serial + 1)
            del runs[run]
    return later


def _newest(store: Store, own: str, present: Present) -> int:
    """The serial of the newest state that is known, here or from what this machine has seen."""
    known = newest_state(store)
    newest = known.serial if known is not None and known.lineage == own else 0
    return max(newest, present.serial if present.lineage == own else 0)


def _belongs(pushed: State, found: Present, run: str, head: RunStarted | None) -> bool:
    """Whether it is the state that an open run began with, or left, and what is there is not."""
    present = found.state
    if found.newer is not None or (
        found.lineage == pushed.lineage and pushed.serial < found.serial
    ):
        return False
    same = present is not None and present.lineage == pushed.lineage
    if present is not None and same and present.serial >= pushed.serial:
        return False
    left = run in pushed.closed_runs
    if head is None:  # the journal is lost; the run wrote its state into a file
        return left and present is not None and same and pushed.serial == present.serial + 1
    return head.lineage == pushed.lineage and pushed.serial == head.serial + (1 if left else 0)


def _save(store: Store, content: bytes, pushed: State, version: str | None, lease: Lease) -> State:
    """The state before or after a run that is open: `resume` goes on from there."""
    store.commit(content, expected=version, lease=lease)
    archive_closed_runs(store, pushed, lease=lease)
    return pushed


def _check_idle(runs: Collection[str], store: Store) -> None:
    if runs:
        raise BusyError(
            f"run {min(runs)} did not end",
            target=store.describe(),
            why="What it did would be forgotten.",
            advice="Finish it first: keyplan resume, or take it back: keyplan rollback",
        )


def _check_newer(present: Present) -> None:
    """What a newer keyplan wrote is sound, and whether it is older nobody here can tell."""
    if present.newer is not None:
        present.newer.advice += (
            "\nIf yours is meant to replace it all the same: keyplan state push --force FILE"
        )
        raise present.newer


def _check_lineage(own: str, pushed: State, store: Store) -> None:
    if pushed.lineage != own:
        raise StateError(
            "this is the state of another stack",
            target=store.describe(),
            why=f"It has lineage {pushed.lineage}; this stack has {own}, as its journals say.",
            advice="If it is meant all the same: keyplan state push --force FILE",
        )


def _check_serial(newest: int, pushed: State, store: Store) -> None:
    if pushed.serial < newest:
        raise StateError(
            f"this state is older than the newest that is known: serial {pushed.serial}, not"
            f" {newest}",
            target=store.describe(),
            why="What later runs did would be forgotten, and keys could be made twice.",
            advice="If it is meant all the same: keyplan state push --force FILE",
        )


def _check_other(found: Present, pushed: State, store: Store) -> None:
    """A sound state of this stack is only replaced by a newer one."""
    present = found.state if found.sound else None
    if present is None or present == pushed or present.lineage != pushed.lineage:
        return
    if present.serial >= pushed.serial:
        raise StateError(
            f"another state of serial {present.serial} is there, and it is sound",
            target=store.describe(),
            advice="If yours is meant all the same: keyplan state push --force FILE",
        )
