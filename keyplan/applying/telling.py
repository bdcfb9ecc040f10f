"""Telling whoever watches a run what happens.

Rules: watching must never leave a run open. An observer that fails is not told again, and
the run goes on; if it fails because nobody is there any more (a closed pipe, a terminal
that is gone), the run ends as after Ctrl-C.
"""

from __future__ import annotations

import errno

from keyplan.applying.options import Interrupt, Observer
from keyplan.plans.reports import ApplyEvent


class Teller:
    """Tells one observer. `unheard` says why it was given up."""

    def __init__(self, observer: Observer, interrupt: Interrupt) -> None:
        self._observer = observer
        self._interrupt = interrupt
        self.unheard = ""

    def tell(self, event: ApplyEvent) -> None:
        """Tell it, if it can still be told."""
        if self.unheard:
            return
        try:
            self._observer(event)
        except Exception as error:  # noqa: BLE001  (see above)
            self.unheard = f"progress was not shown to the end ({type(error).__name__})"
            if _is_gone(error):
                self._interrupt.set()


def _is_gone(error: Exception) -> bool:
    """Whether there is nobody any more to tell."""
    lost_terminal = isinstance(error, OSError) and error.errno == errno.EIO
    return isinstance(error, BrokenPipeError) or lost_terminal
