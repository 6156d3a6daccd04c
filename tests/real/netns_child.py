"""Run inside a fresh network namespace: makes a neighbour, traffic and sockets, prints readings.

Started by test_host_network.py as ``unshare -rn python netns_child.py``; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from collectors.host import HostCollector

SERVER = """
import socket, sys
s4 = socket.create_server(("10.9.0.2", 7000))
s6 = socket.create_server(("fd09::2", 7000), family=socket.AF_INET6)
print("ready", flush=True)
for s, size in ((s4, int(sys.argv[1])), (s6, int(sys.argv[2]))):
    c, _ = s.accept()
    c.sendall(bytes(size))
    c.close()
"""

V4_BYTES, V6_BYTES, LOOPBACK_BYTES = 5_000_000, 3_000_000, 20_000_000


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10)


def receive(family: int, address: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect((address, 7000))
        while client.recv(65_536):
            pass


def talk_to_itself(family: int, address: str) -> None:
    """LOOPBACK_BYTES from this host to itself."""
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]

        def send() -> None:
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.connect((address, port))
                client.sendall(bytes(LOOPBACK_BYTES))

        sender = threading.Thread(target=send)
        sender.start()
        connection, _ = server.accept()
        with connection:
            while connection.recv(65_536):
                pass
        sender.join()


def make_pair(neighbour: int) -> None:
    """v0 here, v1 in the neighbour's namespace, with addresses of both versions."""
    there = ("nsenter", "-t", str(neighbour), "-n")
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    run("ip", "link", "set", "v1", "netns", str(neighbour))
    for prefix, name, last in (((), "v0", "1"), (there, "v1", "2")):
        run(*prefix, "ip", "link", "set", "lo", "up")
        run(*prefix, "ip", "addr", "add", f"10.9.0.{last}/24", "dev", name)
        run(*prefix, "ip", "addr", "add", f"fd09::{last}/64", "dev", name, "nodad")
        run(*prefix, "ip", "link", "set", name, "up")


def amounts(host: HostCollector, work: Callable[[], None]) -> dict[str, float]:
    """What was counted while ``work`` ran, rates turned back into amounts."""
    before = time.monotonic()
    host.collect(0, before)
    work()
    after = time.monotonic()
    got = host.collect(round((after - before) * 1000), after)
    assert not got.failures, got.failures
    values = got.readings[0].values
    seconds = got.readings[0].interval_s
    return {n: v * seconds if n.endswith("_s") else v for n, v in values.items() if n != "uptime_s"}


def open_sockets(host: HostCollector) -> dict[str, float]:
    """Three listeners (one IPv6), four connections (one IPv6): eight ends, and two TIME_WAIT."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    listeners.append(socket.create_server(("::1", 0), family=socket.AF_INET6))
    ends = []
    for listener in (listeners[0], listeners[0], listeners[1], listeners[2]):
        ends.append(socket.create_connection(listener.getsockname()[:2]))
        ends.append(listener.accept()[0])
    for _ in range(2):
        client = socket.create_connection(listeners[0].getsockname()[:2])
        server = listeners[0].accept()[0]
        client.close()
        server.recv(1)
        server.close()
    values = amounts(host, lambda: time.sleep(0.05))
    for each in (*ends, *listeners):
        each.close()
    return values


def main() -> None:
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{neighbour.pid}/ns/net") == ours:
            time.sleep(0.01)
        make_pair(neighbour.pid)
        server = subprocess.Popen(
            ["nsenter", "-t", str(neighbour.pid), "-n", sys.executable, "-c", SERVER,
             str(V4_BYTES), str(V6_BYTES)],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert server.stdout is not None
        server.stdout.readline()
        host = HostCollector()
        report = {
            "received4": amounts(host, lambda: receive(socket.AF_INET, "10.9.0.2")),
            "received6": amounts(host, lambda: receive(socket.AF_INET6, "fd09::2")),
            "itself4": amounts(host, lambda: talk_to_itself(socket.AF_INET, "127.0.0.1")),
            "itself6": amounts(host, lambda: talk_to_itself(socket.AF_INET6, "::1")),
            "own_address4": amounts(host, lambda: talk_to_itself(socket.AF_INET, "10.9.0.1")),
            "own_address6": amounts(host, lambda: talk_to_itself(socket.AF_INET6, "fd09::1")),
            "sockets": open_sockets(host),
        }
        server.wait(10)
        run("ip", "link", "del", "v0")
        report["replaced"] = amounts(host, lambda: make_pair(neighbour.pid))
        report["afterwards"] = amounts(host, lambda: time.sleep(0.05))
        print(json.dumps(report))
    finally:
        neighbour.kill()
        neighbour.wait()


if __name__ == "__main__":
    main()
