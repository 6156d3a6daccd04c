"""SNMPv2-MIB system group (RFC 3418)."""

from __future__ import annotations

from ..device import System
from ..values import Value, seconds, text
from ..walk import Walker

DESCR = "1.3.6.1.2.1.1.1.0"
OBJECT_ID = "1.3.6.1.2.1.1.2.0"
UPTIME = "1.3.6.1.2.1.1.3.0"
NAME = "1.3.6.1.2.1.1.5.0"
LOCATION = "1.3.6.1.2.1.1.6.0"
ENGINE_TIME = "1.3.6.1.6.3.10.2.1.3.0"
"""snmpEngineTime, seconds: it does not wrap after 497 days as sysUpTime does."""
WANTED = [DESCR, OBJECT_ID, UPTIME, NAME, LOCATION, ENGINE_TIME]


async def read_system(walker: Walker) -> System:
    """The system group; raises what ``Session.get`` raises, since it is the first question."""
    return parse_system(await walker.session.get(WANTED))


def parse_system(found: dict[str, Value]) -> System:
    """``uptime_s`` is snmpEngineTime where sysUpTime has wrapped (497 days)."""
    uptime = seconds(found.get(UPTIME))
    engine = found.get(ENGINE_TIME)
    if isinstance(engine, int) and uptime is not None and engine > 2**32 / 100 > uptime:
        uptime = float(engine)
    identity = text(found.get(OBJECT_ID)).lstrip(".")
    return System(
        sys_object_id=identity,
        descr=text(found.get(DESCR)),
        name=text(found.get(NAME)),
        location=text(found.get(LOCATION)),
        uptime_s=uptime,
    )
