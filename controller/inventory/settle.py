"""Figures made right at once after a register was put right, as far as there is time for it."""

from __future__ import annotations

import logging
import time

from controller.runtime import Runtime
from controller.store import dirty, owners
from controller.store.samples import SamplesError

SECONDS = 60.0
"""How long a request may wait for its figures; the worker does the rest."""

log = logging.getLogger("yunxun.inventory")


def settle(runtime: Runtime, seconds: float = SECONDS) -> int:
    """Sums up again what was marked, from its oldest days on; the worker comes from the newest.

    Gives the days of owners that are left. Call it after the commit: the register is right
    already, so a sample store that does not answer is no failure of the correction.
    """
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if not owners.roll_owners(runtime, deadline - time.monotonic(), oldest_first=True):
                break
    except SamplesError as error:
        log.warning("figures left to the worker", extra={"why": str(error).splitlines()[0]})
    with runtime.database.read() as session:
        return dirty.pending_owners(session)
