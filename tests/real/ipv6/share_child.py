"""Run in a fresh network namespace: known traffic of both versions over a veth, seen by the host's
own counters and by a real snmpd there.

Started by test_traffic.py as ``unshare -rn python share_child.py FOLDER``; prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]

from collectors.host import HostCollector  # noqa: E402
from collectors.snmp.device import DevicePoll  # noqa: E402
from collectors.snmp.poll import PORTS, VERSIONS, Wish, poll_once  # noqa: E402
from collectors.snmp.profile import load_profiles  # noqa: E402
from collectors.snmp.shares import device_share, port_shares  # noqa: E402
from collectors.snmp.target import Community, Target  # noqa: E402
from tests.real.snmp.daemon import snmpd  # noqa: E402

MIXES = {"mostly_v4": (6_000_000, 1_500_000), "even": (3_000_000, 3_000_000),
         "only_v6": (0, 4_000_000)}  # fmt: skip
"""Bytes over IPv4 and over IPv6; the same again in the other direction."""
CACHE_S = 1
CACHE_OID = "1.3.6.1.4.1.8072.1.5.3.1.2."
CACHED = ("1.3.6.1.2.1.4.31.1", "1.3.6.1.2.1.4.31.3", "1.3.6.1.2.1.2.2")
"""nsCacheTimeout of the IP statistics and IF-MIB: 60 s and 3 s unless it is set."""
NEIGHBOUR = """
import socket, sys, threading
def serve(listener):
    while True:
        peer, _ = listener.accept()
        size = int(peer.recv(20))
        peer.sendall(bytes(size))
        while peer.recv(65536):
            pass
        peer.close()
for family, address in ((socket.AF_INET, "10.9.0.1"), (socket.AF_INET6, "fd09::1")):
    listener = socket.create_server((address, 7000), family=family)
    threading.Thread(target=serve, args=(listener,)).start()
print("ready", flush=True)
"""


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10)


def make_pair(neighbour: int) -> None:
    there = ("nsenter", "-t", str(neighbour), "-n")
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    run("ip", "link", "set", "v1", "netns", str(neighbour))
    for prefix, name, last in (((), "v0", "2"), (there, "v1", "1")):
        run(*prefix, "ip", "link", "set", "lo", "up")
        run(*prefix, "ip", "addr", "add", f"10.9.0.{last}/24", "dev", name)
        run(*prefix, "ip", "addr", "add", f"fd09::{last}/64", "dev", name, "nodad")
        run(*prefix, "ip", "link", "set", name, "up")


def talk(address: str, size: int) -> None:
    """``size`` bytes in, and as many out."""
    if not size:
        return
    with socket.create_connection((address, 7000), timeout=20) as peer:
        peer.sendall(str(size).encode().ljust(20))
        got = 0
        while got < size:
            got += len(peer.recv(65_536))
        peer.sendall(bytes(size))
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b"", "the other end has taken in everything"


def read_device(port: int) -> DevicePoll:
    time.sleep(CACHE_S + 0.2)  # snmpd keeps what it read of the kernel for so long
    wish = Wish(parts=frozenset({PORTS, VERSIONS}))
    target, credential = Target("127.0.0.1", port), Community(community="public")
    return asyncio.run(poll_once(target, credential, load_profiles(), wish=wish))


def measure(port: int, index: int, sizes: tuple[int, int]) -> dict[str, Any]:
    host = HostCollector()
    first, began = read_device(port), time.monotonic()
    host.collect(0, began)
    for address, size in zip(("10.9.0.1", "fd09::1"), sizes, strict=True):
        talk(address, size)
    ended = time.monotonic()
    values = host.collect(round((ended - began) * 1000), ended).readings[0].values
    second = read_device(port)
    assert not first.error, first.error
    assert not second.error, second.error
    seconds = time.monotonic() - began
    shares = {share.if_index: share for share in port_shares(first, second, seconds)}
    v6 = values["net6_rx_bytes_s"] + values["net6_tx_bytes_s"]
    v4 = values["net4_rx_bytes_s"] + values["net4_tx_bytes_s"]
    device = device_share(first, second, seconds)
    return {
        "truth": 100 * sizes[1] / sum(sizes),
        "host": 100 * v6 / (v4 + v6),
        "port": shares[index].v6_pct,
        "how": shares[index].how,
        "device": 100 * device[1] / sum(device) if device else None,
        "versions_told": sorted({r.version for r in second.ip_version_counters if r.if_index}),
    }


def main() -> None:
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "100"])
    server = None
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{neighbour.pid}/ns/net") == ours:
            time.sleep(0.01)
        make_pair(neighbour.pid)
        server = subprocess.Popen(
            ["nsenter", "-t", str(neighbour.pid), "-n", sys.executable, "-c", NEIGHBOUR],
            stdout=subprocess.PIPE,
        )
        assert server.stdout is not None
        server.stdout.readline()
        index = socket.if_nametoindex("v0")
        with snmpd(Path(sys.argv[1]), "rwcommunity private") as running:
            for oid in CACHED:
                run("snmpset", "-v2c", "-c", "private", f"127.0.0.1:{running.port4}",
                    f"{CACHE_OID}{oid}", "i", str(CACHE_S))  # fmt: skip
            told = {name: measure(running.port4, index, mix) for name, mix in MIXES.items()}
        print(json.dumps(told))
    finally:
        for each in (server, neighbour):
            if each is not None:
                each.kill()
                each.wait()


if __name__ == "__main__":
    main()
