"""Echo requests over unprivileged datagram sockets, for both IP versions (RFC 792, RFC 4443)."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import NamedTuple

HEADER = struct.Struct("!BBHHH")
"""type, code, checksum, identifier, sequence; the kernel fills in checksum and identifier."""
PAYLOAD = b"yunxun reachability probe"
REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
RECEIVE_BYTES = 1 << 20


class Reply(NamedTuple):
    """An answer: from where, to which request."""

    address: str
    sequence: int


def open_echo(family: int) -> socket.socket | None:
    """A socket for echo requests, or None where this process may not have one."""
    try:
        made = socket.socket(family, socket.SOCK_DGRAM, PROTOCOL[socket.AddressFamily(family)])
    except OSError:
        return None
    made.setblocking(False)
    with contextlib.suppress(OSError):  # the kernel's own size then
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return made


def request(family: int, sequence: int) -> bytes:
    """An echo request. Datagram sockets have the kernel set the checksum of IPv6 and, on Linux,
    of IPv4; other systems want it right."""
    kind = REQUEST[socket.AddressFamily(family)]
    packet = HEADER.pack(kind, 0, 0, 0, sequence & 0xFFFF) + PAYLOAD
    if family == socket.AF_INET:
        packet = HEADER.pack(kind, 0, checksum(packet), 0, sequence & 0xFFFF) + PAYLOAD
    return packet


def parse_reply(family: int, packet: bytes, address: str) -> Reply | None:
    """What a packet answers; None for anything else."""
    if family == socket.AF_INET and packet[:1] == b"\x45" and len(packet) >= 20 + HEADER.size:
        packet = packet[20:]  # some systems hand over the IP header, too
    if len(packet) < HEADER.size:
        return None
    kind, code, _, _, sequence = HEADER.unpack_from(packet)
    if kind != REPLY[socket.AddressFamily(family)] or code or packet[HEADER.size :] != PAYLOAD:
        return None
    return Reply(address.partition("%")[0], sequence)


def checksum(packet: bytes) -> int:
    """The ones' complement sum of RFC 1071 over 16-bit words."""
    if len(packet) % 2:
        packet += b"\0"
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
