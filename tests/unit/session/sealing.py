"""What the tests of sealed stores share: states, runs and journals with a canary in them."""

from __future__ import annotations

import json
from pathlib import Path

from keyplan.session.sealed import SealedStore
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.model import State
from keyplan.state.unlocking import Opener
from keyplan.testing.memory_store import Medium
from keyplan.testing.store_contract import lease_info

CANARY = b"canary-label-value"
LINEAGE = "6f1c9b52-6d2e-4a55-9b6e-0d1a5f7e8c11"


def key_file(folder: Path, name: str = "state.key", byte: int = 7) -> Opener:
    path = folder / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(bytes([byte]) * 32)
    return Opener(key_file=path)


def state(serial: int, *runs: str) -> bytes:
    outputs = {"label": CANARY.decode()}
    found = State(LINEAGE, serial, outputs=outputs, closed_runs=runs)
    return encode_state(found, keyplan_version="0.1.0")


def head(run: str, serial: int) -> bytes:
    entry = {"kind": "run_started", "run": run, "lineage": LINEAGE, "serial": serial}
    return json.dumps({"seq": 1, "prev": "", "entry": entry}).encode()


def commit(store: SealedStore, content: bytes, *runs: bytes) -> None:
    lease = store.acquire(lease_info())
    blob = store.inner.load()
    store.commit(content, expected=blob and blob.version, lease=lease)
    lease.release()


def run(store: SealedStore, name: str, serial: int, *, closed: bool = True) -> None:
    """A run that began at a serial."""
    lease = store.acquire(lease_info())
    store.append(name, [head(name, serial), CANARY], lease=lease)
    if closed:
        store.archive(name, lease=lease)
    lease.release()


def everything(medium: Medium) -> bytes:
    return b"".join([*medium.states, *medium.logs.values()])


def filled(store: SealedStore) -> None:
    run(store, "run-1", 0)
    commit(store, state(1, "run-1"))
    commit(store, state(2, "run-1"))
    run(store, "run-2", 2, closed=False)


def reads_all(store: SealedStore) -> None:
    found = store.load()
    assert found is not None
    assert decode_state(found.content).serial == 2
    for version in store.versions():
        assert CANARY in (store.content(version) or b"")
    for log in ("run-1", "run-2"):
        assert store.read_log(log).count(CANARY) == 1
