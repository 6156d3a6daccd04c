"""Services that listen on IPv4 only, and the connections of both versions, from sock_diag(7).

A socket bound to ``::`` serves IPv4 too, as IPv4-mapped addresses: those connections count as
IPv4. Loopback counts for nothing, neither do ports that the kernel hands out for a moment.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, NamedTuple

from collectors.host.files import read_line
from collectors.host.netlink import (
    INET_DIAG_REQUEST,
    NETLINK_SOCK_DIAG,
    SOCK_DIAG_BY_FAMILY,
    TCP_LISTEN,
    dump,
    open_netlink,
)

TCP_ESTABLISHED, UNCONNECTED = 1, 7
ENDS = struct.Struct(">HH16s16s")
"""Behind inet_diag_msg's first four bytes: ports and addresses of both ends."""
INODE = struct.Struct("=I")
INODE_AT = 68
MAPPED = bytes(10) + b"\xff\xff"
DHCP_CLIENT = ("udp", 68)
"""IPv4 by its nature; its IPv6 sister has another port."""
MOST_SERVICES = 200
MOST_CONNECTIONS = 200_000
"""Above it counting stops: the figure is a lower bound on such a host."""


class Socket(NamedTuple):
    """One end of a socket; addresses packed, 4 or 16 bytes (never a mapped one)."""

    local: bytes
    port: int
    remote: bytes
    inode: int


Services = dict[str, Any] | None
Connections = dict[str, int] | None


def read_services(proc: str = "/proc") -> tuple[Services, Connections, bool]:
    """Services, connections (None where the kernel was not to be asked), and whether processes of
    some services could not be seen."""
    services: Services = None
    connections: Connections = None
    unseen = False
    try:
        with open_netlink(NETLINK_SOCK_DIAG) as diag:
            listeners = {
                ("tcp", version): _sockets(diag, version, socket.IPPROTO_TCP, TCP_LISTEN)
                for version in (4, 6)
            }
            try:
                for version in (4, 6):
                    listeners["udp", version] = _sockets(
                        diag, version, socket.IPPROTO_UDP, UNCONNECTED
                    )
            except OSError:  # no udp_diag in this kernel
                pass
            services, unseen = _services(listeners, read_ephemeral(proc), proc)
            connections = _connections(diag)
    except OSError:
        pass
    return services, connections, unseen


def _sockets(diag: socket.socket, version: int, protocol: int, state: int) -> list[Socket]:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    body = INET_DIAG_REQUEST.pack(family, protocol, 0, 0, 1 << state)
    found = []
    try:
        for message in dump(diag, SOCK_DIAG_BY_FAMILY, body):
            found.append(parse_socket(message))
            if len(found) >= MOST_CONNECTIONS:
                break
    except FileNotFoundError:
        if version == 4:
            raise
        # A kernel without IPv6 has no sockets of it.
    return found


def parse_socket(message: bytes) -> Socket:
    """One inet_diag_msg."""
    port, _, local, remote = ENDS.unpack_from(message, 4)
    if message[0] == socket.AF_INET:
        local, remote = local[:4], remote[:4]
    return Socket(
        _unmapped(local), port, _unmapped(remote), INODE.unpack_from(message, INODE_AT)[0]
    )


def _unmapped(address: bytes) -> bytes:
    return address[12:] if address.startswith(MAPPED) else address


def is_loopback(address: bytes) -> bool:
    """127/8 or ::1."""
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\x01"


def find_v4_only(
    listeners: dict[tuple[str, int], list[Socket]], ephemeral: tuple[int, int]
) -> tuple[list[tuple[str, Socket]], int]:
    """(protocol, socket) of services that no IPv6 socket serves, by port; and how many services
    there are in all."""
    found: list[tuple[str, Socket]] = []
    total = 0
    for protocol in ("tcp", "udp"):
        v4: dict[int, Socket] = {}
        v6: set[int] = set()
        for version in (4, 6):
            for each in listeners.get((protocol, version), ()):
                passing = protocol == "udp" and ephemeral[0] <= each.port <= ephemeral[1]
                if is_loopback(each.local) or passing or (protocol, each.port) == DHCP_CLIENT:
                    continue
                if version == 6 and len(each.local) == 16:
                    v6.add(each.port)
                else:
                    v4.setdefault(each.port, each)
        total += len(v4.keys() | v6)
        found += [(protocol, v4[port]) for port in sorted(v4.keys() - v6)]
    return found, total


def _services(
    listeners: dict[tuple[str, int], list[Socket]], ephemeral: tuple[int, int], proc: str
) -> tuple[dict[str, Any], bool]:
    v4_only, total = find_v4_only(listeners, ephemeral)
    names = read_process_names({each.inode for _, each in v4_only}, proc) if v4_only else {}
    told = [
        {
            "protocol": protocol,
            "port": each.port,
            "address": socket.inet_ntop(socket.AF_INET, each.local),
            "process": names.get(each.inode),
        }
        for protocol, each in v4_only[:MOST_SERVICES]
    ]
    services = {"listening": total, "v4_only_count": len(v4_only), "v4_only": told}
    return services, any(each["process"] is None for each in told)


def read_process_names(inodes: set[int], proc: str = "/proc") -> dict[int, str]:
    """Socket inode to the name of a process that holds it; only those we may look into."""
    links = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, str] = {}
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            handles = os.listdir(f"{proc}/{pid}/fd")
        except OSError:
            continue
        for handle in handles:
            try:
                inode = links.get(os.readlink(f"{proc}/{pid}/fd/{handle}"))
            except OSError:
                continue
            if inode is not None:
                found.setdefault(inode, read_line(f"{proc}/{pid}/comm")[:64])
        if len(found) == len(inodes):
            break
    return found


def read_ephemeral(proc: str = "/proc") -> tuple[int, int]:
    """First and last port that the kernel gives to sockets that ask for none."""
    words = read_line(f"{proc}/sys/net/ipv4/ip_local_port_range").split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else (32_768, 60_999)


def _connections(diag: socket.socket) -> dict[str, int]:
    counts = {"v4": 0, "v6": 0}
    peers: dict[str, set[bytes]] = {"v4": set(), "v6": set()}
    for version in (4, 6):
        for each in _sockets(diag, version, socket.IPPROTO_TCP, TCP_ESTABLISHED):
            if is_loopback(each.remote) or each.remote == each.local:
                continue
            name = "v6" if len(each.remote) == 16 else "v4"
            counts[name] += 1
            peers[name].add(each.remote)
    return counts | {f"peers_{name}": len(found) for name, found in peers.items()}
