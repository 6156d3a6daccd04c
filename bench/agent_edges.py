"""CPU of the agent's look at who a host talks to, on a host with 2,000 connections to 200 peers.

Two network namespaces joined by a veth: the neighbour has 200 addresses. Two hours of looks (one
every five minutes, one whole document an hour) are done without waiting, in a process of their own;
its CPU, documents included, is divided by 120 minutes. The process is root, so that it also looks
for the owners of sockets.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

CONNECTIONS, PEERS = 2_000, 200
INTERVAL_S, HOURS = 300, 2

NEIGHBOUR = """
import socket, sys
sys.stdin.readline()
server = socket.create_server(("0.0.0.0", 7000), backlog=4096)
print("ready", flush=True)
kept = [server.accept() for _ in range(int(sys.argv[1]))]
print("full", flush=True)
sys.stdin.readline()
"""


def measure() -> dict[str, float]:
    """``cpu_ms_a_minute``, the dearest single look, and what the documents hold."""
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "bench.agent_edges", "--inside"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    return dict(json.loads(done.stdout))


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _inside() -> dict[str, float]:
    other = subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", NEIGHBOUR, str(CONNECTIONS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    _run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
    _run("ip", "link", "set", "far", "netns", str(other.pid))
    _run("ip", "address", "add", "10.9.0.1/16", "dev", "near")
    _run("ip", "link", "set", "near", "up")
    inside = ("nsenter", "-t", str(other.pid), "-n", "ip")
    lines = "".join(f"address add 10.9.1.{number + 1}/16 dev far\n" for number in range(PEERS))
    subprocess.run([*inside, "-batch", "-"], input=lines, text=True, check=True)
    _run(*inside, "link", "set", "far", "up")
    other.stdin.write("go\n")
    other.stdin.flush()
    assert other.stdout.readline() == "ready\n"
    calls = [
        socket.create_connection((f"10.9.1.{number % PEERS + 1}", 7000))
        for number in range(CONNECTIONS)
    ]
    assert other.stdout.readline() == "full\n"
    code = (
        "import json, time\n"
        "from collectors.host.edges import Edges\n"
        f"edges, spent, sizes, found = Edges({INTERVAL_S}), [], [], 0\n"
        f"for turn in range({HOURS * 3600 // INTERVAL_S}):\n"
        "    before = time.process_time()\n"
        f"    document = edges.collect(turn * {INTERVAL_S * 1000}, turn * {INTERVAL_S} + 1.0)\n"
        "    text = json.dumps(document.body) if document else ''\n"
        "    spent.append(time.process_time() - before)\n"
        "    sizes.append(len(text))\n"
        "    found = max(found, len(document.body['edges']) if document else 0)\n"
        "print(json.dumps([spent, sizes, found]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    spent, sizes, found = json.loads(done.stdout)
    assert found == PEERS, found
    other.stdin.close()
    other.wait(10)
    return {
        "connections": float(len(calls)),
        "cpu_ms_a_minute": sum(spent) * 1e3 / (HOURS * 60),
        "dearest_look_ms": max(spent) * 1e3,
        "usual_look_ms": sorted(spent)[len(spent) // 2] * 1e3,
        "document_kb": max(sizes) / 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(_inside() if "--inside" in sys.argv else measure()))
