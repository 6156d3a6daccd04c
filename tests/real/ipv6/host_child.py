"""Run in a fresh network namespace: a host with a neighbour that is its gateway and resolver.

Started by test_host.py as ``unshare -rn python host_child.py FOLDER``; prints one JSON object of
what was read in each situation.
"""

from __future__ import annotations

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

from collectors.ipv6.host import read_host  # noqa: E402
from collectors.ipv6.host import resolvers as resolvers_module  # noqa: E402

NEIGHBOUR = """
import socket, dns.message, dns.flags
wire = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
wire.bind(("::", 53))
web = socket.create_server(("fd09::1", 8000), family=socket.AF_INET6)
print("ready", flush=True)
while True:
    data, peer = wire.recvfrom(4096)
    answer = dns.message.make_response(dns.message.from_wire(data))
    answer.flags |= dns.flags.RA
    if peer[0].startswith("::ffff:"):
        answer.set_rcode(2)
    wire.sendto(answer.to_wire(), peer)
"""
"""Answers over IPv6, and SERVFAIL over IPv4."""


def run(*words: str, text: str = "") -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=10, input=text.encode() or None)


def prepare(neighbour: int) -> None:
    there = ("nsenter", "-t", str(neighbour), "-n")
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    run("ip", "link", "set", "v1", "netns", str(neighbour))
    for prefix, name in (((), "v0"), (there, "v1")):
        run(*prefix, "ip", "link", "set", "lo", "up")
        run(*prefix, "ip", "link", "set", name, "up")
    run(*there, "ip", "addr", "add", "10.9.0.1/24", "dev", "v1")
    run(*there, "ip", "addr", "add", "fd09::1/64", "dev", "v1", "nodad")
    run("ip", "addr", "add", "10.9.0.2/24", "dev", "v0")


def situations(folder: Path, neighbour: int) -> dict[str, Any]:
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    resolv = root / "etc/resolv.conf"
    resolv.write_text("search city.test\nnameserver 10.9.0.1\n", "utf-8")
    told: dict[str, Any] = {"v4": read_host(root=str(root))}
    run("ip", "addr", "add", "fd09::2/64", "dev", "v0", "nodad")
    run("ip", "addr", "add", "2001:db8:9::2/64", "dev", "v0", "nodad")
    run("ip", "-6", "route", "add", "default", "via", "fd09::1")
    resolv.write_text("nameserver fd09::1\nnameserver 10.9.0.1\nnameserver fd09::99\n", "utf-8")
    holds = [
        socket.create_server(("0.0.0.0", 8080)),
        socket.create_server(("10.9.0.2", 8081)),
        socket.create_server(("::", 9090), family=socket.AF_INET6, dualstack_ipv6=True),
        socket.create_server(("0.0.0.0", 7070)),
        socket.create_server(("::", 7070), family=socket.AF_INET6),
        socket.create_server(("127.0.0.1", 6060)),
    ]
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(("0.0.0.0", 514))
    dialled = [socket.create_connection(("fd09::1", 8000)) for _ in range(2)]
    # To the dual-stack service by IPv4: an IPv6 socket that carries IPv4.
    caller = subprocess.Popen(
        ["nsenter", "-t", str(neighbour), "-n", sys.executable, "-c",
         "import socket, time; s = socket.create_connection(('10.9.0.2', 9090)); "
         "print('on', flush=True); time.sleep(30)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert caller.stdout is not None
    caller.stdout.readline()
    dialled.append(holds[2].accept()[0])
    told["dual"] = read_host(root=str(root))
    caller.kill()
    caller.wait()
    run("nft", "-f", "-", text=(
        "table ip guard { chain input { type filter hook input priority 0; policy accept;"
        " tcp dport 23 drop; tcp dport 21 drop; }; }"
    ))  # fmt: skip
    told["v4_firewall"] = read_host(root=str(root))
    run("nft", "-f", "-", text=(
        "table inet both { chain input { type filter hook input priority 1; policy accept;"
        " tcp dport 25 drop; }; }"
    ))  # fmt: skip
    told["firewall"] = read_host(root=str(root))
    told["nobody"] = as_nobody(root)
    # The gateway falls silent: no answer to neighbour discovery any more.
    run("nsenter", "-t", str(neighbour), "-n", "ip", "addr", "del", "fd09::1/64", "dev", "v1")
    run("ip", "neigh", "flush", "dev", "v0")
    told["silent"] = read_host(root=str(root))
    for each in (*dialled, *holds, datagram):
        each.close()
    return told


def as_nobody(root: Path) -> Any:
    """The same read without any capability."""
    os.chmod(root.parent, 0o755)
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", sys.executable,
         "-c", "import json, sys; from collectors.ipv6.host import read_host; "
         "print(json.dumps(read_host(root=sys.argv[1])))", str(root)],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "100"])
    server = None
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{neighbour.pid}/ns/net") == ours:
            time.sleep(0.01)
        prepare(neighbour.pid)
        server = subprocess.Popen(
            ["nsenter", "-t", str(neighbour.pid), "-n", sys.executable, "-c", NEIGHBOUR],
            stdout=subprocess.PIPE,
        )
        assert server.stdout is not None
        server.stdout.readline()
        resolvers_module.WAIT_S = 0.3
        print(json.dumps(situations(Path(sys.argv[1]), neighbour.pid)))
    finally:
        for each in (server, neighbour):
            if each is not None:
                each.kill()
                each.wait()


if __name__ == "__main__":
    main()
