"""A process that spools and ships as fast as it can, for being killed.

Usage: writer.py STATE URL ISSUED START. Appends a line to ISSUED before and after each append: "+N"
says minute N is about to be spooled, "=N" says it is durable. That file is the oracle's memory.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from agent.http1 import Client
from agent.log import Log
from agent.service import NAMES
from agent.ship import Shipper
from agent.spool import Spool
from collectors.records import Reading

T0 = 1_795_000_020_000


def main(state: str, url: str, issued: str, start: int) -> None:
    """Runs until killed."""
    spool = Spool(state, max_bytes=50_000_000, min_free_pct=0.0, machine="m", boot="b")
    shipper = Shipper(spool, Log("error"), backlog_per_s=1000.0)
    shipper.work_for("a1", "secret", Client(url, None, connect_s=1.0, total_s=2.0))
    threading.Thread(target=shipper.run, daemon=True).start()
    oracle = os.open(issued, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    number = start
    while True:
        row = Reading("host", "", T0 + number * 60_000, 60.0, {"load1": float(number)})
        os.write(oracle, f"+{number}\n".encode())
        places = spool.append("a1", [("host", NAMES["host"], [row])], [], row.time_ms)
        os.write(oracle, f"={number}\n".encode())
        shipper.notify(places)
        number += 1
        time.sleep(0.002)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
