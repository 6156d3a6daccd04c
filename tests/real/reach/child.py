"""Run inside a fresh network namespace with a neighbour: probes it, prints the rounds as JSON.

Started by test_reach.py as ``unshare -rn python child.py``. The neighbour has addresses of both
versions, a TCP listener on 7000 and nothing else; 10.9.1.9 and fd09::9 are nobody's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from collectors.reach.probe import Round, Target, parse_targets

LISTENER = """
import socket
s = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    s.accept()[0].close()
"""
RANGE = Path("/proc/sys/net/ipv4/ping_group_range")
TARGETS = [
    ["v4", "10.9.1.2", 0], ["v6", "fd09::2", 0], ["none4", "10.9.1.9", 0], ["none6", "fd09::9", 0],
    ["tcp4", "10.9.1.2", 7000], ["tcp6", "fd09::2", 7000], ["closed", "10.9.1.2", 7001],
    ["tcp-none", "10.9.1.9", 7000], ["no-route", "192.0.2.1", 0],
]  # fmt: skip


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10)


def make_pair(neighbour: int) -> None:
    there = ("nsenter", "-t", str(neighbour), "-n")
    run("ip", "link", "add", "r0", "type", "veth", "peer", "name", "r1")
    run("ip", "link", "set", "r1", "netns", str(neighbour))
    for prefix, name, last in (((), "r0", "1"), (there, "r1", "2")):
        run(*prefix, "ip", "link", "set", "lo", "up")
        run(*prefix, "ip", "addr", "add", f"10.9.1.{last}/24", "dev", name)
        run(*prefix, "ip", "addr", "add", f"fd09::{last}/64", "dev", name, "nodad")
        run(*prefix, "ip", "link", "set", name, "up")


def one_round() -> dict[str, list[float]]:
    found = Round(parse_targets(TARGETS), probes=3, spread_s=0.6, timeout_s=0.5).run()
    return {key: [*each] for key, each in found.items()}


def many(count: int) -> dict[str, float]:
    """A large round of one neighbour: what it took, and how many were answered."""
    targets = [Target(f"t{number}", "10.9.1.2") for number in range(count)]
    began, cpu = time.monotonic(), time.process_time()
    found = Round(targets, probes=1, spread_s=count / 1_000, timeout_s=1.0).run()
    return {
        "answered": sum(each.received for each in found.values()),
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
    }


def main() -> None:
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    listener = None
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{neighbour.pid}/ns/net") == ours:
            time.sleep(0.01)
        make_pair(neighbour.pid)
        listener = subprocess.Popen(
            ["nsenter", "-t", str(neighbour.pid), "-n", sys.executable, "-c", LISTENER],
            stdout=subprocess.PIPE,
        )
        assert listener.stdout is not None
        listener.stdout.readline()
        report: dict[str, object] = {"refused": one_round()}  # a new namespace allows nobody
        RANGE.write_text("0 0")
        report |= {"echo": one_round(), "many": many(1_500)}
        print(json.dumps(report))
    finally:
        for each in (listener, neighbour):
            if each is not None:
                each.kill()
                each.wait()


if __name__ == "__main__":
    main()
