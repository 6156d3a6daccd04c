"""The process that receives traps: pysnmp and its memory stay out of the agent.

Started as ``lean.py --traps``. One JSON object on standard input says what to listen on and for
whom, secrets included: they are in no argument and no environment. What comes goes out as JSON
lines; the end of standard input is the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

FLUSH_S = 1.0
MOST_TRAPS = 100
"""Of one line; more wait for the next, up to MOST_WAITING."""
MOST_WAITING = 5_000


def main() -> int:
    """Receives until standard input ends."""
    from collectors.snmp.traps import Receiver, User, serve  # noqa: PLC0415 - in this process only

    told = json.loads(sys.stdin.readline())
    waiting: list[dict[str, Any]] = []
    lost: dict[str, int] = {}

    def take(each: Any) -> None:
        if len(waiting) >= MOST_WAITING:
            lost[each.source] = lost.get(each.source, 0) + 1
            return
        waiting.append({"at_ms": int(time.time() * 1000), **each._asdict()})

    def flush() -> None:
        dropped = receiver.take_dropped()
        for source, count in lost.items():
            dropped[source] = dropped.get(source, 0) + count
        lost.clear()
        refused = receiver.take_refused()
        faults = receiver.take_faults()
        if faults:
            print(json.dumps({"faults": faults}), flush=True)  # noqa: T201
        while waiting or dropped or refused:
            line = {"traps": waiting[:MOST_TRAPS], "dropped": dropped, "refused": refused}
            del waiting[:MOST_TRAPS]
            dropped, refused = {}, {}
            print(json.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201

    receiver = Receiver(told["communities"], [User(*each) for each in told["users"]], take)
    addresses = [(host, port) for host, port in told["listen"]]
    try:
        asyncio.run(_serve(serve, receiver, addresses, flush))
    except OSError as error:
        text = f"{', '.join(f'{host}:{port}' for host, port in addresses)}: {error.strerror}"
        print(json.dumps({"error": text}), flush=True)  # noqa: T201
        return 1
    return 0


async def _serve(serve: Any, receiver: Any, addresses: Any, flush: Any) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), _heard, stop)
    await serve(receiver, addresses, every_s=FLUSH_S, flush=flush, stop=stop)


def _heard(stop: asyncio.Event) -> None:
    """Nothing more is said on standard input: this is its end."""
    stop.set()
