"""Where the stacks of the crash tests live: a provider and a store, fresh for each case.

Rules: cases never share anything but servers. Each has a folder, a state, and on AWS an
account of its own.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from keyplan.app.workspace import Workspace
from keyplan.sdk.store import LeaseInfo, Store
from keyplan.state.entries import StepFailed, StepSkipped, StepStarted, StepSucceeded
from keyplan.state.journal import JournalReading, read_journal
from keyplan.state.snapshot import load_snapshot
from tests.crash.processes import Ended, Forge
from tests.crash.stacks import stack

DECIDED = (StepSucceeded, StepFailed, StepSkipped)


@dataclass
class Place:
    """One stack of one case. `block` says where its state is."""

    provider: str
    kind: str
    folder: Path
    block: str
    environment: Mapping[str, str]
    account: str

    @cached_property
    def store(self) -> Store:
        """The store, as this process sees it."""
        return Workspace(self.folder, environment=self.environment).store

    def declare(self, which: str) -> None:
        """Write the stack that is wanted from now on."""
        text = stack(which, self.provider, self.block, account=self.account)
        (self.folder / "keyplan.yaml").write_text(text)

    @property
    def serial(self) -> int:
        """The serial of the committed state; 0 if there is none."""
        blob = self.store.load()
        return 0 if blob is None else int(json.loads(blob.content)["serial"])

    @property
    def open_run(self) -> str:
        """The run that did not end, if there is one; an ended one may only not be archived."""
        return load_snapshot(self.store, new_lineage=lambda: "none").open_run or ""

    @property
    def last_run(self) -> str:
        """The run that was closed last."""
        return load_snapshot(self.store, new_lineage=lambda: "none").state.closed_runs[-1]

    def journal(self, run: str) -> JournalReading:
        """What a run has recorded durably."""
        return read_journal(self.store.read_log(run), run=run)

    @property
    def begun(self) -> set[int]:
        """Steps of the open run that were started, and of which no result is durable."""
        found: set[int] = set()
        entries = self.journal(self.open_run).entries if self.open_run else ()
        for entry in entries:
            if isinstance(entry, StepStarted):
                found.add(entry.step)
            elif isinstance(entry, DECIDED):
                found.discard(entry.step)
        return found

    def free(self) -> None:
        """The dead holder's lease ends: by itself, or in a service as an operator ends it."""
        if self.kind != "local":
            holder = self.store.holder()
            if holder is not None:
                self.store.unlock(holder.id)
            return
        until = time.monotonic() + 30
        while self.store.holder() is not None:
            assert time.monotonic() < until, "the lease of a dead process is still held"
            time.sleep(0.01)

    def copy(self, other: Place) -> None:
        """Become the same as another place: its HSM, its last state, its closed journals."""
        shutil.copytree(other.folder / ".keyplan", self.folder / ".keyplan", symlinks=True)
        shutil.rmtree(self.folder / ".keyplan" / "journal", ignore_errors=True)
        blob = other.store.load()
        assert blob is not None
        info = LeaseInfo("copy", "tests@here", "copy", datetime.now(UTC))
        lease = self.store.acquire(info)
        try:
            self.store.commit(blob.content, expected=None, lease=lease)
        finally:
            lease.release()


@dataclass
class Land:
    """All places of one provider and one kind of store."""

    provider: str
    kind: str
    forge: Forge
    root: Path
    environment: Mapping[str, str]
    bucket: Any = None
    account: int = 100_000_000_000
    number: int = field(default=0)

    def place(self) -> Place:
        """A new, empty one."""
        self.number += 1
        folder = self.root / f"{self.number:05d}"
        folder.mkdir()
        account = str(self.account + self.number)
        environment = dict(self.environment)
        if self.provider == "aws":
            environment |= _credentials(environment, account)
        return Place(self.provider, self.kind, folder, self._block(), environment, account)

    def _block(self) -> str:
        match self.kind:
            case "local":
                return ""
            case "s3":
                return (
                    f"keyplan:\n  state:\n    s3: {{bucket: {self.bucket.settings.bucket},"
                    f" key: stacks/{self.number}, region: us-east-1,"
                    f" endpoint_url: '{self.bucket.settings.endpoint_url}'}}\n"
                )
            case _:
                return (
                    "keyplan:\n  state:\n"
                    f"    postgres: {{stack: s{self.number}, url: {{env: KEYPLAN_STATE_URL}}}}\n"
                )

    def run(self, place: Place, *argv: str, **kill: Any) -> Ended:
        """A command line in a place."""
        return self.forge.run(argv, place.folder, place.environment, **kill)

    def picture(self, place: Place) -> dict[str, Any]:
        """What there is; see `tests.crash.picture`."""
        ended = self.run(place, "picture")
        assert ended.code == 0, str(ended)
        found: dict[str, Any] = json.loads(ended.out)
        return found


def _credentials(environment: Mapping[str, str], account: str) -> dict[str, str]:
    """Those of an account that nobody has used: moto makes it when it is first seen."""
    sts = boto3.client(
        "sts",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    try:
        answer = sts.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/deployer", RoleSessionName="keyplan"
        )
    finally:
        sts.close()
    given = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
