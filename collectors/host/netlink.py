"""Two questions to the kernel over netlink: how many TCP listeners, and which addresses.

Listeners come from sock_diag(7) in 0.05 ms, where /proc/net/tcp and tcp6 take 4 ms: the kernel
walks only its table of listeners for it, but every bucket of the connection table, which grows
with the machine's memory, to write the files. Addresses come from rtnetlink(7), for where there is
no psutil.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NETLINK_ROUTE, RTM_GETADDR = 0, 22
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
TCP_LISTEN = 10
IFA_ADDRESS, IFA_LOCAL = 1, 2

HEADER = struct.Struct("=IHHII")
INET_DIAG_REQUEST = struct.Struct("=BBBBI48x")
"""inet_diag_req_v2: family, protocol, extensions, padding, states; an empty socket id."""
INTERFACE_ADDRESS = struct.Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, interface index."""
ATTRIBUTE = struct.Struct("=HH")

BUFFER_BYTES = 32_768
TIMEOUT_S = 2.0


def read_listeners() -> int:
    """TCP sockets in LISTEN, IPv4 and IPv6; raises OSError where there is no sock_diag for us."""
    with open_netlink(NETLINK_SOCK_DIAG) as diag:
        found = count_listeners(diag, socket.AF_INET)
        try:
            return found + count_listeners(diag, socket.AF_INET6)
        except FileNotFoundError:  # a kernel without IPv6
            return found


def count_listeners(diag: socket.socket, family: int) -> int:
    """The sockets of ``family`` in LISTEN; raises OSError on the kernel's refusal."""
    body = INET_DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN)
    return sum(1 for _ in dump(diag, SOCK_DIAG_BY_FAMILY, body))


def read_addresses() -> dict[str, list[str]]:
    """Interface to its addresses of both versions, as text; raises OSError."""
    found: dict[str, list[str]] = {}
    names = dict(socket.if_nameindex())
    with open_netlink(NETLINK_ROUTE) as route:
        body = INTERFACE_ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        for message in dump(route, RTM_GETADDR, body):
            index, address = parse_address_message(message)
            if address and index in names:
                found.setdefault(names[index], []).append(address)
    return found


def parse_address_message(message: bytes) -> tuple[int, str]:
    """Interface index and address of one ifaddrmsg; "" for a family other than the two.

    IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL, where there is one, is ours.
    """
    family, _, _, _, index = INTERFACE_ADDRESS.unpack_from(message)
    attributes: dict[int, bytes] = {}
    at = INTERFACE_ADDRESS.size
    while at + ATTRIBUTE.size <= len(message):
        size, kind = ATTRIBUTE.unpack_from(message, at)
        if size < ATTRIBUTE.size:
            break
        attributes[kind] = message[at + ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    packed = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS, b"")
    if len(packed) != {socket.AF_INET: 4, socket.AF_INET6: 16}.get(family):
        return index, ""
    return index, socket.inet_ntop(family, packed)


def open_netlink(protocol: int) -> socket.socket:
    """A netlink socket that gives up after TIMEOUT_S."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    link.settimeout(TIMEOUT_S)
    return link


def dump(link: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """The bodies of the messages the kernel answers; raises OSError on its refusal."""
    link.send(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST_DUMP, 1, 0) + body)
    while True:
        bodies, done = parse_messages(link.recv(BUFFER_BYTES))
        yield from bodies
        if done:
            return


def parse_messages(data: bytes) -> tuple[list[bytes], bool]:
    """The bodies in one datagram, and whether it ends the dump; raises OSError as the kernel."""
    bodies: list[bytes] = []
    at = 0
    while at + HEADER.size <= len(data):
        size, kind = HEADER.unpack_from(data, at)[:2]
        if kind == NLMSG_DONE:
            return bodies, True
        if kind == NLMSG_ERROR:
            code = -struct.unpack_from("=i", data, at + HEADER.size)[0]
            raise OSError(code, "the kernel refused a netlink dump")
        if size < HEADER.size:
            raise OSError("netlink answered a message without length")
        bodies.append(data[at + HEADER.size : at + size])
        at += (size + 3) & ~3
    return bodies, False
