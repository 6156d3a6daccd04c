"""1,000 targets of 48 ports in one poller process: one round of ports, CPU and memory.

The targets are addresses of loopback, answered by real snmpd processes on the same machine.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.snmp_net import COMMUNITY, PORTS, addresses, inside, make_ports, responders

TARGETS = 1000
RESPONDERS = 4
ROUNDS = 2

CHILD = """
import asyncio, json, resource, sys, time
from collectors.snmp.profile import load_profiles
from collectors.snmp.round import Assignment, Scheduler
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Target
community, rounds, ports, hosts = json.loads(sys.stdin.readline())
who = Community(community=community)
devices = [Assignment(key=host, target=Target(host, ports[n % len(ports)]), credential=who,
                      whole_every=10**9) for n, host in enumerate(hosts)]
read = []
async def deliver(polled):
    read.append((polled.poll.error, len(polled.poll.ports), len(polled.poll.memory),
                 polled.poll.duration_s, len(polled.poll.partial)))
async def main():
    scheduler = Scheduler(load_profiles(), deliver,
                          timing=Timing(waits=(2.0, 4.0), deadline=60.0))
    told = []
    for _ in range(rounds):
        read.clear()
        wall, cpu = time.monotonic(), time.process_time()
        await scheduler.once(devices)
        told.append({"round_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu,
                     "failed": sum(1 for one in read if one[0] or one[4]),
                     "ports": sum(one[1] for one in read), "memories": sum(one[2] for one in read)})
    rss = next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line)
    last = max(told, key=lambda one: one["round_s"])
    print(json.dumps({**last, "rss_mb": rss / 1024}))
asyncio.run(main())
"""


def measure() -> dict[str, float]:
    return inside("bench.snmp_scale")


def measure_inside() -> dict[str, float]:
    """In the namespace. The slower of the rounds; the first one reads everything there is."""
    make_ports()
    with responders(RESPONDERS) as ports:
        said = json.dumps([COMMUNITY, ROUNDS, ports, addresses(TARGETS)])
        done = subprocess.run(
            [sys.executable, "-c", CHILD], input=said, stdout=subprocess.PIPE, text=True, check=True
        )
    figures: dict[str, float] = json.loads(done.stdout)
    assert figures["failed"] == 0, figures
    assert figures["ports"] == TARGETS * PORTS, figures
    return figures


if __name__ == "__main__":
    print(json.dumps(measure_inside() if "--inside" in sys.argv else measure()))
