"""Run inside a fresh network namespace: a neighbour that calls and is called; prints the edges.

Started by test_host_edges.py as ``unshare -rn python edges_child.py``; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

from collectors.host.edges import Edges, look
from collectors.host.sockets import SocketOwners

NEIGHBOUR = """
import socket, sys
servers = [socket.create_server(("10.9.0.2", 7000)),
           socket.create_server(("fd09::2", 7000), family=socket.AF_INET6)]
print("ready", flush=True)
sys.stdin.readline()
callers = [socket.create_connection(("10.9.0.1", 8000)) for _ in range(3)]
kept = [server.accept() for server in servers]
print("called", flush=True)
sys.stdin.readline()
"""


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10)


def main() -> None:
    run("ip", "link", "set", "lo", "up")
    other = subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", "import sys\nsys.stdin.readline()\n" + NEIGHBOUR],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdin is not None
    assert other.stdout is not None
    while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        pass
    run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
    run("ip", "link", "set", "far", "netns", str(other.pid))
    inside = ("nsenter", "-t", str(other.pid), "-n")
    for before, name, last in (((), "near", "1"), (inside, "far", "2")):
        run(*before, "ip", "address", "add", f"10.9.0.{last}/24", "dev", name)
        run(*before, "ip", "address", "add", f"fd09::{last}/64", "dev", name, "nodad")
        run(*before, "ip", "link", "set", name, "up")
    server = socket.create_server(("10.9.0.1", 8000))
    other.stdin.write("go\n")
    other.stdin.flush()
    assert other.stdout.readline() == "ready\n"
    calls = [socket.create_connection((host, 7000)) for host in ("10.9.0.2", "fd09::2")]
    itself = socket.create_connection(("10.9.0.1", 8000))
    other.stdin.write("call\n")
    other.stdin.flush()
    accepted = [server.accept() for _ in range(4)]
    assert other.stdout.readline() == "called\n"
    owners = SocketOwners("/proc")
    for _ in range(20):  # a piece of all processes each; on a busy machine one does not reach ours
        owners.find(look().inodes)
    document = Edges(60, owners).collect(1_000, 100.0)
    assert document is not None
    print(json.dumps(document.body))
    other.stdin.close()
    other.wait(10)
    del calls, itself, accepted


main()
