"""Behind `keyplan hsm`: finding the store and its PIN, reading input, writing results."""

from __future__ import annotations

import base64
import binascii
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from keyplan.errors import NotFoundError, RejectedError, UsageError
from keyplan.model.printable import printable
from keyplan.model.secrets import SecretReference
from keyplan_hsm.dataplane import DataPlane
from keyplan_hsm.device import Device
from keyplan_hsm.opening import running_clock
from keyplan_hsm.settings import OFFICER
from keyplan_hsm.unlocking import Unlocker

PIN_VARIABLE = "KEYPLAN_HSM_PIN"
"""Where the PIN is looked for if no option says where it is."""


@dataclass(frozen=True, slots=True)
class Where:
    """A store and its PIN, as options name them."""

    store: Path
    pin_env: str = ""
    pin_file: Path | None = None

    def pin(self, *, sealed_by: str | None) -> SecretReference | None:
        """Where the PIN is. `sealed_by` is how the store is sealed; `None` if it is new."""
        if self.pin_env and self.pin_file is not None:
            raise UsageError("give either --pin-env or --pin-file")
        if self.pin_env or self.pin_file is not None:
            return SecretReference(env=self.pin_env, file=str(self.pin_file or ""))
        if sealed_by != "file" and os.environ.get(PIN_VARIABLE):
            return SecretReference(env=PIN_VARIABLE)
        return None


def device(where: Where, *, read_only: bool = False, may_be_new: bool = False) -> Device:
    """The HSM of a store. Raises `NotFoundError` if there is none and it may not be new."""
    path = where.store.expanduser().absolute()
    clock = running_clock(datetime.now(UTC), time.monotonic)
    looking = Device(Unlocker(path), clock=clock, name=str(where.store), read_only=True)
    try:
        facts = looking.facts()
    finally:
        looking.close()
    if facts is None and not may_be_new:
        raise NotFoundError(
            "there is no HSM store here",
            target=str(where.store),
            advice="`keyplan apply` makes it with the first key, and `keyplan hsm init` an empty "
            "one; --store says where it is.",
        )
    pin = where.pin(sealed_by=None if facts is None else str(facts.lock["kind"]))
    return Device(Unlocker(path, pin), clock=clock, name=str(where.store), read_only=read_only)


def initialise(where: Where) -> str:
    """Make a store; what was made, for people. Raises `RejectedError` if there is one."""
    made = device(where, may_be_new=True)
    try:
        if made.facts() is not None:
            raise RejectedError(
                "there is an HSM here already",
                target=str(where.store),
                advice="Use another --store, or `keyplan hsm status` to see what it holds.",
            )
        made.unlock()
        facts = made.facts()
    finally:
        made.close()
    if facts is None:
        raise RejectedError("the HSM could not be made", target=str(where.store))
    sealed = "its PIN" if facts.lock["kind"] == "pin" else f"{where.store.name}.unlock beside it"
    return (
        f"Made the HSM emulator {facts.serial} in {printable(str(where.store))}, unlocked by "
        f"{printable(sealed)}.\n"
        "It is software for development and tests, not hardware."
    )


@contextmanager
def data_plane(where: Where, identity: str) -> Iterator[DataPlane]:
    """The data plane of a store, closed afterwards."""
    opened = device(where)
    try:
        yield DataPlane(opened, identity or OFFICER)
    finally:
        opened.close()


def pairs(items: Sequence[str] | None) -> dict[str, str]:
    """`["tenant=acme"]` as a map. Raises `UsageError`."""
    context = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--context {item!r} is not NAME=VALUE")
        context[name] = value
    return context


def read(path: Path | None) -> bytes:
    """The octets of a file, or of stdin. Raises `UsageError` for a file that cannot be read."""
    if path is None:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def read_base64(path: Path | None) -> bytes:
    """The same, decoded from base64."""
    try:
        return base64.b64decode(b"".join(read(path).split()), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(
            f"{path or 'the input'} is not base64",
            advice="Pass on what the other command printed, without --raw.",
        ) from None


def write(octets: bytes, *, raw: bool) -> None:
    """A result, to stdout."""
    if raw:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    else:
        typer.echo(base64.b64encode(octets).decode())


def say_valid(*, valid: bool) -> None:
    """The result of a check; exit code 1 if it failed."""
    typer.echo("valid" if valid else "NOT valid")
    if not valid:
        raise typer.Exit(1)
