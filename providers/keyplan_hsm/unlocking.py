"""Where the secret comes from that opens a store: a PIN, or the unlock file beside it.

Rules: nothing is resolved before it is needed, so that planning needs no PIN; an unlock
file is only made together with its store, and making one is said out loud, because
whoever has both files has the keys.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keyplan.errors import UnauthenticatedError
from keyplan.model.secrets import Secret, SecretReference
from keyplan_hsm.private_files import check_private, make_file
from keyplan_hsm.sealing import KEY_SIZE, StoreKeys, check_pin, seal, unseal
from keyplan_hsm.store_errors import not_made

LOG = logging.getLogger("keyplan.hsm")


@dataclass(frozen=True, slots=True)
class Unlocker:
    """How one store is opened. `environment` is looked into before the process's own."""

    store: Path
    pin: SecretReference | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The unlock file that a store without a PIN has."""
        return self.store.with_name(self.store.name + ".unlock")

    def lock(self) -> tuple[dict[str, Any], StoreKeys]:
        """Seal a new store: with the PIN if there is one, else with a new unlock file."""
        if self.pin is not None:
            return seal(self._pin(self.pin), "pin")
        if not self.file.exists():
            try:
                make_file(self.file, os.urandom(KEY_SIZE))
            except OSError as error:
                raise not_made(self.file, error) from None
            LOG.warning(
                "No PIN is set: %s now unlocks the HSM emulator. Keep it as safe as the keys, "
                "apart from copies of %s, or give the provider a `pin`.",
                self.file,
                self.store.name,
            )
        return seal(self._file(), "file")

    def check(self) -> None:
        """Raise where a new store could not be sealed with the PIN, before anything is done."""
        if self.pin is not None:
            check_pin(self._pin(self.pin))

    def unlock(self, lock: dict[str, Any]) -> StoreKeys:
        """Open a sealed store. Raises `UnauthenticatedError`."""
        if lock["kind"] == "pin":
            if self.pin is None:
                raise UnauthenticatedError(
                    "the HSM is sealed under a PIN, and none is given",
                    target=str(self.store),
                    advice="Add `pin: {env: KEYPLAN_HSM_PIN}` to the provider block, or use "
                    "--pin-env or --pin-file.",
                )
            return unseal(lock, self._pin(self.pin))
        if self.pin is not None:
            raise UnauthenticatedError(
                "a PIN is given, but this HSM is not sealed under one",
                target=str(self.store),
                why=f"It was made without a PIN: {self.file.name} unlocks it.",
                advice="Take `pin` out of the provider block, or make a new store with the PIN.",
            )
        return unseal(lock, self._file())

    def _pin(self, reference: SecretReference) -> Secret:
        given = self.environment.get(reference.env) if reference.env else None
        return Secret(os.fsencode(given)) if given else reference.resolve()

    def _file(self) -> Secret:
        try:
            check_private(self.file)
            content = self.file.read_bytes()
        except OSError as error:
            raise UnauthenticatedError(
                f"the unlock file of the HSM cannot be read: {error.strerror}",
                target=str(self.file),
                advice="Put back the file that was made together with the store.",
            ) from None
        if len(content) != KEY_SIZE:
            raise UnauthenticatedError(
                "the unlock file of the HSM is damaged",
                target=str(self.file),
                advice="Put back the file that was made together with the store.",
            )
        return Secret(content)
