"""500 targets of which 20 % misbehave in six ways: are the good ones as fast as alone?

400 good targets are real snmpd processes, the bad ones are bench.snmp_bad. The poller is one
process with the scheduler as it runs in production. First all targets behave, then a fifth of them
is replaced by those that do not: the 99th percentile of a good device's poll, from when it was due
to when it was told, and what the process holds after all rounds (descriptors, resident memory).

YUNXUN_BENCH_ROUNDS: rounds with the bad ones (100); with none it is a quarter of that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.snmp_bad import TARGETS as OF_EACH_WAY
from bench.snmp_bad import WAYS
from bench.snmp_net import COMMUNITY, addresses, inside, make_ports, responders

GOOD = 400
GOOD_PORTS = 8
"""Small ones, so that what is measured is the poller and not the snmpd beside it."""
RESPONDERS = 2
BAD_PORT = 17000
INTERVAL_S = 10.0
ROUNDS = int(os.environ.get("YUNXUN_BENCH_ROUNDS", "100"))

CHILD = """
import asyncio, gc, json, os, sys, time
from collectors.snmp.profile import load_profiles
from collectors.snmp.round import Assignment, Scheduler, next_due
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Target
community, good, well, bad, interval, alone, together = json.loads(sys.stdin.readline())
who = Community(community=community)
def assignments(targets, kind):
    return [Assignment(key=f"{kind} {host}:{port}", target=Target(host, port), credential=who,
                       interval_s=interval, whole_every=10**9) for host, port in targets]
late, polls, bad_polls, failed = [], 0, 0, 0
async def deliver(polled):
    global polls, bad_polls, failed
    if polled.key.startswith("good"):
        polls += 1
        failed += bool(polled.poll.error or polled.poll.partial)
        now = time.monotonic()
        # what a device's own place in the interval makes of the time it was due
        due = next_due(polled.started, interval, polled.key) - interval
        late.append(now - due)
    elif polled.key.startswith("bad"):
        bad_polls += 1
def held():
    gc.collect()
    rss = next(int(line.split()[1]) for line in open("/proc/self/status") if "VmRSS" in line)
    return len(os.listdir("/proc/self/fd")), rss / 1024
def p99():
    return sorted(late)[max(0, -(-99 * len(late) // 100) - 1)]
async def phase(scheduler, targets, rounds):
    scheduler.assign(targets)
    await asyncio.sleep(3 * interval)  # the first polls read more, and nobody is known to be good
    late.clear()
    first, cpu = held(), time.process_time()
    await asyncio.sleep(rounds * interval)
    used = (time.process_time() - cpu) / (rounds * interval)
    return p99(), used, first, held()
async def main():
    empty = held()
    scheduler = Scheduler(load_profiles(), deliver, timing=Timing(waits=(1.0, 2.0), deadline=30.0))
    g, b = assignments(good, "good"), assignments(bad, "bad")
    w = assignments(well, "well")
    one, cpu_one, _, _ = await phase(scheduler, g + w, alone)
    two, cpu_two, before, after = await phase(scheduler, g + b, together)
    await scheduler.stop()
    left = held()
    print(json.dumps({"well_p99_s": one, "together_p99_s": two, "ratio": two / one,
        "well_cpu_pct": 100 * cpu_one, "together_cpu_pct": 100 * cpu_two,
        "fds_left": left[0] - empty[0], "rss_mb": after[1], "rss_grown_mb": after[1] - before[1],
        "good_polls": polls, "good_failed": failed, "bad_polls": bad_polls,
        "missed": scheduler.tally.missed}))
asyncio.run(main())
"""


def measure() -> dict[str, float]:
    return inside("bench.snmp_misbehaving")


def measure_inside() -> dict[str, float]:
    """In the namespace."""
    make_ports(GOOD_PORTS)
    with responders(RESPONDERS) as ports:
        bad = subprocess.Popen(
            [sys.executable, "-m", "bench.snmp_bad", str(BAD_PORT), str(ports[0])],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert bad.stdout is not None
            assert bad.stdout.readline() == "ready\n"
            spoilt = [("127.0.0.1", BAD_PORT + n) for n in range(OF_EACH_WAY * len(WAYS))]
            hosts = enumerate(addresses(GOOD + len(spoilt)))
            behaving = [(host, ports[n % len(ports)]) for n, host in hosts]
            lists = [behaving[:GOOD], behaving[GOOD:], spoilt]
            said = json.dumps([COMMUNITY, *lists, INTERVAL_S, max(2, ROUNDS // 4), ROUNDS])
            done = subprocess.run(
                [sys.executable, "-c", CHILD],
                input=said,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            bad.terminate()
            bad.wait(10)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    print(json.dumps(measure_inside() if "--inside" in sys.argv else measure()))
