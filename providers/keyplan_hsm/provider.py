"""The open connection to an emulated HSM: keyplan's contract over one device.

What changes keys and what uses them is imported by the first call that does so: a plan
reads only, and need not wait for X.509.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keyplan.model.observations import Observation
from keyplan.model.operations import RemoteOperation
from keyplan.sdk.provider import Bindings, Identity, Outcome, Page
from keyplan_hsm.device import Device
from keyplan_hsm.faults import FaultLine

if TYPE_CHECKING:
    from keyplan_hsm.dataplane import DataPlane

PAGE_SIZE = 500


class HsmProvider:
    """Implements `keyplan.sdk.provider.Provider`. Safe to use from several threads."""

    def __init__(self, device: Device, faults: FaultLine, actor: str) -> None:
        self._device = device
        self._faults = faults
        self._actor = actor
        facts = device.facts()
        place = device.absent_place if facts is None else facts.serial
        known_as = "not there yet" if facts is None else f"serial {facts.serial}"
        self._identity = Identity(
            place=place,
            principal=actor,
            summary=f"{device.name}, {known_as} (emulator)",
            formerly="" if facts is None else facts.formerly,
        )

    def identify(self) -> Identity:
        """The HSM's serial and who acts.

        Before the store exists its place is `new:<store>`; the store remembers that as
        `formerly`, so a plan made before it existed can still be applied to it, and a
        plan made for one store is refused by another at the same path.
        """
        return self._identity

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Those keys that exist, in one query."""
        self._faults.reading("read")
        with self._device.reading() as rows:
            found = () if rows is None else rows.keys(ids)
            return {record.id: record.observe() for record in found}

    def scan(self, cursor: str | None = None) -> Page:
        """All keys by id, 500 a page; the cursor is the last id of the page before."""
        self._faults.reading("scan")
        with self._device.reading() as rows:
            records = [] if rows is None else rows.page(cursor or "", PAGE_SIZE)
        observations = [record.observe() for record in records]
        return Page(observations, records[-1].id if len(records) == PAGE_SIZE else None)

    def find(self, token: str) -> Observation | None:
        """The key made with this operation token."""
        self._faults.reading("find")
        with self._device.reading() as rows:
            record = None if rows is None else rows.key_by_token(token)
        return None if record is None else record.observe()

    def find_alias(self, alias: str) -> str | None:
        """The id that an alias points to."""
        self._faults.reading("find_alias")
        with self._device.reading() as rows:
            return None if rows is None else rows.alias(alias)

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,
        deadline: float | None = None,
    ) -> Outcome:
        """One operation in one transaction; makes the store if this is the first."""
        from keyplan_hsm import control  # noqa: PLC0415  (see above)

        self._faults.before(operation.name)
        record = control.execute(
            self._device,
            operation,
            bindings,
            actor=self._actor,
            expects=expects,
            deadline=deadline,
        )
        self._faults.after(operation.name)
        return Outcome(record.id, record.observe())

    def data_plane(self, identity: str | None = None) -> DataPlane:
        """What applications call, as `identity`, or as who is connected."""
        from keyplan_hsm.dataplane import DataPlane  # noqa: PLC0415  (see above)

        return DataPlane(self._device, identity or self._actor)

    def close(self) -> None:
        """Close the store. Idempotent."""
        self._device.close()
