"""From settings to an open HSM."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from keyplan.errors import ProviderDefectError
from keyplan.model.secrets import SecretReference
from keyplan.sdk.provider import OpenContext
from keyplan_hsm.device import Device
from keyplan_hsm.faults import FaultLine
from keyplan_hsm.provider import HsmProvider
from keyplan_hsm.settings import OFFICER, HsmSettings
from keyplan_hsm.unlocking import Unlocker


def open_provider(
    settings: BaseModel,
    context: OpenContext,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> HsmProvider:
    """A connection. A wrong or missing PIN shows here, before anything is done.

    Raises `UnauthenticatedError`, and `DeniedError` if others could read the store.
    """
    if not isinstance(settings, HsmSettings):
        raise ProviderDefectError("the HSM was opened with another provider's settings")
    device = open_device(
        settings,
        context,
        clock=running_clock(context.now + settings.faults.offset, monotonic),
    )
    try:
        if not context.read_only:
            device.check_secret()
        return HsmProvider(device, FaultLine(settings.faults, sleep), settings.identity or OFFICER)
    except BaseException:
        device.close()
        raise


def open_device(
    settings: HsmSettings, context: OpenContext, *, clock: Callable[[], datetime]
) -> Device:
    """The HSM itself, not yet unlocked. Creates nothing."""
    pin = None
    if settings.pin is not None:
        file = str(context.stack / settings.pin.file) if settings.pin.file else ""
        pin = SecretReference(env=settings.pin.env, file=file)
    path = (context.stack / Path(settings.store).expanduser()).absolute()
    return Device(
        Unlocker(path, pin, context.environment),
        clock=clock,
        name=str(Path(settings.store)),
        read_only=context.read_only,
    )


def running_clock(start: datetime, monotonic: Callable[[], float]) -> Callable[[], datetime]:
    """A clock that shows `start` now and goes on from there."""
    opened = monotonic()
    return lambda: start + timedelta(seconds=monotonic() - opened)
