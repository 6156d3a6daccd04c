"""CPU per poll of the interface tables, against prometheus-snmp-exporter on the same device.

One snmpd with 48 ports in a network namespace. Both read the same columns of ifTable and ifXTable
with the same number of rows at once, in turn: ours in a process of its own that polls when told to,
the exporter scraped over HTTP. Nanoseconds on CPU from schedstat, the median of many polls.
"""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.agent_collect import cpu_ns, rss_mb
from bench.snmp_net import COMMUNITY, inside, make_ports, responders
from collectors.snmp.tables import interfaces
from collectors.snmp.walk import NUMBERS_AT_ONCE

EXPORTER = "prometheus-snmp-exporter"
HTTP_PORT = 19116
POLLS, WARM_UP = 100, 10

CHILD = """
import asyncio, sys
from collectors.snmp.poll import PORTS, Wish, poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.target import Community, Target
from collectors.snmp.walk import DeviceMemory
profiles, memory = load_profiles(), DeviceMemory()
async def main():
    while sys.stdin.readline():
        poll = await poll_once(Target("127.0.0.1", int(sys.argv[1])),
            Community(community=sys.argv[2]), profiles, memory=memory,
            wish=Wish(parts=frozenset({PORTS})))
        assert not poll.error and not poll.partial, poll
        print(len(poll.ports), flush=True)
asyncio.run(main())
"""


def exporter_config() -> dict[str, object]:
    """A module that walks the columns that we read, each of them a metric by ifIndex."""
    numbers = {**interfaces.STATES, **interfaces.FACTS, **interfaces.COUNTERS, **interfaces.X_FACTS}
    numbers |= {name: wide for name, (wide, _) in interfaces.WIDE.items()}
    numbers.pop("phys")
    texts = {**interfaces.NAMES, **interfaces.X_NAMES, "phys": interfaces.FACTS["phys"]}
    index = [{"labelname": "ifIndex", "type": "gauge"}]
    metrics = []
    for name, oid in {**numbers, **texts}.items():
        kind = "DisplayString" if name in texts else "gauge"
        kind = "PhysAddress48" if name == "phys" else kind
        metrics.append({"name": name, "oid": oid, "type": kind, "help": name, "indexes": index})
    return {
        "if_mib": {
            "walk": [metric["oid"] for metric in metrics],
            "metrics": metrics,
            "version": 2,
            "max_repetitions": NUMBERS_AT_ONCE,
            "auth": {"community": COMMUNITY},
        }
    }


def measure() -> dict[str, float]:
    return inside("bench.snmp_poll")


def measure_inside() -> dict[str, float]:
    """In the namespace."""
    make_ports()
    with responders(1) as (port,), tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "snmp.yml")
        config.write_text(json.dumps(exporter_config()))  # JSON is YAML
        exporter = subprocess.Popen(
            [
                shutil.which(EXPORTER) or EXPORTER,
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{HTTP_PORT}",
            ],
            stderr=subprocess.DEVNULL,
        )
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(port), COMMUNITY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            return compare(child, exporter, port)
        finally:
            exporter.terminate()
            child.terminate()
            exporter.wait(10)
            child.wait(10)


def compare(
    child: subprocess.Popen[str], exporter: subprocess.Popen[bytes], port: int
) -> dict[str, float]:
    ours: list[float] = []
    theirs: list[float] = []
    assert child.stdin is not None
    assert child.stdout is not None
    values = 0
    for number in range(WARM_UP + POLLS):
        before = cpu_ns(child.pid)
        child.stdin.write("poll\n")
        child.stdin.flush()
        ports = int(child.stdout.readline())
        middle = cpu_ns(exporter.pid)
        values = scrape(port)
        after = cpu_ns(exporter.pid)
        if number >= WARM_UP:
            ours.append((cpu_ns(child.pid) - before) / 1e6)
            theirs.append((after - middle) / 1e6)
    return {
        "ours_ms": statistics.median(ours),
        "exporter_ms": statistics.median(theirs),
        "ports": ports,
        "exporter_values": values,
        "ours_rss_mb": rss_mb(child.pid),
        "exporter_rss_mb": rss_mb(exporter.pid),
    }


def scrape(port: int) -> int:
    """One scrape; the number of values it gave."""
    until = time.monotonic() + 10
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=20)
        try:
            connection.request("GET", f"/snmp?target=127.0.0.1:{port}&module=if_mib")
            answer = connection.getresponse()
            body = answer.read().decode()
            assert answer.status == 200, body[:500]
            return sum(1 for line in body.splitlines() if not line.startswith("#"))
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


if __name__ == "__main__":
    print(json.dumps(measure_inside() if "--inside" in sys.argv else measure()))
