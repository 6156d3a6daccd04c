"""The scan of every night: the city's own rule on whole days, and what it makes superfluous."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from controller.access import audit
from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.idle import library
from controller.idle.scan import forget_routine, scan
from controller.runtime import Runtime

BY = "worker"


def scan_city(runtime: Runtime) -> int:
    """Judges the whole city on the days before last midnight, so that its days are calendar days.

    Gives the scan's id. Raises what ``scan`` raises.
    """
    now = runtime.now()
    midnight = now.astimezone(ZoneInfo(runtime.settings.timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    number = scan(runtime, CITY, library.DEFAULT, midnight.astimezone(UTC), BY)
    with runtime.database.write() as session:
        dropped = forget_routine(session, now)
        audit.record(
            session,
            local_principal(now, BY),
            "idle.scan",
            library.DEFAULT,
            detail={"scan": number, "dropped": dropped},
        )
    return number
